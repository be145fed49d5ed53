//! The limits of users who have some of their own: a plan's list with theirs in it, made once for all who
//! have the same.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use tollgate_limiter::{CHECKS_MAX, Table};
use tollgate_policy::{Limit, Mode, Plan};

use super::OwnLimit;
use crate::keys::HashKey;
use crate::limits::{Owner, RouteLimits};

/// Lists that are kept; when there are more, all are made anew as they are asked for.
const LISTS_MAX: usize = 8_192;

/// A plan's list, and the texts that stand in it besides.
type Key = (usize, Box<[Arc<str>]>);

/// A plan's list as it stands in the policy.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) limits: &'a [Limit],
}

/// Lists by what they are made of.
///
/// State: written by the first request of a user with a new combination, read by all of theirs.
#[derive(Debug, Default)]
pub(crate) struct OwnLists {
    lists: RwLock<HashMap<Key, Arc<RouteLimits>>>,
    left_out: AtomicU64,
}

impl OwnLists {
    /// `base` with `own` in it: theirs replace those of the same name, others are added. At most
    /// [`CHECKS_MAX`] in all: what is beyond that, or cannot be counted, is left out and counted.
    pub(crate) fn with(
        &self,
        base: &Arc<RouteLimits>,
        written: Written<'_>,
        own: &[OwnLimit],
        counting: (&HashKey, &Table),
    ) -> Arc<RouteLimits> {
        if own.is_empty() {
            return Arc::clone(base);
        }
        let texts = own.iter().map(|own| Arc::clone(&own.text)).collect();
        let key = (Arc::as_ptr(base).addr(), texts);
        if let Some(list) = self.lists.read().get(&key) {
            return Arc::clone(list);
        }
        let made = self.make(written, own, counting);
        let made = made.map_or_else(|| Arc::clone(base), Arc::new);
        let mut lists = self.lists.write();
        if lists.len() >= LISTS_MAX {
            lists.clear();
        }
        lists.insert(key, Arc::clone(&made));
        made
    }

    /// How often a limit of a user's own could not be put in force.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    fn make(
        &self,
        written: Written<'_>,
        own: &[OwnLimit],
        (hash, table): (&HashKey, &Table),
    ) -> Option<RouteLimits> {
        let owner = Owner::Plan(&written.plan.name);
        let mut limits = written.limits.to_vec();
        let mut made = None;
        for own in own {
            let mut with_it = limits.clone();
            written.put(&mut with_it, own);
            match RouteLimits::new(&with_it, owner, hash, table) {
                Ok(list) if list.limits.len() <= CHECKS_MAX => {
                    (limits, made) = (with_it, Some(list))
                }
                _ => {
                    self.left_out.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        made
    }
}

// === impl Written ===

impl Written<'_> {
    /// In place of the limit of its name, or behind all others; away with it where it is off.
    fn put(&self, limits: &mut Vec<Limit>, own: &OwnLimit) {
        let limit = Limit {
            mode: self.plan.mode.and(own.limit.mode),
            ..Limit::clone(&own.limit)
        };
        let place = limits.iter().position(|known| known.name == limit.name);
        match (place, limit.mode) {
            (Some(place), Mode::Off) => drop(limits.remove(place)),
            (Some(place), _) => limits[place] = limit,
            (None, Mode::Off) => {}
            (None, _) => limits.push(limit),
        }
    }
}
