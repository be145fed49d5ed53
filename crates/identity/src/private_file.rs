//! Reads a file that only its owner may read and write, up to a size.

use std::{fs::File, io::Read as _, path::Path};

use zeroize::Zeroizing;

/// Permission bits of group and others.
#[cfg(unix)]
const FOREIGN_BITS: u32 = 0o077;

/// Why such a file was not read.
pub(crate) enum PrivateFileError {
    /// The operating system's words.
    Unreadable(String),
    /// Others than its owner may read or write it.
    Mode(u32),
    /// It is over the size.
    TooLarge,
}

/// Opens first and asks the open file, so that no other file can take its place in between.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Zeroizing<String>, PrivateFileError> {
    let failed = |error: std::io::Error| PrivateFileError::Unreadable(error.to_string());
    let file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = meta.permissions().mode() & 0o7777;
        if mode & FOREIGN_BITS != 0 {
            return Err(PrivateFileError::Mode(mode));
        }
    }
    // Full size from the start: a string that grows leaves copies of the secrets behind.
    let bytes = usize::try_from(meta.len().min(bytes_max)).unwrap_or_default();
    let mut text = Zeroizing::new(String::with_capacity(bytes + 1));
    file.take(bytes_max + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > bytes_max {
        return Err(PrivateFileError::TooLarge);
    }
    Ok(text)
}
