//! Upstream's configuration files: `*.good.yml` load, `*.bad.yml` are refused.
//! Those that need what is not built yet are listed in `testdata/known_gaps.txt`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use narthex_config::Config;

/// Upstream's test data, when they are at hand.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("NARTHEX_UPSTREAM")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/upstream"));
    let candidates = [root.join("config"), root.join("config/testdata")];
    let found = candidates.into_iter().rev().find(|dir| dir.join("conf.good.yml").exists());
    if found.is_none() {
        eprintln!("skipped: no upstream configurations (set NARTHEX_UPSTREAM)");
    }
    found
}

fn load(path: &Path) -> Result<Config, String> {
    let config = Config::load_file(path, &|_| Some("value".into())).map_err(|error| error.to_string())?;
    config.all_scrape_configs().map_err(|error| error.to_string())?;
    Ok(config)
}

#[test]
fn good_files_load_and_bad_ones_are_refused() {
    let Some(dir) = corpus() else { return };
    let mut gaps: BTreeMap<&str, &str> = include_str!("../testdata/known_gaps.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(": ").expect("a gap is `file: reason`"))
        .collect();
    let mut names: Vec<String> = std::fs::read_dir(&dir)
        .expect("the corpus is readable")
        .map(|entry| entry.expect("the corpus is readable").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut wrong = Vec::new();
    for name in names.iter().filter(|name| name.ends_with(".good.yml") || name.ends_with(".bad.yml")) {
        let result = load(&dir.join(name));
        let as_upstream = result.is_ok() == name.ends_with(".good.yml");
        match (as_upstream, gaps.remove(name.as_str())) {
            (true, None) | (false, Some(_)) => {}
            (true, Some(_)) => wrong.push(format!("{name} is as upstream's now: take it off the list")),
            (false, None) => wrong.push(format!("{name}: {result:?}")),
        }
        if let (Ok(config), true) = (result, as_upstream) {
            let printed = config.to_yaml();
            match Config::load_str(&printed, Path::new(""), &|_| None) {
                Ok(again) if again == config => {}
                Ok(again) => wrong.push(format!("{name} prints as\n{printed}\nwhich is {again:?}")),
                Err(error) => wrong.push(format!("{name} prints as\n{printed}\nwhich is refused: {error}")),
            }
        }
    }
    wrong.extend(gaps.keys().map(|name| format!("{name} is listed but not there")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The texts that upstream's own tests expect, as far as this build gets there.
#[test]
fn bad_files_are_refused_in_upstreams_words() {
    let Some(dir) = corpus() else { return };
    for (name, want) in [
        ("jobname.bad.yml", "job_name is empty"),
        ("jobname_dup.bad.yml", "found multiple scrape configs with job name \"prometheus\""),
        ("labelname.bad.yml", "\"\\xff\" is not valid UTF-8"),
        ("regex.bad.yml", "error parsing regexp"),
        ("modulus_missing.bad.yml", "relabel configuration for hashmod requires non-zero modulus"),
        ("static_config.bad.yml", "field targets not found in type config.plain"),
        ("section_key_dup.bad.yml", "field scrape_configs already set in type config.plain"),
        ("unknown_attr.bad.yml", "field consult_sd_configs not found in type config.ScrapeConfig"),
        ("unknown_global_attr.bad.yml", "field nonexistent_field not found in type config.plain"),
        ("empty_scrape_config.bad.yml", "empty or null scrape config section"),
        ("empty_static_config.bad.yml", "empty or null section in static_configs"),
        ("empty_target_relabel_config.bad.yml", "empty or null target relabeling rule"),
        ("scrape_config_files_scrape_protocols.bad.yml", "scrape_protocols: unknown scrape protocol prometheusproto"),
        ("scrape_config_files_glob.bad.yml", "invalid scrape config file path \"scrape_configs/*/*\""),
        ("scrape_body_size_limit.bad.yml", "units: unknown unit  in 100"),
        (
            "scrape_config_utf8_conflicting.bad.yml",
            "utf8 metric names requested but validation scheme is not set to UTF8",
        ),
    ] {
        let error = load(&dir.join(name)).expect_err(name);
        assert!(error.contains(want), "{name}: {error}");
    }
}
