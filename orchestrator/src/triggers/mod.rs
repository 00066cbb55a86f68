//! What starts runs: one function makes every run ([`start`]), whoever asks for it; schedules ([`scheduler`]) and webhooks
//! ([`hooks`]) are two of those who ask.
//!
//! Every run has its id before it is made: derived from what asks for it, or reserved under its key. Making it twice is making
//! it once, whichever process dies when.

pub mod calendar;
pub mod due_times;
pub mod fires;
pub mod hooks;
pub mod limits;
pub mod releases;
pub mod scheduler;
pub mod signatures;
pub mod start;
