//! One line with a value.

use std::borrow::Cow;

use narthex_model::float::{format_openmetrics, parse_float};
use narthex_model::{Exemplar, Labels, LabelsBuilder, METRIC_NAME, MetricType};

use crate::error::LabelsError;
use crate::quote::quote_bytes;

/// From this length on, what is between the braces is sorted as a whole.
const BRACES_LEN_MANY: usize = 16 << 10;

/// What stands behind the series on a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point<'a> {
    /// The value; every NaN has the bits of [`narthex_model::value::NORMAL_NAN`].
    pub value: f64,
    /// The exposed timestamp in milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
    /// The exemplar (OpenMetrics only).
    pub exemplar: Option<RawExemplar<'a>>,
}

/// An exemplar, its labels still as text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawExemplar<'a> {
    /// Everything between the braces.
    pub labels: &'a [u8],
    /// Its value.
    pub value: f64,
    /// Its timestamp in milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
}

impl RawExemplar<'_> {
    /// The exemplar with its labels. Escapes in label values stay as they were
    /// exposed, as upstream leaves them; labels with an empty value are left out.
    pub fn to_exemplar(&self) -> Exemplar {
        let pairs = Braces { rest: self.labels }.filter_map(|(name, value)| Some((name, value?)));
        let text = |bytes| String::from_utf8_lossy(bytes);
        let labels = Labels::from_pairs(pairs.map(|(name, value)| (text(name), text(value))));
        Exemplar { labels, value: self.value, timestamp_ms: self.timestamp_ms }
    }
}

/// One line with a value. Borrows from the body; labels are built on demand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// The exact bytes of `name{labels}`: the key of a scrape cache.
    pub series: &'a [u8],
    /// What stands behind it.
    pub point: Point<'a>,
    /// The type that the last `TYPE` line before it declared, of whatever metric.
    pub last_type: MetricType,
}

impl<'a> Sample<'a> {
    /// The metric name as it stands in the line, quotes taken off, escapes unresolved.
    pub fn name(&self) -> &'a [u8] {
        let (name, braces) = self.split();
        match name {
            Some(name) => name,
            None => Braces { rest: braces }.find(|(_, value)| value.is_none()).map_or(b"", |(name, _)| name),
        }
    }

    /// The name before the braces, if any, and what is between them.
    fn split(&self) -> (Option<&'a [u8]>, &'a [u8]) {
        let series = self.series;
        let (before, braces) = match series.iter().position(|&byte| byte == b'{') {
            Some(at) => (&series[..at], series[at + 1..].strip_suffix(b"}").unwrap_or_default()),
            None => (series, &series[..0]),
        };
        // Blanks before a name are part of it, as upstream has it; those behind are not.
        let before = before.trim_ascii_end();
        ((!before.is_empty()).then_some(before), braces)
    }

    /// Replaces what `out` holds by the labels of this series, metric name
    /// included as `__name__`, escapes resolved, `le` and `quantile` written as
    /// OpenMetrics floats when the last type is histogram or summary. Labels with an
    /// empty value are left out.
    ///
    /// # Errors
    /// [`LabelsError`], with `out` holding what could be set.
    pub fn labels(&self, out: &mut LabelsBuilder) -> Result<(), LabelsError> {
        out.clear();
        let (name, braces) = self.split();
        // A builder moves what follows a new label: too slow for the many of a long line.
        let mut many = (braces.len() > BRACES_LEN_MANY).then(Vec::new);
        let normalised = match self.last_type {
            MetricType::Histogram => "le",
            MetricType::Summary => "quantile",
            _ => "",
        };
        let mut duplicate: Option<String> = None;
        let mut set = |name: &str, value: &str| {
            if let Some(many) = &mut many {
                return many.push((name.to_owned(), value.to_owned()));
            }
            if !out.value(name).is_empty() && duplicate.as_deref().is_none_or(|first| name < first) {
                duplicate = Some(name.to_owned());
            }
            out.set(name, value);
        };
        if let Some(name) = name {
            set(METRIC_NAME, std::str::from_utf8(name).map_err(|_| self.not_utf8())?);
        }
        for (name, value) in (Braces { rest: braces }) {
            let name = unescape(std::str::from_utf8(name).map_err(|_| self.not_utf8())?, true);
            let Some(value) = value else {
                set(METRIC_NAME, &name);
                continue;
            };
            let value = unescape(std::str::from_utf8(value).map_err(|_| self.not_utf8())?, true);
            let bound = if name == normalised { parse_float(&value).ok() } else { None };
            match bound {
                Some(bound) => set(&name, &format_openmetrics(bound)),
                None => set(&name, &value),
            }
        }
        if let Some(mut many) = many {
            many.sort_by(|(a, _), (b, _)| a.cmp(b));
            for same in many.chunk_by(|(a, _), (b, _)| a == b) {
                // As above: a label is there twice when the one before has a value.
                if duplicate.is_none() && same.windows(2).any(|pair| !pair[0].1.is_empty()) {
                    duplicate = Some(same[0].0.clone());
                }
                // In ascending order, each comes last.
                same.last().into_iter().for_each(|(name, value)| _ = out.set(name, value));
            }
        }
        duplicate.map_or(Ok(()), |name| Err(LabelsError::Duplicate(name)))
    }

    /// The whole set as upstream prints it, bytes that are not UTF-8 as Go quotes them.
    #[cold]
    fn not_utf8(&self) -> LabelsError {
        let (name, braces) = self.split();
        let mut pairs: Vec<(&[u8], &[u8])> = Vec::new();
        pairs.extend(name.map(|name| (METRIC_NAME.as_bytes(), name)));
        pairs.extend(Braces { rest: braces }.map(|(name, value)| match value {
            Some(value) => (name, value),
            None => (METRIC_NAME.as_bytes(), name),
        }));
        pairs.sort_unstable();
        let plain = |name: &[u8]| std::str::from_utf8(name).is_ok_and(narthex_model::name::is_legacy_label_name);
        let pairs: Vec<String> = pairs
            .into_iter()
            .map(|(name, value)| {
                let quoted = quote_bytes(name);
                let name = if plain(name) { quoted.trim_matches('"') } else { &quoted };
                format!("{name}={}", quote_bytes(value))
            })
            .collect();
        LabelsError::NotUtf8(format!("{{{}}}", pairs.join(", ")))
    }
}

