//! Launches coding agents on VMs over SSH and waits for them durably.
