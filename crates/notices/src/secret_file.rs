//! Reads a file that only its owner may read and write, up to a size.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::NoticesError;

/// The largest file with secrets, in bytes.
const BYTES_MAX: usize = 4 * 1024;
/// Permission bits of group and others.
#[cfg(unix)]
const FOREIGN_BITS: u32 = 0o077;

/// Opens first and asks the open file, so that no other file can take its place in between.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, NoticesError> {
    let failed = |error: std::io::Error| NoticesError::file(path, error.to_string());
    let file = File::open(path).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
        if mode & FOREIGN_BITS != 0 {
            let reason = format!("others may read or write it (mode {mode:04o}); run `chmod 600`");
            return Err(NoticesError::file(path, reason));
        }
    }
    // Full size from the start: a string that grows leaves copies of the secrets behind.
    let mut text = Zeroizing::new(String::with_capacity(BYTES_MAX + 1));
    file.take(BYTES_MAX as u64 + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() > BYTES_MAX {
        return Err(NoticesError::file(
            path,
            format!("has more than {BYTES_MAX} bytes"),
        ));
    }
    Ok(text)
}
