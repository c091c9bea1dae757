//! Upstream's scripts, `eval` by `eval`. Those that do not hold yet are listed in
//! `testdata/known-gaps.txt`, which only shrinks.

#![allow(clippy::print_stderr)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use narthex_promql::script::{ScriptOptions, run_file};

fn scripts() -> Option<PathBuf> {
    let root = match std::env::var_os("NARTHEX_UPSTREAM") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/upstream"),
    };
    [root.join("promqltest"), root.join("promql/promqltest/testdata")].into_iter().find(|dir| dir.is_dir())
}

/// `script.test:line reason`, one per line; blank lines and `#` comments are skipped.
fn known_gaps() -> BTreeSet<String> {
    let text = include_str!("../testdata/known-gaps.txt");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn upstream_scripts_hold() {
    let Some(dir) = scripts() else {
        eprintln!("skipped: no upstream scripts (set NARTHEX_UPSTREAM)");
        return;
    };
    let gaps = known_gaps();
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    files.sort();
    let mut evals = 0;
    let mut failures: BTreeMap<String, String> = BTreeMap::new();
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let summary = run_file(path, &ScriptOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        evals += summary.evals.len();
        for failure in summary.failures {
            failures.insert(format!("{name}:{}", failure.line), format!("{}: {}", failure.query, failure.text));
        }
    }
    let new: Vec<String> = failures
        .iter()
        .filter(|(case, _)| !gaps.contains(*case))
        .map(|(case, text)| format!("{case}: {text}"))
        .collect();
    let closed: Vec<&String> = gaps.iter().filter(|case| !failures.contains_key(*case)).collect();
    eprintln!("{evals} evals in {} scripts, {} of them known gaps", files.len(), gaps.len());
    assert!(new.is_empty(), "{} evals fail that should not:\n{}", new.len(), new.join("\n"));
    assert!(closed.is_empty(), "known gaps that hold now (remove them from the list): {closed:?}");
    assert!(evals > 500, "only {evals} evals found");
}
