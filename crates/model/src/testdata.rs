//! `testdata/go.jsonl`: what Go and upstream's libraries print, one JSON array
//! per row, its first element the kind:
//!
//! - `["duration", text, ms or null, printed or error]`,
//! - `["go duration", ns, printed]`,
//! - `["size", text, bytes or null, printed or error]`,
//! - `["parse", text, bits or null, error]`: `strconv.ParseFloat`,
//! - `["format", bits, shortest f, %g, %v, JSON of the API]`,
//! - `["escape", name, underscores, dots, values]`,
//! - `["unescape", name, dots, values]`.

use serde_json::Value;

/// The rows of one kind.
pub(crate) fn rows(kind: &str) -> Vec<Vec<Value>> {
    let table = include_str!("../testdata/go.jsonl");
    let rows = table.lines().map(|line| serde_json::from_str::<Vec<Value>>(line).expect("each row is JSON"));
    let rows: Vec<_> = rows.filter(|row| row[0] == kind).collect();
    assert!(!rows.is_empty(), "no rows of {kind}");
    rows
}
