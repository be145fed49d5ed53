//! The whole store into the directory: at the start, and again after the store was replaced.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Directory, HolderKey, SHARDS, shard_of};
use crate::backend::{Assigned, Row, within};
use crate::directory::shard::{Entry, Held, Sorted, Timeline};
use crate::error::StoreError;
use crate::holder::HolderKind;
use crate::limit_text::{LimitText, RouteName};
use crate::record::Override;
use crate::span::Span;
use crate::store::{Store, span};
use crate::texts::Note;

/// The longest that loading may take.
pub const LOAD_WAIT_MAX: Duration = Duration::from_secs(120);

const LAST_SEQ: &str = "SELECT seq FROM feed WHERE one = 1";
const OVERRIDES: &str =
    "SELECT kind, issuer, name, from_ms, until_ms, made, route, limit_text FROM overrides";

/// In how many parts what was read is given back while it becomes shards.
const GIVEN_BACK_IN: usize = 64;

/// What was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// The last change that is in it: where a [`crate::Feed`] goes on.
    pub seq: u64,
    /// Holders that something is said of.
    pub holders: usize,
    /// Rows that could not be read: changed by hand, or too many names of plans. The rest is in force.
    pub unreadable: u64,
}

/// What is read, before it is put into force.
struct Loader<'d> {
    directory: &'d Directory,
    /// With the number of the change that made it. In one piece, which goes back to the system as a whole: many
    /// small ones would leave as many holes.
    entries: Vec<(u64, Entry)>,
    unreadable: u64,
}

impl Directory {
    /// Reads the store as it is at one moment, and replaces what is in memory by it. Requests go on
    /// with what was there until all of it is read.
    ///
    /// # Errors
    /// When the store does not answer, or has more holders than there is room for; what was in memory stays.
    pub async fn load(&self, store: &Store) -> Result<Loaded, StoreError> {
        within(LOAD_WAIT_MAX, self.load_all(store)).await
    }

    async fn load_all(&self, store: &Store) -> Result<Loaded, StoreError> {
        let mut loader = Loader {
            directory: self,
            entries: Vec::new(),
            unreadable: 0,
        };
        let mut session = store.pools().read_at_one_moment().await?;
        let seq = session.first(LAST_SEQ, &[], |row| row.count(0)).await?;
        session
            .each_assignment(|row| loader.assignment(row))
            .await?;
        let overriding = |row: &Row<'_>| loader.overriding(row);
        session.each(OVERRIDES, &[], overriding).await?;
        session.commit().await?;
        let unreadable = loader.unreadable;
        Ok(Loaded {
            seq: seq.unwrap_or_default(),
            holders: loader.put_into_force()?,
            unreadable,
        })
    }
}

impl Loader<'_> {
    fn assignment(&mut self, row: Option<Assigned<'_>>) -> Result<(), StoreError> {
        let read = |row: &Assigned<'_>| {
            let kind = HolderKind::of_number(row.kind)?;
            let key = self.directory.key(kind, row.issuer, row.name);
            let span = Span::new(row.from_ms, row.until_ms)?;
            let plan = self.directory.plans.number(row.plan)?;
            Ok::<_, StoreError>((key, row.made, span, plan))
        };
        let Some((key, made, span, plan)) = row.and_then(|row| read(&row).ok()) else {
            self.unreadable += 1;
            return Ok(());
        };
        self.add(key, made, Held::of_one(span, plan))
    }

    fn overriding(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        let (key, mut timeline) = (self.key(row)?, Timeline::default());
        let read = || {
            let route = Some(row.text(6)?).filter(|route| !route.is_empty());
            Ok::<_, StoreError>(Override {
                made: row.count(5)?,
                route: route.map(RouteName::parse).transpose()?,
                limit: LimitText::parse(row.text(7)?)?,
                span: span(row, 3)?,
                // For people, who look into the store.
                note: Note::default(),
            })
        };
        let Ok(entry) = read() else {
            self.unreadable += 1;
            return Ok(());
        };
        timeline.add_override(entry);
        self.add(key, row.count(5)?, timeline.into_held())
    }

    fn key(&self, row: &Row<'_>) -> Result<HolderKey, StoreError> {
        let kind = HolderKind::of_number(row.int(0)?)?;
        Ok(self.directory.key(kind, row.text(1)?, row.text(2)?))
    }

    fn add(&mut self, key: HolderKey, made: u64, held: Held) -> Result<(), StoreError> {
        // A bound on what is held before it is known whose it is.
        if self.entries.len() >= self.directory.holders_max.saturating_mul(2) {
            return Err(self.directory.full());
        }
        self.entries.push((made, key.entry(held)));
        Ok(())
    }

    /// The list of each shard, the last one first.
    fn shards(&mut self) -> Vec<Sorted> {
        let entries = &mut self.entries;
        entries.sort_unstable_by_key(|(made, entry)| (shard_of(entry.key), entry.key, *made));
        let lists = (0..SHARDS).rev().map(|shard| {
            let begin = entries.partition_point(|(_, entry)| shard_of(entry.key) < shard);
            let list = Sorted::of(entries.drain(begin..).map(|(_, entry)| entry));
            if shard % (SHARDS / GIVEN_BACK_IN) == 0 {
                entries.shrink_to_fit();
            }
            list
        });
        lists.collect()
    }

    fn put_into_force(mut self) -> Result<usize, StoreError> {
        let directory = self.directory;
        let shards = self.shards();
        let holders = shards.iter().map(Sorted::count).sum();
        if holders > directory.holders_max {
            return Err(directory.full());
        }
        let _writing = directory.writing.lock();
        for (shard, entries) in directory.shards.iter().rev().zip(shards) {
            shard.fill(entries);
        }
        directory.holders.store(holders, Ordering::Relaxed);
        Ok(holders)
    }
}
