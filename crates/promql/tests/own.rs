//! Our own scripts, one per area of the language.

use std::path::PathBuf;

use narthex_promql::script::{ScriptOptions, run_file};

#[test]
fn own_scripts_hold() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    files.sort();
    assert!(files.len() >= 8, "scripts are missing: {files:?}");
    let mut failures = Vec::new();
    for path in &files {
        let summary = run_file(path, &ScriptOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        assert!(!summary.evals.is_empty(), "{} has no evals", path.display());
        failures.extend(summary.failures.iter().map(|failure| failure.to_string()));
    }
    assert!(failures.is_empty(), "{} evals fail:\n{}", failures.len(), failures.join("\n"));
}
