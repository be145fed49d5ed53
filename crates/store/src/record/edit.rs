//! Changes of one record, as a pure function: what was said before, what is to change, what is said then.

use serde::{Deserialize, Serialize};

use super::{ASSIGNMENTS_MAX, Assignment, OVERRIDES_MAX, Override, Record};
use crate::error::StoreError;
use crate::limit_text::{LimitText, RouteName};
use crate::span::Span;
use crate::texts::{Note, PlanName};

/// When something begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With the change itself, by the store's clock.
    Now,
    /// At a moment, in milliseconds since 1970; it may have passed.
    AtMs(u64),
}

/// One change of what is said of a holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Edit {
    /// Gives a plan. Without an end it takes the place of all that began before it; with one it is laid
    /// over them. What is scheduled for later stays.
    Assign {
        /// The plan.
        plan: PlanName,
        /// From when.
        from: Start,
        /// Until when, in milliseconds since 1970; `None`: until another one begins. When it ends, the
        /// one under it is in force again.
        until_ms: Option<u64>,
    },
    /// Takes an assignment back, whether it is in force or only scheduled. Under one without an end
    /// there is nothing: [`Edit::Undo`] puts back what was there.
    Withdraw {
        /// Which: the number of the change that made it.
        made: u64,
    },
    /// Gives a limit in place of the plan's limit of that name.
    Override {
        /// The limit.
        limit: LimitText,
        /// The one route it is for; `None`: every route.
        route: Option<RouteName>,
        /// From when.
        from: Start,
        /// Until when, in milliseconds since 1970; `None`: it does not end.
        until_ms: Option<u64>,
    },
    /// Takes overrides of one limit back.
    Lift {
        /// The name of the limit.
        limit: String,
        /// The route it is for; `None`: the override for every route.
        route: Option<RouteName>,
        /// Which: the number of the change that made it; `None`: all of them, scheduled ones too.
        made: Option<u64>,
    },
    /// Puts back what was said before the last change, whichever that was: undone twice, it is done
    /// again.
    Undo,
}

/// The change that an edit is made in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion<'a> {
    /// Its number.
    pub(crate) seq: u64,
    /// When, in milliseconds since 1970.
    pub(crate) now_ms: u64,
    /// Why.
    pub(crate) note: &'a Note,
    /// The record before the last change, if there was one.
    pub(crate) last: Option<&'a Record>,
}

impl Start {
    fn ms(self, now_ms: u64) -> u64 {
        match self {
            Start::Now => now_ms,
            Start::AtMs(at_ms) => at_ms,
        }
    }
}

impl Record {
    /// The record after an edit.
    ///
    /// # Errors
    /// When times are wrong, something is not there, or there would be too much.
    pub(crate) fn edited(&self, edit: &Edit, on: Occasion<'_>) -> Result<Record, StoreError> {
        let mut next = self.clone();
        let span = |from: Start, until_ms| Span::new(from.ms(on.now_ms), until_ms);
        match edit {
            Edit::Assign {
                plan,
                from,
                until_ms,
            } => next.assignments.push(Assignment {
                made: on.seq,
                plan: plan.clone(),
                span: span(*from, *until_ms)?,
                note: on.note.clone(),
            }),
            Edit::Withdraw { made } => {
                let is_it = |entry: &Assignment| entry.made == *made;
                remove(&mut next.assignments, is_it, "assignment")?;
            }
            Edit::Override {
                limit,
                route,
                from,
                until_ms,
            } => next.overrides.push(Override {
                made: on.seq,
                route: route.clone(),
                limit: limit.clone(),
                span: span(*from, *until_ms)?,
                note: on.note.clone(),
            }),
            Edit::Lift { limit, route, made } => {
                let is_it = |entry: &Override| {
                    entry.limit.name() == limit
                        && entry.route == *route
                        && made.is_none_or(|made| entry.made == made)
                };
                remove(&mut next.overrides, is_it, "override")?;
            }
            Edit::Undo => return on.last.cloned().ok_or(StoreError::NothingToUndo),
        }
        let next = next.without_past(on.now_ms);
        at_most(next.assignments.len(), ASSIGNMENTS_MAX, "assignments")?;
        at_most(next.overrides.len(), OVERRIDES_MAX, "overrides")?;
        Ok(next)
    }

    /// Without what can never be in force again. The audit keeps it.
    fn without_past(&self, now_ms: u64) -> Record {
        let plan = |entry: &Assignment| (entry.span, entry.made);
        let limit = |entry: &Override| (entry.span, entry.made);
        Record {
            assignments: that_count(&self.assignments, plan, |_, _| true, now_ms),
            overrides: that_count(&self.overrides, limit, same_limit, now_ms),
        }
    }
}

/// Entries that may be in force at some moment from now on: the others are over, or another one of the same
/// that does not end has taken their place.
fn that_count<T: Clone>(
    entries: &[T],
    key: impl Fn(&T) -> (Span, u64),
    same: impl Fn(&T, &T) -> bool,
    now_ms: u64,
) -> Vec<T> {
    let takes_place = |other: &T, entry: &T| {
        let ((over, over_made), (span, made)) = (key(other), key(entry));
        let comes_after = (over.from_ms(), over_made) > (span.from_ms(), made);
        let from_then_on =
            over.from_ms() <= now_ms.max(span.from_ms()) && over.until_ms().is_none();
        same(other, entry) && comes_after && from_then_on
    };
    let counts = |entry: &&T| {
        !key(entry).0.is_over(now_ms) && !entries.iter().any(|other| takes_place(other, entry))
    };
    entries.iter().filter(counts).cloned().collect()
}

fn same_limit(one: &Override, other: &Override) -> bool {
    one.route == other.route && one.limit.name() == other.limit.name()
}

fn remove<T>(
    entries: &mut Vec<T>,
    is_it: impl Fn(&T) -> bool,
    what: &'static str,
) -> Result<(), StoreError> {
    let before = entries.len();
    entries.retain(|entry| !is_it(entry));
    if entries.len() == before {
        return Err(StoreError::NotThere { what });
    }
    Ok(())
}

fn at_most(count: usize, max: usize, what: &'static str) -> Result<(), StoreError> {
    if count > max {
        return Err(StoreError::TooMany { what, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
