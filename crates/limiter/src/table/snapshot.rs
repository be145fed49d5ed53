//! Counts across a restart: every live bucket written down, and found again.
//!
//! A snapshot speaks of buckets by their places and 48 bits of their keys. So it fits a table of
//! the size that it was taken of, under the same key hash, with a clock that goes on from the saved
//! one ([`crate::SystemClock::resuming`]).

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use thiserror::Error;

use self::wire::{Reader, Writer};
use super::registry::{LimitId, Registered};
use super::set::{Locked, TAG, WAYS};
use super::{Partition, Table, within_range};
use crate::clock::{Nanos, Now};
use crate::limit::{Kind, Limit};

mod limits;
mod wire;

const MAGIC: &[u8; 16] = b"tollgate counts\n";
const VERSION: u8 = 1;

/// What a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// When it was taken, by the clock that buckets were counted by.
    pub at: Now,
    /// Live buckets in it.
    pub buckets: u64,
}

/// What became of a snapshot's buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Found again.
    pub buckets: u64,
    /// Full again since.
    pub expired: u64,
    /// Lost: their limit cannot be made here (an unknown time zone), or their set was taken.
    pub lost: u64,
}

/// Why a snapshot cannot be restored. The table is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Other bytes than a snapshot's.
    #[error("not a snapshot of counts")]
    Foreign,
    /// Written in a form that this version does not read.
    #[error("a snapshot of version {found}; this program reads version {VERSION}")]
    Version {
        /// The snapshot's.
        found: u8,
    },
    /// Cut off or changed.
    #[error("the snapshot is damaged or not whole")]
    Damaged,
    /// Of a table of another size: places in one say nothing in the other.
    #[error("a snapshot of a table of another size")]
    OtherSize,
    /// The clock shows an earlier time than when it was taken.
    #[error("the clock is behind the snapshot's; start it with `SystemClock::resuming`")]
    ClockBehind,
}

// === impl Saved ===

impl Saved {
    /// What `snapshot` holds, without restoring it.
    ///
    /// # Errors
    /// As [`Table::restore`], but for size and clock.
    pub fn of(snapshot: &[u8]) -> Result<Self, SnapshotError> {
        header(snapshot).map(|(saved, _)| saved)
    }
}

// === impl Table ===

impl Table {
    /// Writes every live bucket to `out`. What is under way is left out: it ends with the process.
    ///
    /// Deciding may go on meanwhile; each set is then seen at one moment, the whole is not.
    ///
    /// # Errors
    /// What `out` says.
    pub fn save(&self, now: Now, out: impl Write) -> io::Result<Saved> {
        let now = within_range(now);
        let saved = Saved {
            at: now,
            buckets: self.count_saved(now),
        };
        let mut out = Writer::new(out);
        out.bytes(MAGIC)?;
        out.u8(VERSION)?;
        out.u64(now.mono.0)?;
        out.u64(now.unix_ms)?;
        out.u64(saved.buckets)?;
        for part in self.parts {
            out.u64(part.homes as u64)?;
        }
        let mut limits = self.registry.all();
        limits.sort_unstable_by_key(|limit| limit.id().to_name());
        out.u64(limits.len() as u64)?;
        for limit in limits {
            out.u64(limit.id().to_name())?;
            limits::write(&mut out, limit.limit())?;
            for partition in Partition::ALL {
                out.u64(limit.overflow(partition).peek())?;
            }
        }
        for index in self.touched_sets() {
            let (marks, cells) = self.saved_cells(index, now);
            let cells: Vec<_> = cells.into_iter().flatten().collect();
            if marks == 0 && cells.is_empty() {
                continue;
            }
            out.u64(index as u64)?;
            out.u8(marks)?;
            out.u64(cells.len() as u64)?;
            for (name, state) in cells {
                out.u64(name)?;
                out.u64(state)?;
            }
        }
        out.u64(u64::MAX)?;
        out.finish()?;
        Ok(saved)
    }

