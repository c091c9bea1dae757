//! What is scraped: a target, made from a target group and a job.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use narthex_config::ScrapeConfig;
use narthex_discovery::TargetGroup;
use narthex_model::duration::{format_duration, parse_duration};
use narthex_model::quote::quote;
use narthex_model::{Labels, LabelsBuilder, relabel};

use crate::metadata::{Family, FamilyTable};

/// One target of a group, as it was discovered.
#[derive(Clone, Debug)]
pub struct Discovered {
    group: Arc<TargetGroup>,
    index: usize,
    config: Arc<ScrapeConfig>,
}

impl Discovered {
    /// Its labels before relabelling: its own, its group's, and what the job fills in.
    pub fn labels(&self) -> Labels {
        discovered_labels(&self.group, self.index, &self.config).labels()
    }

    /// The job.
    pub fn pool(&self) -> &str {
        &self.config.job_name
    }
}

/// Whether the last scrape went well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Not scraped yet.
    #[default]
    Unknown,
    /// It did.
    Up,
    /// It did not.
    Down,
}

impl Health {
    /// The name in the HTTP API.
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Unknown => "unknown",
            Health::Up => "up",
            Health::Down => "down",
        }
    }
}

/// What came of the last scrape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LastScrape {
    /// Whether it went well.
    pub health: Health,
    /// Why it did not; `""` when it did.
    pub error: String,
    /// When it began, in nanoseconds since the epoch; `None` before the first.
    pub started_ns: Option<i64>,
    /// How long it took, in seconds, parsing and storing included.
    pub duration_seconds: f64,
}

/// One target. Two with equal labels and address are one.
#[derive(Debug)]
pub struct Target {
    /// With the inner ones, whose names begin with `__`.
    all_labels: Labels,
    public_labels: Labels,
    url: String,
    hash: u64,
    interval_ms: i64,
    timeout_ms: i64,
    /// Guards the origin; replaced when discovery sends the target again.
    discovered: Mutex<Discovered>,
    /// Guards the result of the last scrape; held for a copy.
    last: Mutex<LastScrape>,
    families: FamilyTable,
}

impl Target {
    /// The labels it gives to its series.
    pub fn labels(&self) -> &Labels {
        &self.public_labels
    }

    /// Its labels before relabelling.
    pub fn discovered_labels(&self) -> Labels {
        lock(&self.discovered).clone().labels()
    }

    /// The address it is scraped at.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How often it is scraped, in milliseconds.
    pub fn interval_ms(&self) -> i64 {
        self.interval_ms
    }

    /// How long a scrape may take, in milliseconds.
    pub fn timeout_ms(&self) -> i64 {
        self.timeout_ms
    }

    /// What came of the last scrape.
    pub fn last_scrape(&self) -> LastScrape {
        lock(&self.last).clone()
    }

    /// What it says about its metrics, by name.
    pub fn families(&self) -> Vec<Arc<Family>> {
        self.families.families()
    }

    /// Count and bytes of the families that are remembered for it.
    pub fn families_size(&self) -> (usize, usize) {
        self.families.size()
    }

    /// The number that tells it from others in its pool.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The value of one of its inner labels, `""` when absent.
    pub(crate) fn inner_label(&self, name: &str) -> &str {
        self.all_labels.value(name)
    }

    pub(crate) fn family_table(&self) -> &FamilyTable {
        &self.families
    }

    /// Discovery sent it again, perhaps with other labels before relabelling.
    pub(crate) fn set_discovered(&self, discovered: Discovered) {
        *lock(&self.discovered) = discovered;
    }

    pub(crate) fn take_discovered(&self) -> Discovered {
        lock(&self.discovered).clone()
    }

