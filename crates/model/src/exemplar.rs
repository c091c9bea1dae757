//! A sample's example: labels that lead from a number to one event behind it.

use crate::Labels;

/// One exemplar as a target exposed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Its own labels (not the series').
    pub labels: Labels,
    /// The observed value.
    pub value: f64,
    /// Milliseconds since the epoch; `None` when not exposed.
    pub timestamp_ms: Option<i64>,
}
