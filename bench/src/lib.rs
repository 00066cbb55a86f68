//! Benchmarks and their results.
