//! Undoes compression, which the first bytes of a file tell.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Frames of zstd with nothing for us: any last four bits (RFC 8878, 3.1.2).
const ZSTD_SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
const BUFFER_BYTES: usize = 64 * 1024;

/// The text of a file: as it is, or from gzip (RFC 1952) or Zstandard (RFC 8878), of one part or several.
/// `true` if it was compressed.
///
/// # Errors
/// When the file cannot be read.
pub fn open<'r>(file: impl Read + 'r) -> io::Result<(Box<dyn BufRead + 'r>, bool)> {
    let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
    let first = file.fill_buf()?;
    if first.starts_with(&GZIP) {
        let text = BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(file));
        return Ok((Box::new(text), true));
    }
    if first.starts_with(&ZSTD) || first.get(1..4) == Some(&ZSTD_SKIPPABLE) {
        let text = BufReader::with_capacity(BUFFER_BYTES, Zstd::Between(Some(file)));
        return Ok((Box::new(text), true));
    }
    Ok((Box::new(file), false))
}

/// The frames of a file, one after the other.
enum Zstd<R: BufRead> {
    /// Before a frame, or after the last one.
    Between(Option<R>),
    Within(Box<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>),
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            match self {
                Zstd::Within(frame) => {
                    let read = frame.read(into)?;
                    if read > 0 {
                        return Ok(read);
                    }
                    let ended = std::mem::replace(self, Zstd::Between(None));
                    if let Zstd::Within(frame) = ended {
                        *self = Zstd::Between(Some(frame.into_inner()));
                    }
                }
                Zstd::Between(file) => {
                    let Some(mut file) = file.take() else {
                        return Ok(0);
                    };
                    if !to_frame(&mut file)? {
                        return Ok(0);
                    }
                    let frame = StreamingDecoder::new(file).map_err(io::Error::other)?;
                    *self = Zstd::Within(Box::new(frame));
                }
            }
        }
    }
}

/// Passes over frames that are to be skipped; `false` at the end of the file.
fn to_frame(file: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let first = file.fill_buf()?;
        if first.is_empty() {
            return Ok(false);
        }
        if first.get(1..4) != Some(&ZSTD_SKIPPABLE) {
            return Ok(true);
        }
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let skipped = io::copy(&mut file.by_ref().take(length.into()), &mut io::sink())?;
        if skipped < length.into() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