    pub(crate) fn set_last_scrape(&self, last: LastScrape) {
        *lock(&self.last) = last;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a discovered target cannot be scraped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("instance {index} in group {group}: {problem}")]
pub struct TargetError {
    /// Its place in its group.
    pub index: usize,
    /// The group's source.
    pub group: String,
    /// What is wrong.
    pub problem: String,
}

/// What a group holds for a job.
#[derive(Debug, Default)]
pub(crate) struct FromGroup {
    pub(crate) active: Vec<Arc<Target>>,
    pub(crate) dropped: Vec<Discovered>,
    pub(crate) errors: Vec<TargetError>,
}

/// Makes the targets of a group.
pub(crate) fn from_group(group: &Arc<TargetGroup>, config: &Arc<ScrapeConfig>) -> FromGroup {
    let mut out = FromGroup::default();
    for index in 0..group.targets.len() {
        let discovered = Discovered { group: Arc::clone(group), index, config: Arc::clone(config) };
        match make(discovered) {
            Ok(Made::Active(target)) => out.active.push(target),
            Ok(Made::Dropped(discovered)) => out.dropped.push(discovered),
            Err(problem) => out.errors.push(TargetError { index, group: group.source.clone(), problem }),
        }
    }
    out
}

enum Made {
    Active(Arc<Target>),
    Dropped(Discovered),
}

fn make(discovered: Discovered) -> Result<Made, String> {
    let config = Arc::clone(&discovered.config);
    let mut builder = discovered_labels(&discovered.group, discovered.index, &config);
    if !relabel::process(&mut builder, &config.relabel_configs) || builder.is_empty() {
        return Ok(Made::Dropped(discovered));
    }
    let address = builder.value("__address__").to_owned();
    if address.is_empty() {
        return Err("no address".into());
    }
    // Catches addresses given as URLs.
    if address.contains('/') {
        return Err(format!("{} is not a valid hostname", quote(&address)));
    }
    let interval_ms = positive_duration(&builder, "__scrape_interval__", "scrape interval")?;
    let timeout_ms = positive_duration(&builder, "__scrape_timeout__", "scrape timeout")?;
    if timeout_ms > interval_ms {
        return Err(format!(
            "scrape timeout cannot be greater than scrape interval ({} > {})",
            quote(builder.value("__scrape_timeout__")),
            quote(builder.value("__scrape_interval__"))
        ));
    }
    for (label, name) in HISTOGRAM_SWITCHES {
        go_bool(builder.value(label)).map_err(|problem| format!("error parsing {name}: {problem}"))?;
    }
    builder.retain(|name, _| !name.starts_with("__meta_"));
    if builder.value("instance").is_empty() {
        builder.set("instance", &address);
    }
    let labels = builder.labels();
    let url = url_text(&labels, &config);
    let hash = identity_hash(&labels, &url);
    Ok(Made::Active(Arc::new(Target {
        public_labels: labels.filter(|name| !name.starts_with("__")),
        all_labels: labels,
        url,
        hash,
        interval_ms,
        timeout_ms,
        discovered: Mutex::new(discovered),
        last: Mutex::default(),
        families: FamilyTable::default(),
    })))
}

/// Labels that switch parts of histogram scraping, with their names in messages.
const HISTOGRAM_SWITCHES: [(&str, &str); 3] = [
    ("__convert_classic_histograms_to_nhcb__", "convert classic histograms to nhcb"),
    ("__always_scrape_classic_histograms__", "always scrape classic histograms"),
    ("__scrape_native_histograms__", "scrape native histograms"),
];

fn discovered_labels(group: &TargetGroup, index: usize, config: &ScrapeConfig) -> LabelsBuilder {
    let mut builder = group.targets[index].to_builder();
    let mut fill = |name: &str, value: &str| {
        if builder.value(name).is_empty() {
            builder.set(name, value);
        }
    };
    for (name, value) in &group.labels {
        fill(name, value);
    }
    let switch = |is_on: bool| if is_on { "true" } else { "false" };
    fill("job", &config.job_name);
    fill("__scrape_interval__", &format_duration(config.scrape_interval_ms));
    fill("__scrape_timeout__", &format_duration(config.scrape_timeout_ms));
    fill("__metrics_path__", &config.metrics_path);
    fill("__scheme__", &config.scheme);
    fill("__convert_classic_histograms_to_nhcb__", switch(config.convert_classic_histograms_to_nhcb));
    fill("__always_scrape_classic_histograms__", switch(config.always_scrape_classic_histograms));
    fill("__scrape_native_histograms__", switch(config.scrape_native_histograms));
    for (name, values) in &config.params {
        if let Some(first) = values.first() {
            fill(&format!("__param_{name}"), first);
        }
    }
    builder
}

fn positive_duration(builder: &LabelsBuilder, label: &str, name: &str) -> Result<i64, String> {
    match parse_duration(builder.value(label)) {
        Ok(0) => Err(format!("{name} cannot be 0")),
        Ok(ms) => Ok(ms),
        Err(error) => Err(format!("error parsing {name}: {error}")),
    }
}

/// Go's `strconv.ParseBool`.
fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", quote(text))),
    }
}

/// The address as Go's `url.URL` prints it.
fn url_text(labels: &Labels, config: &ScrapeConfig) -> String {
    let mut params = config.params.clone();
    for (name, value) in labels {
        let Some(key) = name.strip_prefix("__param_") else { continue };
        let values = params.entry(key.to_owned()).or_default();
        match values.first_mut() {
            Some(first) => value.clone_into(first),
            None => values.push(value.to_owned()),
        }
    }
    let mut url = format!("{}://", labels.value("__scheme__"));
    escape(&mut url, labels.value("__address__"), b"!$&'()*+,;=:[]<>\"");
    let path = labels.value("__metrics_path__");
    if !path.is_empty() && !path.starts_with('/') {
        url.push('/');
    }
    escape(&mut url, path, b"$&+,/:;=@");
    let mut separator = '?';
    for (key, values) in &params {
        for value in values {
            url.push(separator);
            separator = '&';
            escape_query(&mut url, key);
            url.push('=');
            escape_query(&mut url, value);
        }
    }
    url
}

/// Percent-encodes all but letters, digits, `-_.~` and the bytes in `kept`.
fn escape(out: &mut String, text: &str, kept: &[u8]) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// As in a form: a blank becomes a plus sign.
fn escape_query(out: &mut String, text: &str) {
    for (i, part) in text.split(' ').enumerate() {
        if i > 0 {
            out.push('+');
        }
        escape(out, part, b"");
    }
}

/// Upstream's identity of a target. Also decides its place in the interval, so
/// that a server that replaces upstream scrapes at the same times.
fn identity_hash(labels: &Labels, url: &str) -> u64 {
    fnv1a(&[format!("{:016}", labels.upstream_hash()).as_bytes(), url.as_bytes()])
}

/// 64-bit FNV-1a over the texts one after the other.
pub(crate) fn fnv1a(texts: &[&[u8]]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.iter());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
