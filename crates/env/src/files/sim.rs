//! Files in memory that crash on demand.
//!
//! A file has what the process sees and what it had when it was last synced. A
//! name has the file it leads to now and the one it led to when its directory
//! was last synced. A process kill keeps what the process saw, the operation it
//! was stopped in possibly done in part. A power cut keeps what was synced and,
//! by chance, some of the rest: all, nothing, a beginning, or single sectors
//! with zeros between; of the changed names a beginning, in order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{DirEntry, File, FileLock, Files};

/// What a power cut keeps or loses as one piece, in bytes.
const SECTOR_LEN: usize = 512;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process dies, the machine lives on.
    Kill,
    /// The machine dies.
    PowerCut,
}

/// A file system in memory. Clones share their content.
#[derive(Clone)]
pub struct SimFiles {
    state: Arc<Mutex<State>>,
}

type Inode = u64;

#[derive(Default)]
struct Content {
    /// What the process sees.
    now: Vec<u8>,
    /// What it was at the last sync.
    synced: Vec<u8>,
}

enum NameChange {
    Create(PathBuf, Inode),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    RenameDir(PathBuf, PathBuf),
    RemoveDir(PathBuf),
}

/// Names and where they lead: files, and the directories there are.
#[derive(Clone, Default)]
struct Tree {
    dirs: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, Inode>,
}

struct State {
    rng: fastrand::Rng,
    now: Tree,
    /// As a power cut leaves it. New directories are in it at once.
    synced: Tree,
    /// Changes of names that no `sync_dir` has covered yet, oldest first.
    changes: Vec<NameChange>,
    contents: HashMap<Inode, Content>,
    next_inode: Inode,
    locked: BTreeSet<PathBuf>,
    /// Changing operations until the process stops; `None` for never.
    left: Option<u64>,
    operations: u64,
    dead: bool,
}

struct SimFile {
    state: Arc<Mutex<State>>,
    inode: Inode,
}

struct SimLock {
    state: Arc<Mutex<State>>,
    path: PathBuf,
}

impl FileLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        locked(&self.state).locked.remove(&self.path);
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn dead() -> io::Error {
    io::Error::other("the simulated process has been stopped")
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{} does not exist", path.display()))
}

impl SimFiles {
    /// An empty file system; chance comes from `seed`.
    pub fn new(seed: u64) -> SimFiles {
        SimFiles {
            state: Arc::new(Mutex::new(State {
                rng: fastrand::Rng::with_seed(seed),
                now: Tree::default(),
                synced: Tree::default(),
                changes: Vec::new(),
                contents: HashMap::new(),
                next_inode: 1,
                locked: BTreeSet::new(),
                left: None,
                operations: 0,
                dead: false,
            })),
        }
    }

    /// Lets the process stop in the middle of the `operations`-th changing
    /// operation from now; that one and all later ones fail.
    pub fn stop_after(&self, operations: u64) {
        locked(&self.state).left = Some(operations);
    }

    /// How many changing operations were done so far.
    pub fn operations(&self) -> u64 {
        locked(&self.state).operations
    }

    /// Whether the process was stopped.
    pub fn is_stopped(&self) -> bool {
        locked(&self.state).dead
    }

    /// Loses what a crash of this kind may lose and lets a new process begin.
    /// Everything opened before must have been dropped, or its operations will
    /// reach the new process' files.
    pub fn restart(&self, crash: Crash) {
        let mut state = locked(&self.state);
        state.dead = false;
        state.left = None;
        state.locked.clear();
        if crash == Crash::PowerCut {
            state.cut_power();
        }
    }

    /// Flips one bit of a file, as a failing disk does. For tests of corruption.
    ///
    /// # Errors
    /// When there is no such file or byte.
    pub fn flip_bit(&self, path: &Path, offset: usize, bit: u32) -> io::Result<()> {
        let mut state = locked(&self.state);
        let inode = *state.now.files.get(path).ok_or_else(|| not_found(path))?;
        let content = state.contents.get_mut(&inode).ok_or_else(|| not_found(path))?;
        let byte = content.now.get_mut(offset).ok_or(io::ErrorKind::UnexpectedEof)?;
        *byte ^= 1 << (bit % 8);
        let byte = *byte;
        if let Some(synced) = content.synced.get_mut(offset) {
            *synced = byte;
        }
        Ok(())
    }
}

