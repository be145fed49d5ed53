//! Reads the file with the authorities that sign a receiver's certificate.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::error::NoticesError;

/// The largest file, in bytes: all of a platform's authorities are a quarter of that.
const BYTES_MAX: u64 = 1024 * 1024;

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, NoticesError> {
    let failed = |error: std::io::Error| NoticesError::file(path, error.to_string());
    let mut pem = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(BYTES_MAX + 1)
        .read_to_end(&mut pem)
        .map_err(failed)?;
    if pem.len() as u64 > BYTES_MAX {
        return Err(NoticesError::file(
            path,
            format!("has more than {BYTES_MAX} bytes"),
        ));
    }
    Ok(pem)
}
