//! What is done to directories: written beside and renamed, removed piece by piece.

use std::path::{Path, PathBuf};

use narthex_env::Files;

use crate::Ulid;
use crate::error::{Result, io_error};

/// Endings of directories that are not finished, or not wanted any more.
const LEFTOVERS: [&str; 3] = [".tmp", ".tmp-for-creation", ".tmp-for-deletion"];
pub(crate) const FOR_CREATION: &str = ".tmp-for-creation";
pub(crate) const FOR_DELETION: &str = ".tmp-for-deletion";

/// Writes a file under a temporary name, syncs it, renames it to its own and
/// syncs the directory: it is there whole or not at all.
pub(crate) fn write_file(files: &dyn Files, dir: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let temporary = dir.join(format!("{name}.tmp"));
    let file = files.create(&temporary).map_err(io_error("create", &temporary))?;
    file.append(bytes).map_err(io_error("write", &temporary))?;
    file.sync_data().map_err(io_error("sync", &temporary))?;
    files.rename(&temporary, &dir.join(name)).map_err(io_error("rename", &temporary))?;
    files.sync_dir(dir).map_err(io_error("sync", dir))
}

/// Removes a directory with all that is in it.
pub(crate) fn remove_all(files: &dyn Files, dir: &Path) -> Result<()> {
    for entry in files.list(dir).map_err(io_error("read", dir))? {
        let path = dir.join(&entry.name);
        if entry.is_dir {
            remove_all(files, &path)?;
        } else {
            files.remove_file(&path).map_err(io_error("remove", &path))?;
        }
    }
    files.remove_dir(dir).map_err(io_error("remove", dir))
}

/// The names of the blocks in `dir`, sorted.
///
/// # Errors
/// When the directory cannot be read.
pub fn list_blocks(files: &dyn Files, dir: &Path) -> Result<Vec<Ulid>> {
    let entries = files.list(dir).map_err(io_error("read", dir))?;
    let mut names: Vec<Ulid> =
        entries.iter().filter(|entry| entry.is_dir).filter_map(|entry| entry.name.parse().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

/// Removes blocks in `dir` that were not finished, or not quite removed, when
/// the process ended; returns their names.
///
/// # Errors
/// When one cannot be removed.
pub fn remove_leftovers(files: &dyn Files, dir: &Path) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for entry in files.list(dir).map_err(io_error("read", dir))? {
        let is_leftover = |end: &str| entry.name.strip_suffix(end).is_some_and(|name| name.parse::<Ulid>().is_ok());
        if entry.is_dir && LEFTOVERS.iter().any(|end| is_leftover(end)) {
            remove_all(files, &dir.join(&entry.name))?;
            removed.push(entry.name);
        }
    }
    Ok(removed)
}

/// Removes a block for good: renamed first, so that a crash leaves no half of it.
///
/// # Errors
/// The system's. The block is gone for readers once it was renamed.
pub fn remove_block(files: &dyn Files, dir: &Path, ulid: Ulid) -> Result<()> {
    let (block, doomed) = (dir.join(ulid.to_string()), dir.join(format!("{ulid}{FOR_DELETION}")));
    files.rename_dir(&block, &doomed).map_err(io_error("rename", &block))?;
    files.sync_dir(dir).map_err(io_error("sync", dir))?;
    remove_all(files, &doomed)
}

/// Makes `<dir>/<ulid>` a block with hard links to all files of the one in `from`.
///
/// # Errors
/// The system's; then there is no such block.
pub fn link_block(files: &dyn Files, from: &Path, dir: &Path, ulid: Ulid) -> Result<()> {
    let unfinished = dir.join(format!("{ulid}{FOR_CREATION}"));
    link_all(files, from, &unfinished)?;
    finish_dir(files, &unfinished, &dir.join(ulid.to_string()))
}

fn link_all(files: &dyn Files, from: &Path, to: &Path) -> Result<()> {
    files.create_dir_all(to).map_err(io_error("create", to))?;
    for entry in files.list(from).map_err(io_error("read", from))? {
        let (source, target): (PathBuf, PathBuf) = (from.join(&entry.name), to.join(&entry.name));
        if entry.is_dir {
            link_all(files, &source, &target)?;
        } else if !entry.name.ends_with(".tmp") {
            files.hard_link(&source, &target).map_err(io_error("link", &source))?;
        }
    }
    files.sync_dir(to).map_err(io_error("sync", to))
}

/// Renames a complete directory into its place, durably.
pub(crate) fn finish_dir(files: &dyn Files, unfinished: &Path, place: &Path) -> Result<()> {
    files.sync_dir(unfinished).map_err(io_error("sync", unfinished))?;
    files.rename_dir(unfinished, place).map_err(io_error("rename", unfinished))?;
    let parent = place.parent().unwrap_or(Path::new("."));
    files.sync_dir(parent).map_err(io_error("sync", parent))
}
