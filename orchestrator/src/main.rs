//! The program `sortie`.

fn main() {}
