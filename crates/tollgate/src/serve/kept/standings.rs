//! The directory of the store, as the engine asks it.

use std::sync::Arc;

use tollgate_engine::{OwnLimit, PlanNumber, Standing, Standings, User};
use tollgate_store::{AssignedPlan, Directory};

use crate::stores::level;

/// Answers the engine from the directory.
#[derive(Debug)]
pub(super) struct DirectoryStandings(pub(super) Arc<Directory>);

impl Standings for DirectoryStandings {
    fn standing(&self, user: &User, route: &str, at_ms: u64) -> Standing {
        let directory = &self.0;
        let subject = directory.subject_key(&user.issuer, &user.subject);
        let account = user.account.as_deref();
        let account = account.map(|account| directory.account_key(&user.issuer, account));
        let plan = directory.plan_at(subject, account, at_ms);
        let own = directory.overrides_at(subject, account, route, at_ms);
        Standing {
            plan: plan.map(|(whose, AssignedPlan(number))| (level(whose), PlanNumber(number))),
            limits: own
                .into_iter()
                .map(|(whose, entry)| OwnLimit {
                    level: level(whose),
                    on_route: entry.route.is_some(),
                    text: Arc::clone(entry.limit.text()),
                    limit: Arc::clone(entry.limit.limit()),
                })
                .collect(),
        }
    }

    fn plan_name(&self, plan: PlanNumber) -> Option<Arc<str>> {
        self.0.plan_name(AssignedPlan(plan.0))
    }
}
