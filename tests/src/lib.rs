//! End to end, conformance, simulation, recorded histories, tidy.
