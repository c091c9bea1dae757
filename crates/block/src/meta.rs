//! `meta.json`: what a block is about.

use std::path::Path;

use narthex_env::Files;
use serde::{Deserialize, Serialize};

use crate::Ulid;
use crate::dir::write_file;
use crate::error::{BlockError, Result, io_error};

/// Its name in the block's directory.
pub const META_FILE: &str = "meta.json";
/// The version written and, but for one repair, the only one read.
const VERSION: i64 = 1;
/// What Prometheus 2.1 wrote by mistake.
pub(crate) const VERSION_OF_2_1: i64 = 2;

/// Compaction hint: the samples came late.
pub const HINT_FROM_OUT_OF_ORDER: &str = "from-out-of-order";
/// Compaction hint: the series were chosen by somebody.
pub const HINT_FROM_SELECTED_SERIES: &str = "from-selected-series";
/// Compaction hint: the series had ended.
pub const HINT_FROM_STALE_SERIES: &str = "from-stale-series";

/// What a block is about. Its samples lie in `[min_time, max_time)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// The block's name, which is also that of its directory.
    #[serde(default)]
    pub ulid: Ulid,
    /// Milliseconds since the epoch; no sample is earlier.
    #[serde(default)]
    pub min_time: i64,
    /// Milliseconds since the epoch; all samples are earlier.
    #[serde(default)]
    pub max_time: i64,
    /// How much is in it.
    #[serde(default)]
    pub stats: Stats,
    /// Where it comes from.
    #[serde(default)]
    pub compaction: Compaction,
    /// Of the format.
    #[serde(default)]
    pub version: i64,
}

/// How much is in a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Samples of all kinds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub num_samples: u64,
    /// Floats; absent in blocks of older servers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub num_float_samples: u64,
    /// Native histograms; likewise.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub num_histogram_samples: u64,
    /// Series.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub num_series: u64,
    /// Chunks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub num_chunks: u64,
    /// Deleted intervals.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub num_tombstones: u64,
}

/// Where a block comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compaction {
    /// How often its samples were compacted; 1 for those cut from the head.
    #[serde(default)]
    pub level: i32,
    /// The blocks cut from the head that went into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Ulid>,
    /// Compaction left nothing of it: it may go.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deletable: bool,
    /// The blocks it was made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Parent>,
    /// Compacting it failed; it is not tried again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub failed: bool,
    /// What kind of data it is, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

/// A block that another was made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parent {
    /// Its name.
    pub ulid: Ulid,
    /// Its first possible time.
    pub min_time: i64,
    /// The first time it could not have.
    pub max_time: i64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Compaction {
    /// Whether it has this hint.
    pub fn has_hint(&self, hint: &str) -> bool {
        self.hints.iter().any(|h| h == hint)
    }

    /// Adds a hint, keeping them sorted.
    pub fn add_hint(&mut self, hint: &str) {
        if let Err(at) = self.hints.binary_search_by(|h| h.as_str().cmp(hint)) {
            self.hints.insert(at, hint.to_owned());
        }
    }
}

impl Meta {
    /// That of a block cut from the head: level 1, its own source. What is in it
    /// is filled in when it is written.
    pub fn new(ulid: Ulid, min_time: i64, max_time: i64) -> Meta {
        let compaction = Compaction { level: 1, sources: vec![ulid], ..Compaction::default() };
        Meta { ulid, min_time, max_time, compaction, version: VERSION, stats: Stats::default() }
    }

    /// Itself as a parent.
    pub fn as_parent(&self) -> Parent {
        Parent { ulid: self.ulid, min_time: self.min_time, max_time: self.max_time }
    }

    /// Whether some of its time lies in `[min_ms, max_ms]`.
    pub fn overlaps(&self, min_ms: i64, max_ms: i64) -> bool {
        self.min_time <= max_ms && min_ms < self.max_time
    }

    /// Reads the file of the block in `dir`.
    ///
    /// # Errors
    /// When it cannot be read or is of another version.
    pub fn read(files: &dyn Files, dir: &Path) -> Result<Meta> {
        let meta = Meta::read_any_version(files, dir)?;
        if meta.version == VERSION { Ok(meta) } else { Err(BlockError::MetaVersion(meta.version)) }
    }

    pub(crate) fn read_any_version(files: &dyn Files, dir: &Path) -> Result<Meta> {
        let path = dir.join(META_FILE);
        let file = files.open_read(&path).map_err(io_error("open", &path))?;
        let bytes = file.read_all().map_err(io_error("read", &path))?;
        serde_json::from_slice(&bytes).map_err(|source| BlockError::Meta { path, source })
    }

    /// The text of the file.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let format = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, format);
        Meta { version: VERSION, ..self.clone() }.serialize(&mut serializer).expect("it has only strings and numbers");
        out
    }

    /// Writes the file of the block in `dir` and makes it durable; returns its length.
    ///
    /// # Errors
    /// The system's; an old file then stays as it was.
    pub fn write(&self, files: &dyn Files, dir: &Path) -> Result<u64> {
        let json = self.to_json();
        write_file(files, dir, META_FILE, &json)?;
        Ok(json.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_upstreams() {
        let ulid: Ulid = "01BZJ9WJQPWHGNC2W4J9TA62KC".parse().unwrap();
        let mut meta = Meta::new(ulid, -5, 7_200_000);
        meta.stats = Stats { num_samples: 3, num_series: 2, num_chunks: 2, ..Stats::default() };
        meta.compaction.parents.push(Parent::default());
        meta.compaction.add_hint(HINT_FROM_STALE_SERIES);
        meta.compaction.add_hint(HINT_FROM_OUT_OF_ORDER);
        meta.compaction.add_hint(HINT_FROM_STALE_SERIES);
        let want = "{\n\t\"ulid\": \"01BZJ9WJQPWHGNC2W4J9TA62KC\",\n\t\"minTime\": -5,\n\t\"maxTime\": 7200000,\n\t\"stats\": {\n\t\t\"numSamples\": 3,\n\t\t\"numSeries\": 2,\n\t\t\"numChunks\": 2\n\t},\n\t\"compaction\": {\n\t\t\"level\": 1,\n\t\t\"sources\": [\n\t\t\t\"01BZJ9WJQPWHGNC2W4J9TA62KC\"\n\t\t],\n\t\t\"parents\": [\n\t\t\t{\n\t\t\t\t\"ulid\": \"00000000000000000000000000\",\n\t\t\t\t\"minTime\": 0,\n\t\t\t\t\"maxTime\": 0\n\t\t\t}\n\t\t],\n\t\t\"hints\": [\n\t\t\t\"from-out-of-order\",\n\t\t\t\"from-stale-series\"\n\t\t]\n\t},\n\t\"version\": 1\n}";
        assert_eq!(String::from_utf8(meta.to_json()).unwrap(), want);
        assert_eq!(serde_json::from_slice::<Meta>(want.as_bytes()).unwrap(), meta);
    }

    #[test]
    fn unknown_keys_are_ignored() {
        let json = br#"{"ulid":"01BZJ9WJQPWHGNC2W4J9TA62KC","thanos":{"x":1},"stats":{},"version":1}"#;
        assert_eq!(serde_json::from_slice::<Meta>(json).unwrap().version, 1);
    }
}
