//! Launches coding agents on VMs over SSH and waits for them durably: all I/O and wiring of `sortie`.

pub mod launcher;
