//! All or nothing: several limits decided as one, under the locks of their sets.
//!
//! Sets are locked in ascending order and the overflow buckets after them, so that no two
//! decisions wait for each other in a circle.

use super::{
    CHECKS_MAX, Cell, Check, Enforcement, MutexGuard, Nanos, OVERFLOW_CELLS, Ordering, Partition,
    Reading, Set, Table, Verdict,
};

/// What one decision holds and knows while it is being made.
struct Decision<'a> {
    /// The locked sets, each once, in ascending order.
    guards: [Option<MutexGuard<'a, Set>>; CHECKS_MAX],
    overflow: [Option<MutexGuard<'a, Box<[u64]>>>; 2],
    places: [Place; CHECKS_MAX],
}

/// Where a check's bucket is.
#[derive(Clone, Copy, Default)]
struct Place {
    guard: usize,
    /// The cell in the set; `None` when the set has no room and the overflow bucket serves.
    way: Option<usize>,
    before: u64,
    after: u64,
}

// === impl Table ===

impl Table {
    /// Decides all `checks` as one and writes what each limit says into `readings`.
    ///
    /// Admitted only if every binding limit admits; then all are charged, shadow ones as far as
    /// they admit. Refused charges nothing anywhere. Checks beyond [`CHECKS_MAX`], or beyond the
    /// length of `readings`, are not consulted; callers hold their number below it.
    pub fn decide(&self, now: Nanos, checks: &[Check], readings: &mut [Reading]) -> Verdict {
        let count = checks.len().min(readings.len()).min(CHECKS_MAX);
        let (checks, readings) = (&checks[..count], &mut readings[..count]);
        match (checks, &mut *readings) {
            ([], _) => Verdict::Admitted,
            ([check], [reading]) => self.decide_one(now, check, reading),
            _ => self.decide_many(now, checks, readings),
        }
    }

    fn decide_one(&self, now: Nanos, check: &Check, reading: &mut Reading) -> Verdict {
        let tag = check.key.tag();
        let mut set = self.sets[self.set_index(check)].0.lock();
        let Some(way) = set.find(tag).or_else(|| set.free(now, 0)) else {
            drop(set);
            let (check, reading) = (std::slice::from_ref(check), std::slice::from_mut(reading));
            return self.decide_many(now, check, reading);
        };
        let (new, state) = check.gcra.decide(set.state(way, tag), now, check.cost);
        *reading = new;
        if new.admitted && check.cost > 0 {
            set.0[way] = Cell { tag, state };
        }
        verdict(new.admitted, check.enforcement)
    }

    fn decide_many(&self, now: Nanos, checks: &[Check], readings: &mut [Reading]) -> Verdict {
        let mut decision = self.lock(checks);
        decision.place(now, checks, self);
        let mut verdict = Verdict::Admitted;
        for (i, check) in checks.iter().enumerate() {
            let before = decision.before(i, checks);
            let (reading, after) = check.gcra.decide(before, now, check.cost);
            let place = &mut decision.places[i];
            (place.before, place.after) = (before, before);
            if reading.admitted {
                place.after = after;
            }
            readings[i] = Reading {
                overflowed: place.way.is_none(),
                ..reading
            };
            if !self::verdict(reading.admitted, check.enforcement).admitted() {
                verdict = Verdict::Refused;
            }
        }
        for (i, check) in checks.iter().enumerate() {
            if !readings[i].admitted {
                continue;
            }
            if verdict.admitted() {
                decision.charge(i, check);
            } else {
                // Nothing is charged: say what the bucket holds, not what it would have held.
                let look = check.gcra.decide(decision.places[i].before, now, 0).0;
                readings[i] = Reading {
                    overflowed: readings[i].overflowed,
                    ..look
                };
            }
        }
        verdict
    }

    fn lock(&self, checks: &[Check]) -> Decision<'_> {
        let mut order = [(0_usize, 0_usize); CHECKS_MAX];
        for (i, check) in checks.iter().enumerate() {
            order[i] = (self.set_index(check), i);
        }
        let order = &mut order[..checks.len()];
        order.sort_unstable();
        let mut decision = Decision {
            guards: [const { None }; CHECKS_MAX],
            overflow: [None, None],
            places: [Place::default(); CHECKS_MAX],
        };
        let (mut locked, mut last) = (0, None);
        for (set, i) in order.iter() {
            if last != Some(*set) {
                decision.guards[locked] = Some(self.sets[*set].0.lock());
                locked += 1;
                last = Some(*set);
            }
            decision.places[*i].guard = locked - 1;
        }
        decision
    }
}

// === impl Decision ===

impl<'a> Decision<'a> {
    /// Finds each check's cell. All known keys are found before free cells are given away, so
    /// that no two checks of one decision get the same cell.
    fn place(&mut self, now: Nanos, checks: &[Check], table: &'a Table) {
        let mut taken = [0_u8; CHECKS_MAX];
        for (i, check) in checks.iter().enumerate() {
            let place = &mut self.places[i];
            if let Some(set) = &self.guards[place.guard] {
                place.way = set.find(check.key.tag());
                taken[place.guard] |= place.way.map_or(0, |way| 1 << way);
            }
        }
        for (i, check) in checks.iter().enumerate() {
            let place = &mut self.places[i];
            if place.way.is_some() {
                continue;
            }
            if let Some(set) = &self.guards[place.guard] {
                place.way = set.free(now, taken[place.guard]);
                taken[place.guard] |= place.way.map_or(0, |way| 1 << way);
            }
            if place.way.is_none() {
                table.overflowed.fetch_add(1, Ordering::Relaxed);
                let part = part(check.partition);
                self.overflow[part].get_or_insert_with(|| table.overflow[part].lock());
            }
        }
    }

    /// The state that check `i` starts from; an earlier check of this decision may already have
    /// drawn on the same overflow bucket.
    fn before(&self, i: usize, checks: &[Check]) -> u64 {
        let (place, check) = (&self.places[i], &checks[i]);
        if let Some(way) = place.way {
            let set = self.guards[place.guard].as_ref();
            return set.map_or(0, |set| set.state(way, check.key.tag()));
        }
        let shared = |j: &usize| {
            self.places[*j].way.is_none()
                && checks[*j].partition == check.partition
                && cell(&checks[*j]) == cell(check)
        };
        if let Some(earlier) = (0..i).rev().find(shared) {
            return self.places[earlier].after;
        }
        let cells = self.overflow[part(check.partition)].as_ref();
        cells.map_or(0, |cells| cells[cell(check)])
    }

    fn charge(&mut self, i: usize, check: &Check) {
        let place = self.places[i];
        if check.cost == 0 {
            return;
        }
        if let (Some(way), Some(set)) = (place.way, &mut self.guards[place.guard]) {
            set.0[way] = Cell {
                tag: check.key.tag(),
                state: place.after,
            };
        } else if let Some(cells) = &mut self.overflow[part(check.partition)] {
            cells[cell(check)] = place.after;
        }
    }
}

fn cell(check: &Check) -> usize {
    check.overflow as usize % OVERFLOW_CELLS
}

fn part(partition: Partition) -> usize {
    match partition {
        Partition::Users => 0,
        Partition::Networks => 1,
    }
}

fn verdict(admitted: bool, enforcement: Enforcement) -> Verdict {
    match (admitted, enforcement) {
        (false, Enforcement::Binding) => Verdict::Refused,
        _ => Verdict::Admitted,
    }
}
