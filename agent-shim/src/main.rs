//! The program `sortie-shim`.

fn main() {}
