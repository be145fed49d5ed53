//! What would become of a request, in the words of the admin API.

use http::Method;
use tollgate_admin::{
    Explanation, LimitSource, LiveError, Outcome, PlanSource, Question, WeighedLimit,
};
use tollgate_engine::{Inquiry, Inspected, Level, LimitState, Verdict};

use super::GatewayLive;
use crate::stored_quotas::recall;

impl GatewayLive {
    pub(super) fn explain_request(&self, question: &Question) -> Result<Explanation, LiveError> {
        let method = Method::from_bytes(question.method.as_bytes());
        let method = method.map_err(|_| LiveError::Refused {
            pointer: "/method",
            reason: "this is no method".to_owned(),
        })?;
        let inquiry = Inquiry {
            method: &method,
            path: &question.path,
            user: question.who.as_ref().map(|who| self.user(who)),
            peer: question.peer,
            at_ms: question.at_ms,
        };
        let now = self.clock.now();
        let found = self.engine.inspect(&inquiry, now);
        let Some(user) = &inquiry.user else {
            return Ok(explained(&found));
        };
        recall(
            &self.engine,
            &found,
            &self.counts(user, now),
            &self.given_back,
            now,
        );
        Ok(explained(&self.engine.inspect(&inquiry, now)))
    }
}

/// A finding, as it is told.
pub(crate) fn explained(found: &Inspected) -> Explanation {
    let decision = &found.decision;
    let route = decision.snapshot.policy().routes().get(decision.route);
    let (outcome, free_in_ms) = match &decision.verdict {
        Verdict::Allow => (Outcome::Admitted, None),
        Verdict::Own(_) => (Outcome::Own, None),
        Verdict::Limit { retry_after } => (Outcome::Limited, retry_after.map(ceil_ms)),
        Verdict::BadRequest(_) => (Outcome::BadRequest, None),
        _ => (Outcome::Unauthenticated, None),
    };
    let after: Vec<LimitState<'_>> = decision.limits.iter().collect();
    let weigh = |left: LimitState<'_>| {
        let same = |state: &&LimitState<'_>| state.limit.name == left.limit.name;
        let state = after.iter().find(same).copied().unwrap_or(left);
        let limit = left.limit;
        let on_exceed = limit.on_exceed.map(|what| what.as_str().to_owned());
        let admits = state.reading.admitted() || limit.serves_on;
        WeighedLimit {
            limit: limit.name.to_string(),
            amount: limit.amount.to_string(),
            per: limit.per().as_str().to_owned(),
            mode: limit.mode.as_str().to_owned(),
            on_exceed,
            from: source(found, limit),
            cost: limit.cost,
            left: left.reading.remaining,
            admits,
            free_in_ms: state.reading.retry_after().filter(|_| !admits).map(ceil_ms),
        }
    };
    Explanation {
        outcome,
        route: route.to_string(),
        never_block: route.never_block,
        plan: decision.plan_name().map(str::to_owned),
        plan_from: decision.plan_source.map_or(PlanSource::None, plan_source),
        limits: found.left.iter().map(weigh).collect(),
        free_in_ms,
    }
}

fn source(found: &Inspected, limit: &tollgate_engine::CountedLimit) -> LimitSource {
    match found.own(limit) {
        None => LimitSource::Plan,
        Some(own) => match (own.level, own.on_route) {
            (Level::Subject, true) => LimitSource::SubjectOnRoute,
            (Level::Subject, false) => LimitSource::Subject,
            (Level::Account, true) => LimitSource::AccountOnRoute,
            (Level::Account, false) => LimitSource::Account,
        },
    }
}

fn plan_source(source: tollgate_engine::PlanSource) -> PlanSource {
    use tollgate_engine::PlanSource as From;
    match source {
        From::Assignment(Level::Subject) => PlanSource::Subject,
        From::Assignment(Level::Account) => PlanSource::Account,
        From::Credential => PlanSource::Claim,
        From::Certificate => PlanSource::Certificate,
        From::Default => PlanSource::Default,
        From::Anonymous => PlanSource::Anonymous,
        _ => PlanSource::None,
    }
}

/// Rounded up: who waits as long is not early.
pub(crate) fn ceil_ms(wait: tollgate_limiter::Nanos) -> u64 {
    wait.0.div_ceil(1_000_000)
}
