//! Starlark flows: bundles, builtins, replay, check.
