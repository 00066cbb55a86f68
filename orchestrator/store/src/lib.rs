//! The store: its port, the SQLite adapter, the conformance suite.
