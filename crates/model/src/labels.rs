//! Label sets: sorted by name, without empty values, immutable, cheap to clone.
//!
//! A set is one shared string: for each pair the length and text of the name,
//! then of the value. A length is written in groups of six bits, least
//! significant first, bit 6 set on all but the last group, so that every byte
//! is ASCII and the whole stays a valid `str`. One allocation per set; equality
//! and hashing work on the bytes as they are.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use twox_hash::XxHash64;

use crate::METRIC_NAME;
use crate::name::{is_legacy_label_name, is_legacy_metric_name};
use crate::quote::write_quoted;

/// An immutable label set, sorted by name, each name once, no empty value.
#[derive(Clone)]
pub struct Labels {
    encoded: Arc<str>,
}

impl Labels {
    /// The set without labels.
    pub fn empty() -> Labels {
        static EMPTY: std::sync::OnceLock<Labels> = std::sync::OnceLock::new();
        EMPTY.get_or_init(|| Labels { encoded: Arc::from("") }).clone()
    }

    /// Builds a set from pairs in any order. Pairs with an empty value are left
    /// out; of several pairs with one name the last counts.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Labels {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name.as_ref(), value.as_ref());
        }
        builder.labels()
    }

    /// Builds a set from pairs that are already sorted by name, unique and not empty.
    ///
    /// # Panics
    /// In debug builds, when they are not.
    pub fn from_sorted<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Labels {
        let mut encoded = String::with_capacity(128);
        let mut last: Option<&str> = None;
        for (name, value) in pairs {
            debug_assert!(last.is_none_or(|last| last < name), "label names are sorted and unique");
            debug_assert!(!value.is_empty(), "an empty label is an absent one");
            last = Some(name);
            push_text(&mut encoded, name);
            push_text(&mut encoded, value);
        }
        Labels { encoded: Arc::from(encoded) }
    }

    /// The value of `name`, or `None` when there is no such label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().take_while(|(n, _)| *n <= name).find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// The value of `name`, or `""` when there is no such label.
    pub fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    /// The metric name, or `""`.
    pub fn metric_name(&self) -> &str {
        self.value(METRIC_NAME)
    }

    /// The pairs, by ascending name.
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.encoded }
    }

    /// How many labels there are. Walks the set.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are no labels.
    pub fn is_empty(&self) -> bool {
        self.encoded.is_empty()
    }

    /// Upstream's hash of a label set: XXH64 with seed 0 over name and value of
    /// each pair, each behind its length (one byte; from 255 on `0xFF` and three
    /// bytes, little endian). Decides what `limit_ratio` keeps.
    ///
    /// Source: Prometheus `model/labels/labels_stringlabels.go`.
    pub fn upstream_hash(&self) -> u64 {
        let mut hasher = XxHash64::with_seed(0);
        for text in self.iter().flat_map(|(name, value)| [name, value]) {
            match u8::try_from(text.len()) {
                Ok(len) if len < 255 => hasher.write(&[len]),
                _ => {
                    let len = (text.len() as u32).to_le_bytes();
                    hasher.write(&[0xFF, len[0], len[1], len[2]]);
                }
            }
            hasher.write(text.as_bytes());
        }
        hasher.finish()
    }

    /// A builder that starts from this set.
    pub fn to_builder(&self) -> LabelsBuilder {
        LabelsBuilder { pairs: self.iter().map(|(n, v)| (n.into(), v.into())).collect() }
    }

    /// The set without the labels for which `keep` says no.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&str) -> bool) -> Labels {
        Labels::from_sorted(self.iter().filter(|(name, _)| keep(name)))
    }

    /// Writes the set as a metric: `name{a="v", b="w"}` with `separator` between
    /// pairs. A name that is not legacy-valid goes inside the braces, quoted.
    fn write_metric(&self, f: &mut fmt::Formatter<'_>, separator: &str) -> fmt::Result {
        let name = self.metric_name();
        let outside = is_legacy_metric_name(name);
        if outside {
            f.write_str(name)?;
            if self.iter().nth(1).is_none() {
                return Ok(());
            }
        }
        f.write_str("{")?;
        let mut first = true;
        if !outside && !name.is_empty() {
            write_quoted(f, name)?;
            first = false;
        }
        for (label, value) in self.iter().filter(|(label, _)| *label != METRIC_NAME) {
            if !first {
                f.write_str(separator)?;
            }
            first = false;
            write_pair(f, label, value)?;
        }
        f.write_str("}")
    }

    /// The set as a metric is written in PromQL: `name{a="v",b="w"}`; a name
    /// that is not legacy-valid goes inside the braces, quoted.
    pub fn as_metric(&self) -> impl fmt::Display + '_ {
        struct Metric<'a>(&'a Labels);
        impl fmt::Display for Metric<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write_metric(f, ",")
            }
        }
        Metric(self)
    }
}

/// `{__name__="up", job="x"}`: how upstream prints a label set in messages.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write_pair(f, name, value)?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn write_pair(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    if is_legacy_label_name(name) {
        f.write_str(name)?;
    } else {
        write_quoted(f, name)?;
    }
    f.write_str("=")?;
    write_quoted(f, value)
}

impl Default for Labels {
    fn default() -> Labels {
        Labels::empty()
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Labels) -> bool {
        Arc::ptr_eq(&self.encoded, &other.encoded) || self.encoded == other.encoded
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.encoded.hash(state);
    }
}

