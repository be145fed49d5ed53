//! What counts for a caller: its own record before its account's. Pure, and stated once.
//!
//! | asked | answered, the first that there is |
//! |---|---|
//! | which plan | the subject's assignment, the account's; else the caller goes on with the verified claim, then the default plan |
//! | which limit of a name, on a route | the subject's override for the route, for every route, the account's for the route, for every route; else the plan's |

use crate::record::{Assignment, Override, Record};

/// Whose record it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The subject's own.
    Subject,
    /// Its account's.
    Account,
}

/// A caller's records: its own, and its account's if it has one.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Its own.
    pub subject: &'a Record,
    /// Its account's.
    pub account: Option<&'a Record>,
}

impl<'a> Standing<'a> {
    /// The assignment in force; `None` leaves it to the claim and the default plan.
    #[must_use]
    pub fn plan_at(self, at_ms: u64) -> Option<(Level, &'a Assignment)> {
        let mut found = self
            .levels()
            .filter_map(|(level, record)| Some((level, record.plan_at(at_ms)?)));
        found.next()
    }

    /// The override in force for one limit on one route; `None` leaves it to the plan.
    #[must_use]
    pub fn override_at(
        self,
        route: &str,
        limit: &str,
        at_ms: u64,
    ) -> Option<(Level, &'a Override)> {
        let mut found = self.levels().filter_map(|(level, record)| {
            let on_route = record.override_at(Some(route), limit, at_ms);
            let found = on_route.or_else(|| record.override_at(None, limit, at_ms))?;
            Some((level, found))
        });
        found.next()
    }

    /// All overrides in force on one route, one a limit, sorted by the limit's name.
    #[must_use]
    pub fn overrides_at(self, route: &str, at_ms: u64) -> Vec<(Level, &'a Override)> {
        let overrides = self.levels().flat_map(|(_, record)| record.overrides());
        let mut names: Vec<&str> = overrides.map(|entry| entry.limit.name()).collect();
        names.sort_unstable();
        names.dedup();
        let in_force = names
            .into_iter()
            .filter_map(|name| self.override_at(route, name, at_ms));
        in_force.collect()
    }

    /// From the strongest.
    fn levels(self) -> impl Iterator<Item = (Level, &'a Record)> {
        let account = self.account.map(|record| (Level::Account, record));
        [(Level::Subject, self.subject)].into_iter().chain(account)
    }
}
