//! The cells of several checks, found and locked together.
//!
//! Locks are taken in one order by everybody: sets ascending, then overflow buckets by limit and
//! partition. So no two decisions wait for each other in a circle.

use super::registry::{LimitId, LockedOverflow, Registered};
use super::set::{Locked, REACH, SPAN, TAG};
use super::{Address, Check, Table};
use crate::clock::{Nanos, Now};
use crate::limit::Kind;
use crate::sync::Ordering;

/// The cells of up to `N` checks under lock, in up to `G` sets.
pub(super) struct Hold<'a, const N: usize, const G: usize> {
    table: &'a Table,
    /// Ascending; the first `count` are there.
    sets: [Option<Locked<'a>>; G],
    count: usize,
    overflows: [Option<LockedOverflow<'a>>; N],
    pub(super) finds: [Find; N],
}

/// Where one check's bucket is, and what it holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Find {
    address: Address,
    /// Its home among the locked sets; those behind follow it, if they are locked.
    home: usize,
    spot: Spot,
    /// The limit that counted last in the key's cell, if it has one.
    counted_by: Option<LimitId>,
    /// The state before the decision, under the check's own limit.
    pub(super) state: u64,
    /// The time at which this check is decided.
    time: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Spot {
    /// Nowhere, and nothing is to be written.
    #[default]
    Nowhere,
    Cell {
        distance: usize,
        way: usize,
    },
    /// The overflow bucket, by its place among the locked ones.
    Overflow(usize),
}

/// What is meant to be done with the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Cells are needed to write to, for newcomers too.
    Charge,
    /// Cells are only read.
    Look,
}

/// Which sets are locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// Homes, which is enough for nearly everybody.
    Homes,
    /// Homes and all that their keys can reach.
    Reach,
}

// === impl Purpose ===

impl Purpose {
    /// True when a newcomer of this check needs a cell.
    fn claims(self, check: &Check<'_>) -> bool {
        self == Self::Charge && check.cost > 0
    }
}

// === impl Span ===

impl Span {
    const fn reach(self) -> usize {
        match self {
            Self::Homes => 0,
            Self::Reach => REACH,
        }
    }
}

// === impl Table ===

impl Table {
    /// Locks and finds the cell of one check, at its home if that is enough.
    pub(super) fn hold_one<'a>(
        &'a self,
        now: Now,
        check: &Check<'a>,
        purpose: Purpose,
    ) -> Hold<'a, 1, SPAN> {
        let check = std::slice::from_ref(check);
        let at_home = Hold::new(self, now, check, purpose, Span::Homes);
        at_home.unwrap_or_else(|| Hold::reaching(self, now, check, purpose))
    }
}

// === impl Hold ===

