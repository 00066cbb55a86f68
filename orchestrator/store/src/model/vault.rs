//! Secrets, connections, operators, notices. The plain values.
