//! Files that only their owner may read, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Waits until no other process of ours changes a file beside `path`, and lets none begin until the
/// file is dropped: of two that read, change and replace at once, one would undo the other.
///
/// The folder is locked, since a replaced file is another one, and a lock file would stay behind.
pub(crate) fn lock_folder(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = File::open(folder.unwrap_or(Path::new(".")))?;
    folder.lock()?;
    Ok(folder)
}

/// Replaces `path` by what `write` writes: a crash in between leaves the file of before.
pub(crate) fn replace<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>,
) -> io::Result<T> {
    replace_by(path, &with_ending(path, "new"), write)
}

fn replace_by<T>(
    path: &Path,
    new: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>,
) -> io::Result<T> {
    // What a crash left there may be readable by others, or a link to somewhere else.
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = create(new, write)?;
    fs::rename(new, path)?;
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(written)
}

/// Replaces a file that is there by `content`, with the mode that it has: a crash in between leaves the file of
/// before.
pub(crate) fn replace_keeping_mode(path: &Path, content: &[u8]) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions();
    let new = with_ending(path, "new");
    let written = replace_by(path, &new, |out| {
        out.write_all(content)?;
        out.get_ref().set_permissions(mode)
    });
    if written.is_err() {
        // It may say more than the file that it was to replace; there may be none.
        let _gone = fs::remove_file(&new);
    }
    written
}

/// Makes `path`, which must not be there.
pub(crate) fn create<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>,
) -> io::Result<T> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let written = write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()?;
    Ok(written)
}

/// `path` with `.ending` behind its name.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
