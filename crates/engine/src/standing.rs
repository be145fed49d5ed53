//! What is said of users beyond the policy: plans that they are assigned, limits of their own.
//!
//! Who keeps it, and how it changes, is not the engine's to know: it asks a [`Standings`] once a request
//! of a verified user, and never waits for it. Precedence is stated in [`PlanSource`] and [`OwnLimit`].

mod own_lists;
mod plan_numbers;

use std::fmt;
use std::sync::Arc;

use tollgate_identity::User;
use tollgate_limiter::Now;
use tollgate_policy::{Limit, PlanId, RouteId};

use crate::decision::Principal;
use crate::snapshot::Snapshot;

pub(crate) use own_lists::{OwnLists, Written};
pub(crate) use plan_numbers::PlanNumbers;

/// Answers from memory what is said of a user. Asked on the path of requests: it waits for nobody.
pub trait Standings: Send + Sync + fmt::Debug {
    /// What is in force for `user` on a route (`GET /orders/{order_id}`, or `*`) at a moment, in milliseconds
    /// since 1970.
    fn standing(&self, user: &User, route: &str, at_ms: u64) -> Standing;

    /// The name of a plan that a [`Standing`] gave the number of. A number never gets another name.
    fn plan_name(&self, plan: PlanNumber) -> Option<Arc<str>>;
}

/// A plan as a [`Standings`] numbers it, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlanNumber(pub u32);

/// What is said of one user on one route.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The plan that the user is assigned, else the one that its account is.
    pub plan: Option<(Level, PlanNumber)>,
    /// Limits in place of the plan's of the same name, one of each name; others add to the plan's.
    pub limits: Vec<OwnLimit>,
}

/// Whose record it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The user's own.
    Subject,
    /// Its account's.
    Account,
}

/// A limit of a user's or an account's own: an override.
#[derive(Clone, Debug)]
pub struct OwnLimit {
    /// Whose it is.
    pub level: Level,
    /// It is for this route alone; else for every route.
    pub on_route: bool,
    /// As written: two of one text are one limit.
    pub text: Arc<str>,
    /// What it means.
    pub limit: Arc<Limit>,
}

/// Where a caller's plan comes from; the first that there is, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanSource {
    /// An assignment of the user, or of its account.
    Assignment(Level),
    /// The verified credential names it: a claim, or an API key's entry.
    Credential,
    /// The policy's plan for users who are known by a certificate.
    Certificate,
    /// The policy's default plan.
    Default,
    /// The policy's plan for callers without a credential.
    Anonymous,
    /// The policy's plan for users who present no bucket id.
    WithoutId,
}

// === impl PlanSource ===

impl PlanSource {
    /// Its name in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assignment(Level::Subject) => "assignment of the subject",
            Self::Assignment(Level::Account) => "assignment of the account",
            Self::Credential => "credential",
            Self::Certificate => "policy, for certificates",
            Self::Default => "default",
            Self::Anonymous => "policy, for anonymous callers",
            Self::WithoutId => "policy, for users without a bucket id",
        }
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// What is said of a caller, where anybody keeps such a thing.
    pub(crate) fn standing(
        &self,
        standings: Option<&dyn Standings>,
        principal: &Principal,
        route: RouteId,
        now: Now,
    ) -> Standing {
        match (standings, principal) {
            (Some(standings), Principal::User(user)) => {
                let route = &self.route_names[route.0 as usize];
                standings.standing(user, route, now.unix_ms)
            }
            _ => Standing::default(),
        }
    }

    /// How often a limit of a user's own could not be put in force: it is one too many, or cannot be
    /// counted. The plan's are, then.
    #[must_use]
    pub fn own_limits_left_out(&self) -> u64 {
        self.own_lists.left_out()
    }

    /// The assigned plan, if this policy has one of that name. One that it does not have is as none:
    /// nobody is left without a plan for a name that is misspelt, or gone.
    pub(crate) fn assigned_plan(
        &self,
        standings: Option<&dyn Standings>,
        standing: &Standing,
    ) -> Option<(PlanId, PlanSource)> {
        let (level, number) = standing.plan?;
        let plan = self.plan_numbers.plan(number, self.policy(), standings?)?;
        Some((plan, PlanSource::Assignment(level)))
    }
}