/// The pairs between braces that parsed well; a metric name comes without value.
struct Braces<'a> {
    rest: &'a [u8],
}

impl<'a> Braces<'a> {
    /// Takes what is up to the next unescaped quote, which is dropped.
    fn quoted(&mut self) -> &'a [u8] {
        let mut at = 0;
        while let Some(found) = memchr::memchr2(b'"', b'\\', self.rest.get(at..).unwrap_or_default()) {
            at += found;
            if self.rest[at] == b'"' {
                let text = &self.rest[..at];
                self.rest = &self.rest[at + 1..];
                return text;
            }
            at += 2;
        }
        std::mem::take(&mut self.rest)
    }

    fn skip(&mut self, skipped: &[u8]) {
        let at = self.rest.iter().position(|byte| !skipped.contains(byte)).unwrap_or(self.rest.len());
        self.rest = &self.rest[at..];
    }
}

impl<'a> Iterator for Braces<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        self.skip(b" \t,");
        let name = if *self.rest.first()? == b'"' {
            self.rest = &self.rest[1..];
            self.quoted()
        } else {
            let end = self.rest.iter().position(|byte| matches!(byte, b'=' | b' ' | b'\t'))?;
            let (name, rest) = self.rest.split_at(end);
            self.rest = rest;
            name
        };
        self.skip(b" \t");
        if self.rest.first() != Some(&b'=') {
            return Some((name, None));
        }
        self.skip(b" \t=");
        self.rest = self.rest.get(1..)?;
        Some((name, Some(self.quoted())))
    }
}

/// Resolves `\\`, `\n` and, if `quotes`, `\"`; other backslashes stay.
pub(crate) fn unescape(text: &str, quotes: bool) -> Cow<'_, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.clone().next() {
            Some('\\') => out.push('\\'),
            Some('n') => out.push('\n'),
            Some('"') if quotes => out.push('"'),
            _ => {
                out.push('\\');
                continue;
            }
        }
        chars.next();
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests;