impl Tree {
    fn apply(&mut self, change: &NameChange) {
        match change {
            NameChange::Create(path, inode) => {
                self.files.insert(path.clone(), *inode);
            }
            NameChange::Rename(from, to) => {
                if let Some(inode) = self.files.remove(from) {
                    self.files.insert(to.clone(), inode);
                }
            }
            NameChange::Remove(path) => {
                self.files.remove(path);
            }
            NameChange::RenameDir(from, to) => {
                let moved = |path: &Path| match path.strip_prefix(from) {
                    Ok(rest) if rest.as_os_str().is_empty() => to.clone(),
                    Ok(rest) => to.join(rest),
                    Err(_) => path.to_path_buf(),
                };
                self.dirs = self.dirs.iter().map(|dir| moved(dir)).collect();
                self.files = self.files.iter().map(|(path, inode)| (moved(path), *inode)).collect();
            }
            NameChange::RemoveDir(dir) => {
                self.dirs.remove(dir);
            }
        }
    }

    fn is_empty_dir(&self, dir: &Path) -> bool {
        let inside = |path: &PathBuf| path.parent() == Some(dir);
        !self.dirs.iter().any(inside) && !self.files.keys().any(inside)
    }
}

impl State {
    /// Counts a changing operation. `Ok(false)` says that the process stops in it.
    fn step(&mut self) -> io::Result<bool> {
        if self.dead {
            return Err(dead());
        }
        if self.left == Some(0) {
            self.dead = true;
            return Ok(false);
        }
        self.left = self.left.map(|left| left - 1);
        self.operations += 1;
        Ok(true)
    }

    /// As [`State::step`], for operations that happen whole or not at all.
    fn step_whole(&mut self) -> io::Result<()> {
        if self.step()? || self.rng.bool() { Ok(()) } else { Err(dead()) }
    }

    /// The answer to an operation that was done whole but perhaps as the last one.
    fn answer<T>(&self, value: T) -> io::Result<T> {
        if self.dead { Err(dead()) } else { Ok(value) }
    }

    fn change(&mut self, change: NameChange) {
        self.now.apply(&change);
        self.changes.push(change);
    }

    fn cut_power(&mut self) {
        let kept = self.rng.usize(0..=self.changes.len());
        for change in std::mem::take(&mut self.changes).iter().take(kept) {
            self.synced.apply(change);
        }
        self.now = self.synced.clone();
        let mut inodes: Vec<Inode> = self.contents.keys().copied().collect();
        inodes.sort_unstable();
        for inode in inodes {
            let Some(content) = self.contents.get_mut(&inode) else { continue };
            let (now, synced) = (&content.now, &content.synced);
            let mut after = match self.rng.u32(0..4) {
                0 => now.clone(),
                1 => synced.clone(),
                2 => {
                    let shorter = now.len().min(synced.len());
                    let end = self.rng.usize(shorter..=now.len());
                    now[..end].to_vec()
                }
                _ => {
                    let mut after = vec![0; now.len()];
                    for start in (0..now.len()).step_by(SECTOR_LEN) {
                        let end = (start + SECTOR_LEN).min(now.len());
                        if self.rng.bool() {
                            after[start..end].copy_from_slice(&now[start..end]);
                        }
                    }
                    after
                }
            };
            // What was synced and not cut off since is there in any case.
            let safe = synced.len().min(now.len());
            if after.len() < safe {
                after.resize(safe, 0);
            }
            after[..safe].copy_from_slice(&synced[..safe]);
            *content = Content { now: after.clone(), synced: after };
        }
    }
}

