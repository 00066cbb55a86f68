//! What starts runs: one function makes every run ([`start`]), whoever asks for it.
//!
//! Every run has its id before it is made: derived from what asks for it, or reserved under its key. Making it twice is making
//! it once, whichever process dies when.

pub mod calendar;
pub mod due_times;
pub mod limits;
pub mod start;
