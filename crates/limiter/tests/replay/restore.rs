//! Bytes as a snapshot: as they are, and with a header and a sum that let them through to what is
//! behind.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;
use tollgate_limiter::{Nanos, Now, Saved, Table, TableSize};

/// Restores `data`.
pub(crate) fn run(data: &[u8]) {
    let size = TableSize {
        users: 4,
        networks: 2,
    };
    let table = Table::new(size).unwrap();
    let now = Now {
        mono: Nanos(1 << 40),
        unix_ms: 1_792_872_000_000,
    };
    let _ = Saved::of(data);
    let _ = table.restore(now, data);
    let mut dressed = Vec::new();
    table.save(Now::default(), &mut dressed).unwrap();
    // Magic, version, times and the two sizes stay; what follows is `data`.
    dressed.truncate(16 + 1 + 2 * 8 + 2 * 8);
    dressed.extend_from_slice(data);
    let mut sum = SipHasher13::new();
    sum.write(&dressed);
    dressed.extend_from_slice(&sum.finish().to_le_bytes());
    if let Ok(restored) = table.restore(now, &dressed) {
        // What was taken up can be written down again.
        let saved = table.save(now, std::io::sink()).unwrap();
        assert!(saved.buckets <= restored.buckets);
    }
}
