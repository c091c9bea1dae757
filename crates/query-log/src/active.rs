//! [`ActiveQueries`]: the file `queries.active`.
//!
//! ```text
//! "[" ( ENTRY zeros "," )*      one slot of 1000 bytes per query that may run
//! ENTRY = {"query":"up","timestamp_sec":1700000000}
//! ```
//!
//! A slot without a query is all zeros. Written in place while the server runs,
//! without syncing: a crash of the process loses nothing, and that is what the
//! file is for. Read, by us and by upstream, at the next start; whatever is in the
//! file then is taken for text, and zeros are left out.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use narthex_env::Clock;
use narthex_promql::{QueryObserver, Request};

const FILE_NAME: &str = "queries.active";
const SLOT_LEN: usize = 1000;

/// A ticket of a query that has no slot.
const NO_SLOT: usize = usize::MAX;

/// Keeps the queries that run in a file, once there is one.
pub struct ActiveQueries {
    clock: Arc<dyn Clock>,
    opened: OnceLock<Opened>,
}

struct Opened {
    file: File,
    /// Slots without a query.
    free: Mutex<Vec<usize>>,
}

impl ActiveQueries {
    /// Without a file yet: no query is kept.
    pub fn new(clock: Arc<dyn Clock>) -> ActiveQueries {
        ActiveQueries { clock, opened: OnceLock::new() }
    }

    /// Starts the file in a data directory, which the caller has locked, with
    /// `slots` slots. Returns the queries that the last run did not finish, as a
    /// JSON array, or `None` when there were none. Later calls change nothing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn open(&self, data_dir: &Path, slots: usize) -> io::Result<Option<String>> {
        let path = data_dir.join(FILE_NAME);
        let len = 1 + slots * SLOT_LEN;
        let leftover = read_leftover(&path, len);
        let file = File::create(&path)?;
        let mut content = vec![0; len];
        content[0] = b'[';
        // Zeros are written, not left out, so that the disk cannot be full later.
        file.write_all_at(&content, 0)?;
        file.sync_all()?;
        let _ = self.opened.set(Opened { file, free: Mutex::new((0..slots).rev().collect()) });
        Ok(leftover)
    }
}

impl std::fmt::Debug for ActiveQueries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActiveQueries").field("is_open", &self.opened.get().is_some()).finish_non_exhaustive()
    }
}

impl Opened {
    fn free(&self) -> MutexGuard<'_, Vec<usize>> {
        // A list of numbers cannot be left half changed.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a slot. A failure is of no consequence to the query, and would be
    /// one in each; the file is only for looking at.
    fn write(&self, slot: usize, content: &[u8; SLOT_LEN]) {
        let _ = self.file.write_all_at(content, 1 + (slot * SLOT_LEN) as u64);
    }
}

impl QueryObserver for ActiveQueries {
    fn began(&self, request: &Request) -> usize {
        let Some(opened) = self.opened.get() else { return NO_SLOT };
        let Some(slot) = opened.free().pop() else { return NO_SLOT };
        opened.write(slot, &entry(&request.query, self.clock.now_ms().div_euclid(1000)));
        slot
    }

    fn gone(&self, ticket: usize) {
        let Some(opened) = self.opened.get().filter(|_| ticket != NO_SLOT) else { return };
        opened.write(ticket, &[0; SLOT_LEN]);
        opened.free().push(ticket);
    }
}

/// The content of a slot. A query that is too long for it is cut.
fn entry(query: &str, timestamp_sec: i64) -> [u8; SLOT_LEN] {
    let tail = format!(",\"timestamp_sec\":{timestamp_sec}}}");
    let mut text = String::from("{\"query\":\"");
    // The closing quote, the tail and the comma at the slot's end.
    let room = SLOT_LEN - 2 - tail.len();
    for c in query.chars() {
        let escaped = serde_json::Value::from(c.to_string()).to_string();
        let escaped = &escaped[1..escaped.len() - 1];
        if text.len() + escaped.len() > room {
            break;
        }
        text += escaped;
    }
    text.push('"');
    text += &tail;
    let mut slot = [0; SLOT_LEN];
    slot[..text.len()].copy_from_slice(text.as_bytes());
    slot[SLOT_LEN - 1] = b',';
    slot
}

/// The queries in a file of an earlier run, as a JSON array if it is intact.
fn read_leftover(path: &Path, len: usize) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(len as u64).read_to_end(&mut bytes).ok()?;
    bytes.retain(|byte| *byte != 0);
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_end_matches(',');
    (text.len() > 1).then(|| format!("{text}]"))
}

#[cfg(test)]
mod tests {
    use narthex_env::ManualClock;

    use super::*;

    fn open(dir: &Path, slots: usize) -> (ActiveQueries, Option<String>) {
        let active = ActiveQueries::new(Arc::new(ManualClock::new(7_900)));
        let leftover = active.open(dir, slots).unwrap();
        (active, leftover)
    }

    #[test]
    fn queries_that_did_not_end_are_found_by_the_next_run() {
        let dir = tempfile::tempdir().unwrap();
        let (active, leftover) = open(dir.path(), 2);
        assert_eq!(leftover, None);
        let up = active.began(&Request::instant("up", 0));
        let quoted = active.began(&Request::instant("x{a=\"ä\"}", 0));
        // More than there are slots: not kept, and no harm.
        let third = active.began(&Request::instant("y", 0));
        active.gone(third);
        active.gone(up);
        let content = std::fs::read(dir.path().join(FILE_NAME)).unwrap();
        assert_eq!((content.len(), content[0], content[1], content[2000]), (2001, b'[', 0, b','));
        let (_, leftover) = open(dir.path(), 2);
        assert_eq!(leftover.as_deref(), Some("[{\"query\":\"x{a=\\\"ä\\\"}\",\"timestamp_sec\":7}]"));
        // Of an earlier file: this run's queries are not in it.
        active.gone(quoted);
        assert_eq!(open(dir.path(), 2).1, None);
    }

    #[test]
    fn a_long_query_is_cut_between_characters() {
        for query in ["ä".repeat(2000), "\"".repeat(2000), "\u{1}".repeat(2000)] {
            let slot = entry(&query, i64::MIN);
            let json = slot[..SLOT_LEN - 1].split(|byte| *byte == 0).next().unwrap();
            let json: serde_json::Value = serde_json::from_slice(json).unwrap();
            let kept = json["query"].as_str().unwrap();
            assert!(query.starts_with(kept) && kept.len() > 100);
        }
    }
}
