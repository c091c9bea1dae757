//! Where a job's targets come from.

use std::collections::BTreeMap;

/// One entry of `static_configs`: a target group written out in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaticConfig {
    /// The `__address__` of each target.
    pub targets: Vec<String>,
    /// Labels of all of them, by name. Values may be empty.
    pub labels: BTreeMap<String, String>,
}

/// One entry of `file_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSdConfig {
    /// Files with target groups; `*` may stand in the last path element.
    /// Absolute, or relative to the working directory.
    pub files: Vec<String>,
    /// How often the files are read anew although no change was noticed, in
    /// milliseconds.
    pub refresh_interval_ms: i64,
}

impl Default for FileSdConfig {
    fn default() -> FileSdConfig {
        FileSdConfig { files: Vec::new(), refresh_interval_ms: 5 * 60 * 1000 }
    }
}