impl Files for SimFiles {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = locked(&self.state);
        state.step_whole()?;
        for dir in dir.ancestors() {
            state.now.dirs.insert(dir.to_path_buf());
            state.synced.dirs.insert(dir.to_path_buf());
        }
        state.answer(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let state = locked(&self.state);
        if state.dead {
            return Err(dead());
        }
        if !state.now.dirs.contains(dir) {
            return Err(not_found(dir));
        }
        let name = |path: &Path| path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        let dirs = state.now.dirs.iter().filter(|path| path.parent() == Some(dir));
        let mut entries: Vec<DirEntry> = dirs.map(|path| DirEntry { name: name(path), is_dir: true, len: 0 }).collect();
        for (path, inode) in state.now.files.iter().filter(|(path, _)| path.parent() == Some(dir)) {
            let len = state.contents.get(inode).map_or(0, |content| content.now.len() as u64);
            entries.push(DirEntry { name: name(path), is_dir: false, len });
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = locked(&self.state);
        if !path.parent().is_some_and(|dir| state.now.dirs.contains(dir)) {
            return Err(not_found(path));
        }
        state.step_whole()?;
        let inode = state.next_inode;
        state.next_inode += 1;
        state.contents.insert(inode, Content::default());
        state.change(NameChange::Create(path.to_path_buf(), inode));
        state.answer(Arc::new(SimFile { state: self.state.clone(), inode }) as Arc<dyn File>)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let state = locked(&self.state);
        if state.dead {
            return Err(dead());
        }
        let inode = *state.now.files.get(path).ok_or_else(|| not_found(path))?;
        Ok(Arc::new(SimFile { state: self.state.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = locked(&self.state);
        if !state.now.files.contains_key(from) {
            return Err(not_found(from));
        }
        state.step_whole()?;
        state.change(NameChange::Rename(from.to_path_buf(), to.to_path_buf()));
        state.answer(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = locked(&self.state);
        if !state.now.files.contains_key(path) {
            return Err(not_found(path));
        }
        state.step_whole()?;
        state.change(NameChange::Remove(path.to_path_buf()));
        state.answer(())
    }

    fn rename_dir(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = locked(&self.state);
        if !state.now.dirs.contains(from) {
            return Err(not_found(from));
        }
        if state.now.dirs.contains(to) && !state.now.is_empty_dir(to) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.step_whole()?;
        state.change(NameChange::RenameDir(from.to_path_buf(), to.to_path_buf()));
        state.answer(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = locked(&self.state);
        if !state.now.dirs.contains(dir) {
            return Err(not_found(dir));
        }
        if !state.now.is_empty_dir(dir) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.step_whole()?;
        state.change(NameChange::RemoveDir(dir.to_path_buf()));
        state.answer(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = locked(&self.state);
        let inode = *state.now.files.get(from).ok_or_else(|| not_found(from))?;
        if state.now.files.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.step_whole()?;
        state.change(NameChange::Create(to.to_path_buf(), inode));
        state.answer(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = locked(&self.state);
        state.step_whole()?;
        let state = &mut *state;
        let inside = |path: &Path| path.parent() == Some(dir);
        let (done, open) = std::mem::take(&mut state.changes).into_iter().partition(|change| match change {
            NameChange::Create(path, _) | NameChange::Remove(path) | NameChange::RemoveDir(path) => inside(path),
            NameChange::Rename(from, to) | NameChange::RenameDir(from, to) => inside(from) || inside(to),
        });
        state.changes = open;
        let done: Vec<NameChange> = done;
        for change in &done {
            state.synced.apply(change);
        }
        state.answer(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        {
            let state = locked(&self.state);
            if state.locked.contains(path) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        if self.open(path).is_err() {
            self.create(path)?;
        }
        locked(&self.state).locked.insert(path.to_path_buf());
        Ok(Box::new(SimLock { state: self.state.clone(), path: path.to_path_buf() }))
    }
}

impl SimFile {
    fn with<T>(&self, f: impl FnOnce(&mut State, Inode) -> io::Result<T>) -> io::Result<T> {
        f(&mut locked(&self.state), self.inode)
    }
}

fn content(state: &mut State, inode: Inode) -> io::Result<&mut Content> {
    state.contents.get_mut(&inode).ok_or_else(|| io::ErrorKind::NotFound.into())
}

impl File for SimFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.with(|state, inode| {
            let whole = state.step()?;
            let len = if whole { bytes.len() } else { state.rng.usize(0..=bytes.len()) };
            content(state, inode)?.now.extend_from_slice(&bytes[..len]);
            state.answer(())
        })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|state, inode| {
            if state.dead {
                return Err(dead());
            }
            let now = &content(state, inode)?.now;
            let start = usize::try_from(offset).map_or(now.len(), |offset| offset.min(now.len()));
            let len = buffer.len().min(now.len() - start);
            buffer[..len].copy_from_slice(&now[start..start + len]);
            Ok(len)
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|state, inode| Ok(content(state, inode)?.now.len() as u64))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|state, inode| {
            state.step_whole()?;
            content(state, inode)?.now.resize(len as usize, 0);
            state.answer(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|state, inode| {
            state.step_whole()?;
            let content = content(state, inode)?;
            content.synced = content.now.clone();
            state.answer(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(files: &SimFiles, synced: &[u8], unsynced: &[u8]) {
        files.create_dir_all(Path::new("/d")).unwrap();
        let file = files.create(Path::new("/d/f")).unwrap();
        file.append(synced).unwrap();
        file.sync_data().unwrap();
        files.sync_dir(Path::new("/d")).unwrap();
        file.append(unsynced).unwrap();
    }

    #[test]
    fn a_renamed_directory_is_durable_once_its_parent_is_synced() {
        for seed in 0..50 {
            for is_synced in [false, true] {
                let files = SimFiles::new(seed);
                files.create_dir_all(Path::new("/d/a/sub")).unwrap();
                let file = files.create(Path::new("/d/a/sub/f")).unwrap();
                file.append(b"x").unwrap();
                file.sync_data().unwrap();
                files.sync_dir(Path::new("/d/a/sub")).unwrap();
                files.rename_dir(Path::new("/d/a"), Path::new("/d/b")).unwrap();
                if is_synced {
                    files.sync_dir(Path::new("/d")).unwrap();
                }
                files.restart(Crash::PowerCut);
                let there = |dir: &str| files.open(&Path::new(dir).join("sub/f")).is_ok();
                assert!(there("/d/b") || !is_synced && there("/d/a"));
                assert_ne!(there("/d/a"), there("/d/b"));
                let dirs = files.list(Path::new("/d")).unwrap();
                assert_eq!(dirs.len(), 1);
                assert!(files.remove_dir(Path::new("/d")).is_err());
            }
        }
    }

    #[test]
    fn a_kill_keeps_what_was_written() {
        let files = SimFiles::new(1);
        written(&files, b"ab", b"cd");
        files.restart(Crash::Kill);
        assert_eq!(files.open(Path::new("/d/f")).unwrap().read_all().unwrap(), b"abcd");
    }

    #[test]
    fn a_power_cut_keeps_what_was_synced_and_loses_the_rest_at_times() {
        let mut lens = BTreeSet::new();
        for seed in 0..50 {
            let files = SimFiles::new(seed);
            written(&files, b"ab", b"cd");
            files.restart(Crash::PowerCut);
            let bytes = files.open(Path::new("/d/f")).unwrap().read_all().unwrap();
            assert!(bytes.starts_with(b"ab"));
            lens.insert(bytes.len());
        }
        assert!(lens.contains(&2) && lens.contains(&4));
    }

    #[test]
    fn a_name_that_was_not_synced_may_be_lost() {
        let lost = (0..50).any(|seed| {
            let files = SimFiles::new(seed);
            files.create_dir_all(Path::new("/d")).unwrap();
            files.create(Path::new("/d/f")).unwrap().sync_data().unwrap();
            files.restart(Crash::PowerCut);
            files.open(Path::new("/d/f")).is_err()
        });
        assert!(lost);
    }

    #[test]
    fn a_stopped_process_changes_nothing_more() {
        let files = SimFiles::new(3);
        written(&files, b"ab", b"");
        let file = files.open(Path::new("/d/f")).unwrap();
        files.stop_after(1);
        file.append(b"c").unwrap();
        assert!(file.append(b"defg").is_err());
        assert!(file.append(b"hijk").is_err());
        files.restart(Crash::Kill);
        let bytes = files.open(Path::new("/d/f")).unwrap().read_all().unwrap();
        assert!(b"abcdefg".starts_with(&bytes) && bytes.len() >= 3);
    }
}