/// Pair by pair, names before values, bytewise; a prefix comes first.
impl Ord for Labels {
    fn cmp(&self, other: &Labels) -> std::cmp::Ordering {
        self.iter().cmp(other.iter())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Labels) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The pairs of a set, by ascending name.
#[derive(Clone)]
pub struct Iter<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        if self.rest.is_empty() {
            return None;
        }
        let name = take_text(&mut self.rest);
        let value = take_text(&mut self.rest);
        Some((name, value))
    }
}

const LEN_BITS: u32 = 6;
const LEN_MORE: u8 = 1 << LEN_BITS;

fn push_text(encoded: &mut String, text: &str) {
    let mut len = text.len();
    while len >= LEN_MORE as usize {
        encoded.push(char::from((len as u8 & (LEN_MORE - 1)) | LEN_MORE));
        len >>= LEN_BITS;
    }
    encoded.push(char::from(len as u8));
    encoded.push_str(text);
}

#[inline]
fn take_text<'a>(rest: &mut &'a str) -> &'a str {
    let bytes = rest.as_bytes();
    let (mut len, mut shift, mut at) = (0usize, 0, 0);
    loop {
        let byte = bytes[at];
        at += 1;
        len |= ((byte & (LEN_MORE - 1)) as usize) << shift;
        if byte & LEN_MORE == 0 {
            break;
        }
        shift += LEN_BITS;
    }
    let text = &rest[at..at + len];
    *rest = &rest[at + len..];
    text
}

/// A label set under construction. Setting a label to `""` removes it.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    /// Sorted by name, names unique, values not empty.
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.pairs.clear();
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.pairs.binary_search_by(|(n, _)| n.as_str().cmp(name))
    }

    /// The value of `name`, or `""`.
    pub fn value(&self, name: &str) -> &str {
        self.find(name).map_or("", |i| &self.pairs[i].1)
    }

    /// Sets `name` to `value`; `""` removes it.
    pub fn set(&mut self, name: &str, value: &str) -> &mut LabelsBuilder {
        match self.find(name) {
            Ok(i) if value.is_empty() => {
                self.pairs.remove(i);
            }
            Ok(i) => {
                self.pairs[i].1.clear();
                self.pairs[i].1.push_str(value);
            }
            Err(_) if value.is_empty() => {}
            Err(i) => self.pairs.insert(i, (name.into(), value.into())),
        }
        self
    }

    /// Removes `name`.
    pub fn remove(&mut self, name: &str) -> &mut LabelsBuilder {
        self.set(name, "")
    }

    /// Keeps only the labels whose name and value pass.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) -> &mut LabelsBuilder {
        self.pairs.retain(|(name, value)| keep(name, value));
        self
    }

    /// The pairs so far, by ascending name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The finished set.
    pub fn labels(&self) -> Labels {
        if self.pairs.is_empty() { Labels::empty() } else { Labels::from_sorted(self.iter()) }
    }
}

/// Shorthand for tests and fixed sets: `labels! { "job" => "a", "instance" => "b" }`.
#[macro_export]
macro_rules! labels {
    ($($name:expr => $value:expr),* $(,)?) => {
        $crate::Labels::from_pairs::<&str, &str>([$(($name, ::core::convert::AsRef::<str>::as_ref(&$value))),*])
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn pairs_come_back_sorted_and_without_empty_ones() {
        let labels = labels! { "b" => "2", "a" => "1", "c" => "" };
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
        assert_eq!(labels.get("b"), Some("2"));
        assert_eq!(labels.get("c"), None);
        assert_eq!(labels.len(), 2);
    }

    #[test]
    fn texts_of_any_length_round_trip() {
        for len in [1, 63, 64, 65, 4095, 4096, 300_000] {
            let value = "é".repeat(len);
            assert_eq!(labels! { "a" => &value }.get("a"), Some(value.as_str()));
        }
    }

    #[test]
    fn order_is_pairwise_and_prefix_first() {
        let mut sets = [labels! { "a" => "b", "c" => "d" }, labels! { "b" => "a" }, labels! { "a" => "b" }, labels! {}];
        sets.sort();
        assert_eq!(sets.map(|s| s.to_string()), ["{}", r#"{a="b"}"#, r#"{a="b", c="d"}"#, r#"{b="a"}"#]);
    }

    #[test]
    fn the_hash_is_upstreams() {
        // The specification's example for limit_ratio: a, b, e, f and g hash into the lower half.
        let low = |i: &str| {
            let hash = labels! { "__name__" => "t", "i" => i }.upstream_hash();
            (hash as f64) / (u64::MAX as f64) < 0.5
        };
        assert_eq!(["a", "b", "c", "d", "e", "f", "g"].map(low), [true, true, false, false, true, true, true]);
    }

    #[test]
    fn prints_as_a_set_and_as_a_metric() {
        let labels = labels! { "__name__" => "up", "a.b" => "x\"" };
        assert_eq!(labels.to_string(), r#"{__name__="up", "a.b"="x\""}"#);
        assert_eq!(labels.as_metric().to_string(), r#"up{"a.b"="x\""}"#);
        assert_eq!(labels! { "__name__" => "my metric", "a" => "b" }.as_metric().to_string(), r#"{"my metric",a="b"}"#);
        assert_eq!(labels! { "__name__" => "up" }.as_metric().to_string(), "up");
        assert_eq!(labels! {}.as_metric().to_string(), "{}");
    }

    #[test]
    fn a_builder_sets_replaces_and_removes() {
        let mut builder = labels! { "a" => "1", "b" => "2" }.to_builder();
        builder.set("a", "3").remove("b").set("c", "4").set("d", "");
        assert_eq!(builder.labels(), labels! { "a" => "3", "c" => "4" });
    }
}
