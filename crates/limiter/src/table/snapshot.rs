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
/// Ends a list of sets; no set's place.
const END: u64 = u64::MAX;

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
    /// The table has counted already.
    #[error("counts can only be restored into a table that has not counted yet")]
    InUse,
}

/// A limit of a snapshot: its number there, itself if it can be made here, its overflow buckets.
type SavedLimit = (u64, Option<Limit>, [u64; 2]);

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
    /// Deciding and registering may go on meanwhile; each set is then seen at one moment, the whole is
    /// not.
    ///
    /// # Errors
    /// What `out` says.
    pub fn save(&self, now: Now, out: impl Write) -> io::Result<Saved> {
        let now = within_range(now);
        // Held until the end: so long no number in a cell becomes another limit's.
        let held = self.registry.all();
        let mut buckets = 0;
        let mut out = Writer::new(out);
        out.bytes(MAGIC)?;
        out.u8(VERSION)?;
        out.u64(now.mono.0)?;
        out.u64(now.unix_ms)?;
        for part in self.parts {
            out.u64(part.homes as u64)?;
        }
        for index in self.touched_sets() {
            let cells = self.saved_cells(index, now);
            let count = cells.iter().flatten().count();
            if count > 0 {
                out.u64(index as u64)?;
                out.u64(count as u64)?;
                buckets += count as u64;
            }
            for (name, state) in cells.into_iter().flatten() {
                out.u64(name)?;
                out.u64(state)?;
            }
        }
        out.u64(END)?;
        // After the cells: a key that was placed behind a home meanwhile is found there.
        for index in self.touched_sets() {
            let reach = Locked::new(self.sets(), index, now.mono).reach();
            if reach > 0 {
                out.u64(index as u64)?;
                out.u64(reach as u64)?;
            }
        }
        out.u64(END)?;
        // After the cells: a limit that was registered meanwhile is among them.
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
        out.u64(buckets)?;
        out.finish()?;
        drop(held);
        Ok(Saved { at: now, buckets })
    }

    /// Puts the buckets of `snapshot` back. For a table that has not decided yet.
    ///
    /// # Errors
    /// Another program's bytes, damage, another table size, a clock behind the snapshot's, or a table
    /// that has counted. The table is then as it was.
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
        if self.touched_sets().next().is_some() {
            return Err(SnapshotError::InUse);
        }
        // Read to the end before anything is changed.
        let mut cells = input.clone();
        while let Some((_, count)) = self.set_and_number(&mut input)? {
            for _ in 0..count {
                input.bytes(16)?;
            }
        }
        let mut reaches = input.clone();
        while self.set_and_number(&mut input)?.is_some() {}
        let limits = read_limits(&mut input)?;

        let limits = self.restore_limits(limits);
        while let Some((index, reach)) = self.set_and_number(&mut reaches)? {
            Locked::new(self.sets(), index, now.mono).reach_to(reach);
        }
        let mut restored = Restored::default();
        while let Some((index, count)) = self.set_and_number(&mut cells)? {
            let mut set = Locked::new(self.sets(), index, now.mono);
            for _ in 0..count {
                let (name, state) = (cells.u64()?, cells.u64()?);
                self.restore_cell(&mut set, now, &limits, name, state, &mut restored);
            }
        }
        Ok(restored)
    }

    /// A set's place and a number of at most its cells; `None` at the end of a list of such.
    fn set_and_number(
        &self,
        input: &mut Reader<'_>,
    ) -> Result<Option<(usize, usize)>, SnapshotError> {
        let index = input.u64()?;
        if index == END {
            return Ok(None);
        }
        let number = |number, below| {
            usize::try_from(number)
                .ok()
                .filter(|number| *number < below)
        };
        let index = number(index, self.set_count());
        let count = number(input.u64()?, WAYS + 1);
        let both = index.zip(count).ok_or(SnapshotError::Damaged)?;
        Ok(Some(both))
    }

    fn restore_limits(&self, limits: Vec<SavedLimit>) -> HashMap<u64, Arc<Registered>> {
        let mut known = HashMap::new();
        for (name, limit, states) in limits {
            let Some(limit) = limit.and_then(|limit| self.register(&limit).ok()) else {
                continue;
            };
            if limit.limit().kind() != Kind::Concurrency {
                for (partition, state) in Partition::ALL.into_iter().zip(states) {
                    limit.overflow(partition).lock(Nanos(0)).write(state);
                }
            }
            known.insert(name, limit);
        }
        known
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

    /// The names and states of a set's live cells that outlive the process.
    fn saved_cells(&self, index: usize, now: Now) -> [Option<(u64, u64)>; WAYS] {
        let set = Locked::new(self.sets(), index, now.mono);
        std::array::from_fn(|way| {
            let lasts = set.limit(way).map(LimitId::kind) != Some(Kind::Concurrency);
            let live = lasts && set.is_live(way, now, &self.registry);
            live.then(|| (set.name(way), set.state(way)))
        })
    }
}

fn read_limits(input: &mut Reader<'_>) -> Result<Vec<SavedLimit>, SnapshotError> {
    let mut limits = Vec::new();
    for _ in 0..input.u64()? {
        let (name, limit) = (input.u64()?, limits::read(input)?);
        limits.push((name, limit, [input.u64()?, input.u64()?]));
    }
    input.u64()?;
    if input.is_empty() {
        Ok(limits)
    } else {
        Err(SnapshotError::Damaged)
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
    let buckets = input.last_u64()?;
    Ok((Saved { at, buckets }, input))
}

#[cfg(test)]
mod tests;
