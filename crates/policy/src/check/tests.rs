//! The policy's own tests: times in order, and only names that the policy has.

use std::time::Duration;

use super::Check;
use super::plans::Plans;
use super::routes::Routes;
use crate::codes;
use crate::diagnostics::Span;
use crate::expectation::{PolicyTest, TEST_REQUESTS_MAX, TestCaller, TestExpect, TestStep, Totals};
use crate::findings::Finding;
use crate::identity::{API_KEY_ISSUER, CERTIFICATE_ISSUER, IdentityConfig};
use crate::node::{At, Given};
use crate::raw::{RawCaller, RawExpect, RawStep, RawTest, RequestParts, Word};
use crate::suggest::nearest;

/// Tests of a policy.
const TESTS_MAX: usize = 10_000;

/// What tests refer to.
struct Known<'a> {
    routes: &'a Routes,
    plans: &'a Plans,
    identity: &'a IdentityConfig,
}

impl Check<'_, '_> {
    pub(super) fn tests(
        &mut self,
        raw: Vec<RawTest>,
        routes: &Routes,
        plans: &Plans,
        identity: &IdentityConfig,
    ) -> Vec<PolicyTest> {
        let known = Known {
            routes,
            plans,
            identity,
        };
        if let Some(beyond) = raw.get(TESTS_MAX) {
            self.error(
                Finding::error(
                    codes::TOO_MANY,
                    beyond.span,
                    format!("policy has more than {TESTS_MAX} tests"),
                )
                .help("keep those that show something new"),
            );
        }
        raw.into_iter()
            .take(TESTS_MAX)
            .enumerate()
            .filter_map(|(index, raw)| self.test(index, raw, &known))
            .collect()
    }

