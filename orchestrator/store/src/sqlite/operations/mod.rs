//! What operators ask and do: status, failures, retention, export. One file per table.