    /// Puts the buckets of `snapshot` back. For a table that has not decided yet.
    ///
    /// # Errors
    /// Another program's bytes, damage, another table size, or a clock behind the snapshot's. The
    /// table is then as it was.
    pub fn restore(&self, now: Now, snapshot: &[u8]) -> Result<Restored, SnapshotError> {
        let now = within_range(now);
        let (saved, mut input) = header(snapshot)?;
        for part in self.parts {
            if input.u64()? != part.homes as u64 {
                return Err(SnapshotError::OtherSize);
            }
        }
        if now.mono < saved.at.mono {
            return Err(SnapshotError::ClockBehind);
        }
        let limits = self.restore_limits(&mut input)?;
        let mut restored = Restored::default();
        loop {
            let index = input.u64()?;
            if index == u64::MAX {
                return Ok(restored);
            }
            let set = usize::try_from(index).ok();
            let set = set.filter(|index| *index < self.set_count());
            let set = set.ok_or(SnapshotError::Damaged)?;
            let mut set = Locked::new(self.sets(), set, now.mono);
            set.mark(input.u8()?);
            for _ in 0..input.u64()? {
                let (name, state) = (input.u64()?, input.u64()?);
                self.restore_cell(&mut set, now, &limits, name, state, &mut restored);
            }
        }
    }

    fn restore_limits(
        &self,
        input: &mut Reader<'_>,
    ) -> Result<HashMap<u64, Arc<Registered>>, SnapshotError> {
        let mut limits = HashMap::new();
        for _ in 0..input.u64()? {
            let (name, limit) = (input.u64()?, limits::read(input)?);
            let states = [input.u64()?, input.u64()?];
            let Some(limit) = limit.and_then(|limit| self.register(&limit).ok()) else {
                continue;
            };
            if limit.limit().kind() != Kind::Concurrency {
                for (partition, state) in Partition::ALL.into_iter().zip(states) {
                    limit.overflow(partition).lock(Nanos(0)).write(state);
                }
            }
            limits.insert(name, limit);
        }
        Ok(limits)
    }

    fn restore_cell(
        &self,
        set: &mut Locked<'_>,
        now: Now,
        limits: &HashMap<u64, Arc<Registered>>,
        name: u64,
        state: u64,
        restored: &mut Restored,
    ) {
        let Some(limit) = limits.get(&(name & !TAG)) else {
            restored.lost += 1;
            return;
        };
        let vacant = |limit: &Limit| limit.is_vacant(state, now);
        if vacant(limit.limit()) {
            restored.expired += 1;
            return;
        }
        let tag = name & TAG;
        match (set.find(tag), set.room(now, &self.registry)) {
            (None, Some(way)) => {
                set.write(way, tag, limit.id(), state);
                restored.buckets += 1;
            }
            _ => restored.lost += 1,
        }
    }

    fn count_saved(&self, now: Now) -> u64 {
        let live = |index| self.saved_cells(index, now).1.into_iter().flatten().count() as u64;
        self.touched_sets().map(live).sum()
    }

    /// The marks of a set, and the names and states of its live cells that outlive the process.
    fn saved_cells(&self, index: usize, now: Now) -> (u8, [Option<(u64, u64)>; WAYS]) {
        let set = Locked::new(self.sets(), index, now.mono);
        let cells = std::array::from_fn(|way| {
            let lasts = set.limit(way).map(LimitId::kind) != Some(Kind::Concurrency);
            let live = lasts && set.is_live(way, now, &self.registry);
            live.then(|| (set.name(way), set.state(way)))
        });
        (set.marks(), cells)
    }
}

fn header(snapshot: &[u8]) -> Result<(Saved, Reader<'_>), SnapshotError> {
    let magic = snapshot.get(..MAGIC.len());
    if magic != Some(MAGIC) {
        return Err(SnapshotError::Foreign);
    }
    match snapshot.get(MAGIC.len()) {
        Some(&VERSION) => {}
        Some(&found) => return Err(SnapshotError::Version { found }),
        None => return Err(SnapshotError::Damaged),
    }
    let mut input = Reader::new(snapshot)?;
    input.bytes(MAGIC.len() + 1)?;
    let at = Now {
        mono: Nanos(input.u64()?),
        unix_ms: input.u64()?,
    };
    let buckets = input.u64()?;
    Ok((Saved { at, buckets }, input))
}

#[cfg(test)]
mod tests;
