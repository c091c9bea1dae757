//! YAML as Prometheus reads it.
