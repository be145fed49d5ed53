//! Counts of a rate-based rule: one for each instance, in slots as long as the time between looks.

use std::collections::HashMap;

/// A lag in intervals; verdicts of that many looks fit in 64 bits with the latest one.
pub(super) const LAG_INTERVALS_MAX: u64 = 62;

/// The counts of a rule.
#[derive(Debug, Clone)]
pub(super) struct Instances {
    limit: u64,
    /// Slots of a window.
    slots: usize,
    interval_ms: u64,
    lag_ms: u64,
    instances_max: usize,
    by_key: HashMap<Vec<u8>, Instance>,
    /// The look up to which what is over has been swept out.
    swept: u64,
    untracked: u64,
}

/// The counts of one instance.
#[derive(Debug, Clone)]
struct Instance {
    /// Requests in each slot of the window; a slot's number modulo their count is its place.
    slots: Vec<u32>,
    sum: u64,
    /// The latest look that has been taken into account.
    look: u64,
    /// Bit `n`: whether the count was above the limit at the look `n` before the latest.
    over: u64,
}

// === impl Instances ===

impl Instances {
    /// `window_s` is a multiple of the interval.
    pub(super) fn new(
        limit: u64,
        window_s: u64,
        interval_ms: u64,
        lag_ms: u64,
        instances_max: usize,
    ) -> Self {
        let slots = window_s.saturating_mul(1_000) / interval_ms;
        Instances {
            limit,
            slots: usize::try_from(slots).unwrap_or(usize::MAX).max(1),
            interval_ms,
            lag_ms,
            instances_max,
            by_key: HashMap::new(),
            swept: 0,
            untracked: 0,
        }
    }

    /// Whether an instance is limited at a time; the request is counted unless it is limited and
    /// `blocked_count` says no.
    pub(super) fn over(&mut self, key: Vec<u8>, now_ms: u64, blocked_count: bool) -> bool {
        let look = now_ms / self.interval_ms;
        if !self.by_key.contains_key(&key) && !self.has_room(look) {
            self.untracked += 1;
            return false;
        }
        let slots = self.slots;
        let instance = self.by_key.entry(key).or_insert_with(|| Instance {
            slots: vec![0; slots],
            sum: 0,
            look,
            over: 0,
        });
        instance.advance(look, self.limit);
        // The look whose verdict is in force now.
        let in_force = now_ms
            .checked_sub(self.lag_ms)
            .map(|then| look - then / self.interval_ms);
        let over = in_force.is_some_and(|back| instance.over >> back.min(63) & 1 == 1);
        if !over || blocked_count {
            instance.count(look);
        }
        over
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn untracked(&self) -> u64 {
        self.untracked
    }

    /// Makes room for one more, at most once a look: what has no count and no verdict left is as if
    /// it had never been.
    fn has_room(&mut self, look: u64) -> bool {
        if self.by_key.len() >= self.instances_max && self.swept < look {
            self.swept = look;
            let limit = self.limit;
            self.by_key.retain(|_, instance| {
                instance.advance(look, limit);
                instance.sum > 0 || instance.over > 0
            });
        }
        self.by_key.len() < self.instances_max
    }
}

// === impl Instance ===

impl Instance {
    /// Takes every look up to this one into account.
    fn advance(&mut self, look: u64, limit: u64) {
        let window = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        if look.saturating_sub(self.look) > window + u64::from(u64::BITS) {
            // Every slot and every verdict would be shifted out.
            self.slots.fill(0);
            self.sum = 0;
            self.over = 0;
            self.look = look;
        }
        while self.look < look {
            self.look += 1;
            self.over = self.over << 1 | u64::from(self.sum > limit);
            // The oldest slot leaves the window and becomes the newest.
            let place = self.place(self.look);
            self.sum -= u64::from(self.slots[place]);
            self.slots[place] = 0;
        }
    }

    fn count(&mut self, look: u64) {
        let place = self.place(look);
        if let Some(more) = self.slots[place].checked_add(1) {
            self.slots[place] = more;
            self.sum += 1;
        }
    }

    fn place(&self, slot: u64) -> usize {
        let slots = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        usize::try_from(slot % slots).unwrap_or_default()
    }
}
