//! Secrets, connections, operators, notices. One file per table.
