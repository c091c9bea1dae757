//! The instrumentation library.
