//! `test promql`.

use std::path::Path;

use narthex_promql::script::{ScriptOptions, run_file};

use crate::command::Given;
use crate::output::{FAILURE, Output, SUCCESS};

/// Runs scripts with all features on, as upstream runs its own.
pub(crate) fn run(given: &Given, output: &mut Output<'_>) -> u8 {
    let mut code = SUCCESS;
    for file in &given.args {
        output.line(format_args!("Testing:  {file}"));
        match run_file(Path::new(file), &ScriptOptions::default()) {
            Ok(summary) if summary.failures.is_empty() => {
                output.line(format_args!("  SUCCESS: {} evaluations", summary.evals.len()));
            }
            Ok(summary) => {
                let (failed, all) = (summary.failures.len(), summary.evals.len());
                output.complain(format_args!("  FAILED: {failed} of {all} evaluations"));
                for failure in &summary.failures {
                    output.complain(format_args!("    {failure}"));
                }
                code = FAILURE;
            }
            Err(error) => {
                output.complain(format_args!("  FAILED: {}", with_causes(&error)));
                code = FAILURE;
            }
        }
        output.line("");
    }
    code
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn what_does_not_hold_is_told_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let load = "load 1m\n  x 1 2 3\n\n";
        let good = file("good.test", &format!("{load}eval instant at 1m x\n  x 2\n"));
        let bad = file("bad.test", &format!("{load}eval instant at 1m x\n  x 3\n"));
        let none = file("none.test", "what\n");
        check(&format!("test promql {good}"), 0, &format!("Testing:  {good}\n  SUCCESS: 1 evaluations\n\n"), "");
        check(
            &format!("test promql {good} {bad}"),
            1,
            &format!("Testing:  {good}\n  SUCCESS: 1 evaluations\n\nTesting:  {bad}\n\n"),
            &format!("  FAILED: 1 of 1 evaluations\n    {bad}:4: x: expected {{__name__=\"x\"}} to be 3, got 2\n"),
        );
        let said = format!("  FAILED: {none}:1: invalid command \"what\"\n");
        check(&format!("test promql {none}"), 1, &format!("Testing:  {none}\n\n"), &said);
        let gone = dir.path().join("gone").display().to_string();
        let said = format!("  FAILED: read {gone}: No such file or directory (os error 2)\n");
        check(&format!("test promql {gone}"), 1, &format!("Testing:  {gone}\n\n"), &said);
    }
}
