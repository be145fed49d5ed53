//! The bytes of a snapshot: little-endian numbers, and a checksum at the end.

use std::hash::Hasher;
use std::io::{self, Write};

use siphasher::sip::SipHasher13;

use super::SnapshotError;

/// Writes numbers, and sums what it wrote.
pub(super) struct Writer<W> {
    out: W,
    sum: SipHasher13,
}

/// Reads numbers from bytes whose sum was right.
#[derive(Clone)]
pub(super) struct Reader<'a>(&'a [u8]);

// === impl Writer ===

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            sum: SipHasher13::new(),
        }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.write(bytes);
        self.out.write_all(bytes)
    }

    pub(super) fn u8(&mut self, number: u8) -> io::Result<()> {
        self.bytes(&[number])
    }

    pub(super) fn u64(&mut self, number: u64) -> io::Result<()> {
        self.bytes(&number.to_le_bytes())
    }

    /// Ends the snapshot with its sum.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let sum = self.sum.finish();
        self.u64(sum)?;
        self.out.flush()
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// All but the sum, if that is right.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, SnapshotError> {
        let (content, sum) = bytes.split_last_chunk().ok_or(SnapshotError::Damaged)?;
        let mut sipped = SipHasher13::new();
        sipped.write(content);
        if sipped.finish() != u64::from_le_bytes(*sum) {
            return Err(SnapshotError::Damaged);
        }
        Ok(Self(content))
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], SnapshotError> {
        let (bytes, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(SnapshotError::Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn u8(&mut self) -> Result<u8, SnapshotError> {
        let byte = self.bytes(1)?;
        byte.first().copied().ok_or(SnapshotError::Damaged)
    }

    pub(super) fn u64(&mut self) -> Result<u64, SnapshotError> {
        let bytes = self.bytes(8)?.try_into();
        bytes
            .map(u64::from_le_bytes)
            .map_err(|_| SnapshotError::Damaged)
    }

    /// The last number, which is left where it is.
    pub(super) fn last_u64(&self) -> Result<u64, SnapshotError> {
        let last = self.0.last_chunk().ok_or(SnapshotError::Damaged)?;
        Ok(u64::from_le_bytes(*last))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
