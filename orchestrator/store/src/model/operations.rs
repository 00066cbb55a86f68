//! What operators ask and do: status, failures, retention, export. The plain values.