    fn test(&mut self, index: usize, raw: RawTest, known: &Known<'_>) -> Option<PolicyTest> {
        let line = self.findings.line(raw.span);
        let caller = self.caller(&raw.r#as, known);
        let expects = match (&raw.expect, &raw.steps) {
            (None, None) => false,
            (None, Some(Given::Value(steps))) => {
                steps.iter().any(|step| step.expect.is_some()) || !self.whole
            }
            _ => true,
        };
        if !expects {
            self.error(
                Finding::error(
                    codes::TEST_REQUEST,
                    raw.span,
                    "test expects nothing: it could never fail",
                )
                .help("add `expect: {allowed: …, limited: …}`"),
            );
        }
        let steps = match (raw.send, raw.steps) {
            (Some(Given::Misfit), _) | (_, Some(Given::Misfit)) => return None,
            (Some(Given::Value(send)), None) => {
                vec![step(
                    send.0.request,
                    Duration::ZERO,
                    send.0.over,
                    send.0.count,
                    line,
                )]
            }
            (None, Some(Given::Value(steps))) if !steps.is_empty() || !self.whole => {
                self.steps(steps, known)
            }
            (send, _) => {
                let both = send.is_some();
                let message = if both {
                    "test has both `send` and `steps`"
                } else {
                    "test sends nothing"
                };
                self.error(
                    Finding::error(codes::TEST_REQUEST, raw.span, message)
                        .help("write either `send: 11 x POST /items in 0s`, or `steps: […]`"),
                );
                return None;
            }
        };
        let sent: u64 = steps.iter().map(|step| u64::from(step.count)).sum();
        if sent > u64::from(TEST_REQUESTS_MAX) {
            self.error(
                Finding::error(
                    codes::TOO_MANY,
                    raw.span,
                    format!("test sends {sent} requests"),
                )
                .help(format!("send at most {TEST_REQUESTS_MAX}")),
            );
        }
        let expect_total = raw.expect.and_then(Given::value).map(|totals| {
            let total = Totals {
                allowed: totals.allowed.map(|n| n.0),
                limited: totals.limited.map(|n| n.0),
            };
            let expected = total.allowed.unwrap_or(0) + total.limited.unwrap_or(0);
            if expected > sent {
                self.error(
                    Finding::error(
                        codes::TEST_REQUEST,
                        totals.span,
                        format!("{expected} requests are expected of {sent} sent"),
                    )
                    .help("let `allowed` and `limited` together be at most what is sent"),
                );
            }
            total
        });
        let name = raw
            .name
            .map_or_else(|| format!("test {}", index + 1), |name| name.0);
        Some(PolicyTest {
            name,
            caller: caller?,
            steps,
            expect_total,
            line,
        })
    }

    fn steps(&mut self, raw: Vec<RawStep>, known: &Known<'_>) -> Vec<TestStep> {
        let mut now = Duration::ZERO;
        let mut steps = Vec::new();
        for raw in raw {
            if let Some(At { span, value: at }) = raw.at {
                if at.0 < now {
                    self.error(
                        Finding::error(
                            codes::TEST_REQUEST,
                            span,
                            "step is earlier than the one before",
                        )
                        .label("time goes forward only")
                        .help("write the steps in the order of time"),
                    );
                }
                now = now.max(at.0);
            }
            let count = raw
                .times
                .and_then(|times| u32::try_from(times.0).ok())
                .unwrap_or(1);
            let over = raw.over.map_or(Duration::ZERO, |over| over.0);
            let mut step = step(
                raw.request.0,
                now,
                over,
                count,
                self.findings.line(raw.span),
            );
            now += over;
            step.cost = raw.cost.map(|cost| cost.0.get());
            step.caller = raw.r#as.and_then(|caller| self.caller(&caller, known));
            step.expect = raw.expect.map(|expect| self.expect(expect, known));
            steps.push(step);
        }
        steps
    }

    fn expect(&mut self, raw: RawExpect, known: &Known<'_>) -> TestExpect {
        let route = raw.route.and_then(|route| {
            let id = if self.whole {
                self.route(&route, known.routes)
            } else {
                None
            };
            id.map(|id| known.routes.table.get(id).to_string())
        });
        if let Some(At { span, value }) = &raw.limit
            && self.whole
            && !known
                .plans
                .limit_names
                .iter()
                .any(|name| **name == *value.0)
        {
            let help = match nearest(&value.0, known.plans.limit_names.iter().map(AsRef::as_ref)) {
                Some(other) => format!("did you mean `{other}`?"),
                None => "name a limit of one of the plans".to_owned(),
            };
            self.error(
                Finding::error(
                    codes::TEST_REFERENCE,
                    *span,
                    format!("unknown limit `{}`", value.0),
                )
                .label("no plan counts it")
                .help(help),
            );
        }
        TestExpect {
            verdict: raw.verdict.map(|Word(verdict)| verdict),
            remaining: raw.remaining.map(|remaining| remaining.0),
            retry_after: raw.retry_after.map(|after| after.0),
            limit: raw.limit.map(|limit| limit.value.0),
            route,
        }
    }

    fn caller(&mut self, raw: &At<RawCaller>, known: &Known<'_>) -> Option<TestCaller> {
        let section = match &raw.value {
            RawCaller::Anonymous => return Some(TestCaller::Anonymous { ip: None }),
            RawCaller::Section(section) => section,
        };
        let user = section.account.is_some() || section.plan.is_some() || section.issuer.is_some();
        match (&section.sub, &section.anonymous) {
            (None, Some(address)) if !user => {
                return Some(TestCaller::Anonymous {
                    ip: Some(address.0),
                });
            }
            (Some(sub), None) => {
                self.user_names(
                    section
                        .plan
                        .as_ref()
                        .map(|plan| (plan.span, plan.value.0.as_str())),
                    known,
                );
                let issuer = section
                    .issuer
                    .as_ref()
                    .map(|issuer| (issuer.span, issuer.value.0.as_str()));
                self.user_issuer(issuer, section.span, known);
                return Some(TestCaller::User {
                    sub: sub.0.clone(),
                    account: section.account.as_ref().map(|account| account.0.clone()),
                    plan: section.plan.as_ref().map(|plan| plan.value.0.clone()),
                    issuer: section.issuer.as_ref().map(|issuer| issuer.value.0.clone()),
                });
            }
            _ => {}
        }
        self.error(
            Finding::error(codes::TEST_REQUEST, section.span, "caller is neither a user nor anonymous, or both")
                .help("write `{sub: u1}` for a user, `{anonymous: 192.0.2.1}` for a caller without a token"),
        );
        None
    }

    /// A plan claim may well name no plan: such users have the default plan.
    fn user_names(&mut self, plan: Option<(Span, &str)>, known: &Known<'_>) {
        let Some((span, plan)) = plan else { return };
        if self.whole && !known.plans.plans.iter().any(|known| &*known.name == plan) {
            let finding = self.unknown_plan(plan, span);
            self.findings.push(finding.warn_if(true));
        }
    }

    fn user_issuer(&mut self, issuer: Option<(Span, &str)>, span: Span, known: &Known<'_>) {
        let certificates = known.identity.client_certificates.is_some();
        let issuers = || {
            known
                .identity
                .issuers
                .iter()
                .map(|issuer| issuer.issuer.as_str())
                .chain(known.identity.api_keys.as_ref().map(|_| API_KEY_ISSUER))
                .chain(certificates.then_some(CERTIFICATE_ISSUER))
        };
        if !self.whole {
            return;
        }
        let finding = match issuer {
            _ if issuers().next().is_none() => Finding::error(
                codes::TEST_REFERENCE,
                span,
                "there is no issuer whose token the user could have",
            )
            .help("add one to `identity`, or write `as: anonymous`"),
            Some((span, name)) if !issuers().any(|known| known == name) => {
                let help = match nearest(name, issuers()) {
                    Some(other) => format!("did you mean `{other}`?"),
                    None => "name one of `identity.issuers`, or leave it out for the first one"
                        .to_owned(),
                };
                Finding::error(
                    codes::TEST_REFERENCE,
                    span,
                    format!("unknown issuer `{name}`"),
                )
                .help(help)
            }
            _ => return,
        };
        self.error(finding);
    }
}

fn step(request: RequestParts, at: Duration, over: Duration, count: u32, line: usize) -> TestStep {
    TestStep {
        at,
        over,
        count,
        method: request.method,
        path: request.path,
        query: request.query,
        cost: None,
        caller: None,
        expect: None,
        line,
    }
}
