//! `check config`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use narthex_config::paths::glob;
use narthex_config::{Config, ScrapeConfig};
use narthex_flags::{Flag, Kind};
use narthex_model::duration::format_duration;
use narthex_model::quote::quote;

use crate::command::{ENABLE_FEATURE, EXPERIMENTAL, Given};
use crate::output::{FAILURE, LINT, Output, SUCCESS};

pub(crate) const FLAGS: &[Flag] = &[
    ENABLE_FEATURE,
    EXPERIMENTAL,
    Flag::new(
        "syntax-only",
        Kind::Switch,
        "false",
        "Check only what the files themselves say, not whether the files that they name are there.",
    ),
    Flag::new(
        "lint",
        Kind::Text,
        "duplicate-rules",
        "Comma-separated checks beyond validity: all, duplicate-rules, none, too-long-scrape-interval.",
    ),
    Flag::new("lint-fatal", Kind::Switch, "false", "End with 3 when these checks find something."),
    Flag::new(
        "query.lookback-delta",
        Kind::Duration,
        "5m",
        "The server's lookback; a scrape interval that is not shorter leaves gaps.",
    ),
    Flag::missing("ignore-unknown-fields", Kind::Switch, "false"),
    Flag::missing("agent", Kind::Switch, "false"),
];

/// What was found to belong to a configuration.
struct Checked {
    rule_files: Vec<PathBuf>,
    jobs: Vec<Arc<ScrapeConfig>>,
}

pub(crate) fn run(given: &Given, output: &mut Output<'_>) -> u8 {
    let lint = match lint(&given.values.text("lint")) {
        Ok(lint) => lint,
        Err(text) => {
            output.complain(text);
            return FAILURE;
        }
    };
    let is_syntax_only = given.values.is_on("syntax-only");
    let lookback_delta_ms = given.values.duration_ms("query.lookback-delta");
    let (mut has_errors, mut has_findings) = (false, false);
    for file in &given.args {
        output.line(format_args!("Checking {file}"));
        let jobs = match check(Path::new(file), is_syntax_only, output) {
            Ok(checked) => {
                if !checked.rule_files.is_empty() {
                    output.line(format_args!("  SUCCESS: {} rule files found", checked.rule_files.len()));
                }
                output.line(format_args!(" SUCCESS: {file} is valid prometheus config file syntax"));
                checked.jobs
            }
            Err(text) => {
                output.complain(format_args!("  FAILED: {text}"));
                has_errors = true;
                Vec::new()
            }
        };
        output.line("");
        if lint.too_long_scrape_interval && !is_syntax_only {
            for job in jobs.iter().filter(|job| job.scrape_interval_ms >= lookback_delta_ms) {
                has_findings = true;
                output.complain(format_args!(
                    "  FAILED: long scrape interval found, data point will be marked as stale - job: {}, interval: {}",
                    job.job_name,
                    format_duration(job.scrape_interval_ms)
                ));
            }
        }
    }
    match (has_errors, has_findings && given.values.is_on("lint-fatal")) {
        (true, _) => FAILURE,
        (false, true) => LINT,
        (false, false) => SUCCESS,
    }
}

/// Checks that concern more than validity.
#[derive(Default)]
struct Lint {
    too_long_scrape_interval: bool,
}

fn lint(names: &str) -> Result<Lint, String> {
    let mut lint = Lint::default();
    for name in names.split(',') {
        match name {
            "all" | "too-long-scrape-interval" => lint.too_long_scrape_interval = true,
            // Concerns the content of rule files.
            "duplicate-rules" | "none" => {}
            name => return Err(format!("unknown lint option {}", quote(name))),
        }
    }
    Ok(lint)
}

