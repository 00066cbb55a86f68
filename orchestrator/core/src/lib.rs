//! The run engine: states, events, decisions. No I/O, no clock.