impl<'a, const N: usize, const G: usize> Hold<'a, N, G> {
    /// Locks and finds the cells of `checks`, at most `N`, with no more locks than `span` says. No
    /// two buckets get one cell.
    ///
    /// `None` when only the homes were to be locked and some check needs what is behind its home.
    pub(super) fn new(
        table: &'a Table,
        now: Now,
        checks: &[Check<'a>],
        purpose: Purpose,
        span: Span,
    ) -> Option<Self> {
        let mut hold = Self {
            table,
            sets: [const { None }; G],
            count: 0,
            overflows: [const { None }; N],
            finds: [Find::default(); N],
        };
        hold.lock(now.mono, checks, span);
        for (i, check) in checks.iter().enumerate() {
            hold.find(i, now, check, purpose, span)?;
        }
        for (i, check) in checks.iter().enumerate() {
            hold.place(i, now, check, purpose, span)?;
        }
        hold.lock_overflows(now.mono, checks);
        for (i, check) in checks.iter().enumerate() {
            hold.read(i, now, check);
        }
        Some(hold)
    }

    /// As [`Hold::new`] with [`Span::Reach`], with which there is always an answer. `G` is at least
    /// `N × SPAN`.
    pub(super) fn reaching(
        table: &'a Table,
        now: Now,
        checks: &[Check<'a>],
        purpose: Purpose,
    ) -> Self {
        Self::new(table, now, checks, purpose, Span::Reach).unwrap_or_else(|| Self {
            // Cannot be. Without a lock nothing is found and nothing written.
            table,
            sets: [const { None }; G],
            count: 0,
            overflows: [const { None }; N],
            finds: [Find::default(); N],
        })
    }

    /// The time at which check `i` is decided: the caller's, or a later one that its sets have seen.
    pub(super) fn time_of(&self, i: usize, now: Now) -> Now {
        Now {
            mono: Nanos(self.finds[i].time),
            ..now
        }
    }

    /// True when the check's bucket is an overflow bucket.
    pub(super) fn overflowed(&self, i: usize) -> bool {
        matches!(self.finds[i].spot, Spot::Overflow(_))
    }

    /// True when the check's bucket has neither a cell nor a place in an overflow bucket.
    pub(super) fn absent(&self, i: usize) -> bool {
        self.finds[i].spot == Spot::Nowhere
    }

    /// What the limit that counted last in the check's cell counts, if the key has a cell.
    pub(super) fn counted_by(&self, i: usize) -> Option<Kind> {
        self.finds[i].counted_by.map(LimitId::kind)
    }

    /// True when another limit counted last in the check's cell.
    pub(super) fn changed(&self, i: usize, check: &Check<'_>) -> bool {
        let id = self.finds[i].counted_by;
        id.is_some_and(|id| id != check.limit.id())
    }

    /// The earlier check of this decision that draws on the same bucket as check `i`.
    pub(super) fn same_bucket(&self, i: usize) -> Option<usize> {
        let bucket = |i: usize| {
            let find = &self.finds[i];
            match find.spot {
                Spot::Nowhere => None,
                Spot::Cell { distance, way } => Some((true, find.address.home + distance, way)),
                Spot::Overflow(place) => Some((false, place, 0)),
            }
        };
        let own = bucket(i)?;
        (0..i).rev().find(|earlier| bucket(*earlier) == Some(own))
    }

    /// Leaves `state` in the bucket of check `i`.
    pub(super) fn write(&mut self, i: usize, check: &Check<'_>, state: u64) {
        let Find {
            address,
            home,
            spot,
            ..
        } = self.finds[i];
        match spot {
            Spot::Nowhere => {}
            Spot::Cell { distance, way } => {
                if distance > 0
                    && let Some(home) = &mut self.sets[home]
                {
                    home.reach_to(distance);
                }
                if let Some(set) = self.behind_mut(home, distance) {
                    set.write(way, address.tag, check.limit.id(), state);
                }
            }
            Spot::Overflow(place) => {
                if let Some(overflow) = &mut self.overflows[place] {
                    overflow.write(state);
                }
            }
        }
    }

    fn lock(&mut self, now: Nanos, checks: &[Check<'a>], span: Span) {
        if checks.len() > 1 {
            self.table.touch(checks);
        }
        let mut homes = [(0, 0); N];
        for (i, check) in checks.iter().enumerate() {
            let address = self.table.address(check.key, check.partition);
            self.finds[i].address = address;
            homes[i] = (address.home, i);
        }
        let homes = &mut homes[..checks.len()];
        homes.sort_unstable();
        // Ranges that overlap are locked once: each goes on where those before it ended.
        let mut next = 0;
        for (home, i) in homes {
            for index in next.max(*home)..=*home + span.reach() {
                self.sets[self.count] = Some(Locked::new(self.table.sets(), index, now));
                self.count += 1;
                next = index + 1;
            }
            let locked = &self.sets[..self.count];
            let is_home =
                |set: &Option<Locked<'_>>| set.as_ref().is_some_and(|set| set.index == *home);
            self.finds[*i].home = locked.iter().rposition(is_home).unwrap_or(0);
        }
    }

    /// The set that is `distance` behind the locked set `home`, if it is locked.
    fn behind(&self, home: usize, distance: usize) -> Option<&Locked<'a>> {
        self.sets.get(home + distance)?.as_ref()
    }

    fn behind_mut(&mut self, home: usize, distance: usize) -> Option<&mut Locked<'a>> {
        self.sets.get_mut(home + distance)?.as_mut()
    }

    /// Finds the cell of a key that has one. `None` when it takes more than its home to know.
    fn find(
        &mut self,
        i: usize,
        now: Now,
        check: &Check<'_>,
        purpose: Purpose,
        span: Span,
    ) -> Option<()> {
        let Find { address, home, .. } = self.finds[i];
        let set = self.sets[home].as_mut()?;
        let reach = set.reach();
        self.finds[i].time = set.time;
        if let Some(way) = set.find(address.tag) {
            set.take(way);
            self.finds[i].spot = Spot::Cell { distance: 0, way };
            return Some(());
        }
        let claims = purpose.claims(check);
        if span == Span::Homes {
            let enough = reach == 0 && (!claims || set.room(now, &self.table.registry).is_some());
            return enough.then_some(());
        }
        for distance in 1..=reach {
            let set = self.behind_mut(home, distance)?;
            let (time, way) = (set.time, set.find(address.tag));
            way.into_iter().for_each(|way| set.take(way));
            // At least as late as any time at which the key was decided before.
            self.finds[i].time = self.finds[i].time.max(time);
            if let Some(way) = way {
                self.finds[i].spot = Spot::Cell { distance, way };
                break;
            }
        }
        Some(())
    }

    /// Gives a newcomer a cell: the nearest to its home. `None` when it takes more than its home.
    fn place(
        &mut self,
        i: usize,
        now: Now,
        check: &Check<'_>,
        purpose: Purpose,
        span: Span,
    ) -> Option<()> {
        let Find {
            address,
            home,
            spot,
            ..
        } = self.finds[i];
        if spot != Spot::Nowhere || !purpose.claims(check) {
            return Some(());
        }
        // A bucket that this decision names twice is one bucket.
        let twin = |j: &usize| {
            let twin = &self.finds[*j];
            twin.address == address && twin.spot != Spot::Nowhere
        };
        if let Some(twin) = (0..i).find(twin) {
            self.finds[i].spot = self.finds[twin].spot;
            return Some(());
        }
        let room = |distance: usize| {
            let way = self
                .behind(home, distance)?
                .room(now, &self.table.registry)?;
            Some((distance, way))
        };
        self.finds[i].spot = match (0..=span.reach()).find_map(room) {
            Some((distance, way)) => {
                if let Some(set) = self.behind_mut(home, distance) {
                    set.take(way);
                }
                Spot::Cell { distance, way }
            }
            // Earlier checks of this decision took what there was at home.
            None if span == Span::Homes => return None,
            // Which of the locked overflow buckets is known when they are locked.
            None => Spot::Overflow(0),
        };
        Some(())
    }

    fn lock_overflows(&mut self, now: Nanos, checks: &[Check<'a>]) {
        let mut buckets = [((0, 0), 0); N];
        let mut count = 0;
        for (i, check) in checks.iter().enumerate() {
            if self.overflowed(i) {
                let bucket = (check.limit.id().to_name(), check.partition.index());
                buckets[count] = (bucket, i);
                count += 1;
            }
        }
        if count == 0 {
            return;
        }
        let overflowed = &self.table.overflowed;
        overflowed.fetch_add(count as u64, Ordering::Relaxed);
        let buckets = &mut buckets[..count];
        buckets.sort_unstable();
        let (mut place, mut last) = (0, None);
        for (bucket, i) in buckets {
            if last.is_some_and(|last| last != *bucket) {
                place += 1;
            }
            last = Some(*bucket);
            let check = &checks[*i];
            let limit: &'a Registered = check.limit;
            let overflow = self.overflows[place]
                .get_or_insert_with(|| limit.overflow(check.partition).lock(now));
            let find = &mut self.finds[*i];
            find.spot = Spot::Overflow(place);
            find.time = find.time.max(overflow.time);
        }
    }

    /// What the bucket of check `i` holds, in the check's own terms.
    fn read(&mut self, i: usize, now: Now, check: &Check<'_>) {
        let find = self.finds[i];
        let own = |(name, id, state): (u64, LimitId, u64)| {
            (name & TAG == find.address.tag).then_some((id, state))
        };
        let held = match find.spot {
            Spot::Nowhere => None,
            Spot::Cell { distance, way } => self
                .behind(find.home, distance)
                .and_then(|set| Some((set.name(way), set.limit(way)?, set.state(way))))
                .and_then(own),
            Spot::Overflow(place) => {
                let overflow = self.overflows[place].as_ref();
                self.finds[i].state = overflow.map_or(0, LockedOverflow::state);
                return;
            }
        };
        self.finds[i].counted_by = held.map(|(id, _)| id);
        let at = self.time_of(i, now);
        self.finds[i].state = match held {
            Some((id, state)) if id == check.limit.id() => state,
            Some((id, state)) => self.carried(id, state, at, check),
            None => 0,
        };
    }

    fn carried(&self, id: LimitId, state: u64, now: Now, check: &Check<'_>) -> u64 {
        let to = check.limit.limit();
        let carried = |from: &Registered| to.carried_from(from.limit(), state, now, check.carry);
        self.table.registry.with(id, carried).unwrap_or(0)
    }
}
