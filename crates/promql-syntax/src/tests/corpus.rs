//! Every query of upstream's scripts parses, and prints stably.

use std::path::PathBuf;

use crate::{ParserOptions, parse_expr};

fn scripts() -> Option<PathBuf> {
    let root = match std::env::var_os("NARTHEX_UPSTREAM") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/upstream"),
    };
    [root.join("promqltest"), root.join("promql/promqltest/testdata")].into_iter().find(|dir| dir.is_dir())
}

/// The query of a line such as `eval instant at 5m sum(x)`.
fn query_of(line: &str) -> Option<&str> {
    let line = line.trim();
    let command = line.split(' ').next()?;
    if !command.starts_with("eval") {
        return None;
    }
    let words = if line.contains("range from") { 8 } else { 4 };
    let mut rest = line;
    for _ in 0..words {
        rest = rest.split_once(' ')?.1.trim_start();
    }
    Some(rest)
}

#[test]
#[allow(clippy::print_stderr)]
fn upstream_queries_parse() {
    let Some(dir) = scripts() else {
        eprintln!("skipped: no upstream corpus (set NARTHEX_UPSTREAM)");
        return;
    };
    let mut count = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "test") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, query) in text.lines().enumerate().filter_map(|(i, l)| Some((i + 1, query_of(l)?))) {
            let place = format!("{}:{number}: {query}", path.display());
            let expr = parse_expr(query, &ParserOptions::ALL).unwrap_or_else(|e| panic!("{place}: {e}"));
            let printed = expr.to_string();
            let again = parse_expr(&printed, &ParserOptions::ALL).unwrap_or_else(|e| panic!("{place}: {e}"));
            assert_eq!(again.to_string(), printed, "{place}");
            count += 1;
        }
    }
    assert!(count > 500, "only {count} queries found");
}