fn check(file: &Path, is_syntax_only: bool, output: &mut Output<'_>) -> Result<Checked, String> {
    let config = Config::load_file(file, &|name| std::env::var(name).ok()).map_err(|error| error.to_string())?;
    let jobs = config.all_scrape_configs().map_err(|error| error.to_string())?;
    let mut rule_files = Vec::new();
    if is_syntax_only {
        return Ok(Checked { rule_files, jobs });
    }
    for pattern in &config.rule_files {
        let found = glob(pattern).map_err(|error| error.to_string())?;
        if found.is_empty() && !pattern.contains('*') {
            return Err(format!("{} does not point to an existing file", quote(pattern)));
        }
        for file in &found {
            fs::metadata(file)
                .map_err(|error| format!("error checking rule file {}: {error}", quote(&file.to_string_lossy())))?;
        }
        rule_files.extend(found);
    }
    for job in &jobs {
        for pattern in job.file_sd_configs.iter().flat_map(|config| &config.files) {
            if glob(pattern).map_err(|error| error.to_string())?.is_empty() {
                output.line(format_args!(
                    "  WARNING: file {} for file_sd in scrape job {} does not exist",
                    quote(pattern),
                    quote(&job.job_name)
                ));
            }
        }
    }
    Ok(Checked { rule_files, jobs })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check as check_run;

    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Files {
            Files(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> String {
            self.0.path().join(name).to_str().unwrap().to_owned()
        }

        fn write(&self, name: &str, text: &str) -> String {
            let path = self.path(name);
            fs::write(&path, text).unwrap();
            path
        }
    }

    #[test]
    fn a_valid_file_is_told_to_be_so() {
        let files = Files::new();
        files.write("r.yml", "groups: []\n");
        let file = files.write("p.yml", "rule_files: [r.yml, 'none*.yml']\n");
        let valid = format!(" SUCCESS: {file} is valid prometheus config file syntax\n\n");
        check_run(
            &format!("check config {file}"),
            0,
            &format!("Checking {file}\n  SUCCESS: 1 rule files found\n{valid}"),
            "",
        );
        check_run(&format!("check config --syntax-only {file}"), 0, &format!("Checking {file}\n{valid}"), "");
    }

    #[test]
    fn mistakes_and_missing_files_fail() {
        let files = Files::new();
        let bad = files.write("bad.yml", "global:\n  bogus: 1\n");
        let said = format!(
            "  FAILED: parsing YAML file {bad}: yaml: unmarshal errors:\n  line 2: field bogus not found in type config.plain\n"
        );
        check_run(&format!("check config {bad}"), 1, &format!("Checking {bad}\n\n"), &said);
        let gone = files.path("gone.yml");
        let said = format!("  FAILED: open {gone}: no such file or directory\n");
        check_run(&format!("check config {gone}"), 1, &format!("Checking {gone}\n\n"), &said);
        let rules = files.write("rules.yml", "rule_files: [gone.yml]\n");
        let said = format!("  FAILED: \"{gone}\" does not point to an existing file\n");
        check_run(&format!("check config {rules}"), 1, &format!("Checking {rules}\n\n"), &said);
    }

    #[test]
    fn missing_target_files_are_warned_about() {
        let files = Files::new();
        let file = files.write("p.yml", "scrape_configs:\n- job_name: a\n  file_sd_configs: [{files: [t.json]}]\n");
        let warning =
            format!("  WARNING: file \"{}\" for file_sd in scrape job \"a\" does not exist\n", files.path("t.json"));
        let valid = format!(" SUCCESS: {file} is valid prometheus config file syntax\n\n");
        check_run(&format!("check config {file}"), 0, &format!("Checking {file}\n{warning}{valid}"), "");
    }

    #[test]
    fn long_intervals_are_found_when_asked_for() {
        let files = Files::new();
        let file = files.write("p.yml", "scrape_configs:\n- job_name: a\n  scrape_interval: 5m\n");
        let out = format!("Checking {file}\n SUCCESS: {file} is valid prometheus config file syntax\n\n");
        let said = "  FAILED: long scrape interval found, data point will be marked as stale - job: a, interval: 5m\n";
        check_run(&format!("check config {file}"), 0, &out, "");
        check_run(&format!("check config --lint=all {file}"), 0, &out, said);
        check_run(&format!("check config --lint=all --lint-fatal {file}"), 3, &out, said);
        check_run(&format!("check config --lint=all --query.lookback-delta=6m {file}"), 0, &out, "");
        check_run(&format!("check config --lint=what {file}"), 1, "", "unknown lint option \"what\"\n");
    }
}
