//! The policy's own tests: decision tables in the policy file, run with times of their own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tollgate_identity::{KeyRing, PrincipalKey, User, client_network};
use tollgate_limiter::{Lease, Nanos, Now, TableSize};
use tollgate_policy::{
    CERTIFICATE_ISSUER, ExpectedVerdict, Policy, PolicyTest, TestCaller, TestExpect, TestStep,
    normalize,
};

use crate::consult::Consult;
use crate::consulted::{Consulted, LimitState};
use crate::decision::{Decision, Principal, Rejection, Unauthenticated, Verdict};
use crate::engine::{Engine, EngineOptions};
use crate::error::EngineError;
use crate::limits::PrincipalKeys;
use crate::path_rewrite::PathRewrite;
use crate::standing::PlanSource;

/// What running a policy's tests gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestReport {
    /// Tests whose every expectation held.
    pub passed: usize,
    /// What did not hold.
    pub failures: Vec<TestFailure>,
}

/// One expectation of one test that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFailure {
    /// The test's name.
    pub test: String,
    /// Line of the expectation in the policy file, from 1.
    pub line: usize,
    /// What was expected and what came.
    pub message: String,
}

/// Buckets of one test: far more than its requests can touch at a burst of one set.
const TEST_TABLE: TableSize = TableSize {
    users: 70_000,
    networks: 70_000,
};

/// Whose tokens a test's users carry where the policy has no issuer.
const NO_ISSUER: &str = "https://issuer.invalid";

/// Where a test's anonymous callers come from if they do not say (RFC 5737).
const DOCUMENTATION_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// When a test's `at: 0s` is: Monday, 2026-01-05, 00:00 UTC, the start of a week and near that of a
/// month, so that quotas of a calendar mean what they will.
const START_UNIX_MS: u64 = 1_767_571_200_000;

/// Runs every test of `policy`, each from empty buckets.
///
/// # Errors
/// The policy cannot be counted at all.
pub fn run_policy_tests(policy: &Policy) -> Result<TestReport, EngineError> {
    let mut report = TestReport::default();
    for test in policy.tests() {
        // A new engine for each test: no test sees another's requests.
        let options = EngineOptions {
            threads: 1,
            table: Some(TEST_TABLE),
            // Tests name no bucket outside: any keys will do.
            bucket_keys: Some(Arc::new(KeyRing::ephemeral()?)),
            ..EngineOptions::default()
        };
        let engine = Engine::new(policy.clone(), options)?;
        let before = report.failures.len();
        run_test(&engine, test, &mut report.failures);
        if report.failures.len() == before {
            report.passed += 1;
        }
    }
    Ok(report)
}

fn run_test(engine: &Engine, test: &PolicyTest, failures: &mut Vec<TestFailure>) {
    let (mut allowed, mut limited) = (0_u64, 0_u64);
    let mut fail = |line: usize, message: String| {
        failures.push(TestFailure {
            test: test.name.clone(),
            line,
            message,
        });
    };
    for step in &test.steps {
        let mut last = None;
        // Requests of one moment are under way together; any other has ended before the next.
        let mut under_way = Vec::new();
        for n in 0..step.count {
            if !step.over.is_zero() {
                under_way.clear();
            }
            let at = step.at + spread(step.over, n, step.count);
            let mut decision = decide(engine, test, step, at);
            match decision.verdict {
                Verdict::Allow => allowed += 1,
                Verdict::Limit { .. } => limited += 1,
                _ => {}
            }
            under_way.push(std::mem::take(&mut decision.lease));
            last = Some(decision);
        }
        if let (Some(expect), Some(decision)) = (&step.expect, last) {
            for message in mismatches(expect, &decision) {
                fail(
                    step.line,
                    format!("{} {}: {message}", step.method, step.path),
                );
            }
        }
    }
    if let Some(totals) = &test.expect_total {
        let pairs = [
            ("allowed", totals.allowed, allowed),
            ("limited", totals.limited, limited),
        ];
        for (what, expected, got) in pairs {
            if let Some(expected) = expected
                && expected != got
            {
                fail(test.line, format!("expected {expected} {what}, got {got}"));
            }
        }
    }
}

/// When the `n`th of `count` requests is sent that are spread over `over`, the first at once.
fn spread(over: Duration, n: u32, count: u32) -> Duration {
    let ns = over.as_nanos() * u128::from(n) / u128::from(count.max(1));
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

fn decide(engine: &Engine, test: &PolicyTest, step: &TestStep, at: Duration) -> Decision {
    let snapshot = engine.snapshot();
    let mut decision = Decision {
        verdict: Verdict::Allow,
        route: tollgate_policy::RouteId::UNMATCHED,
        principal: Principal::Unknown,
        plan: None,
        plan_source: None,
        limits: Consulted::default(),
        lease: Lease::default(),
        path: PathRewrite::AsSent,
        pass_due: None,
        cost: None,
        preflight: false,
        now: Now {
            mono: Nanos::from(at),
            unix_ms: u64::try_from(at.as_millis())
                .map_or(u64::MAX, |ms| ms.saturating_add(START_UNIX_MS)),
        },
        snapshot,
    };
    match normalize(&step.path) {
        Ok(path) => {
            let routes = decision.snapshot.policy().routes();
            decision.route = routes.classify(&step.method, &path);
        }
        Err(error) => {
            decision.verdict = Verdict::BadRequest(Rejection::Path(error));
            return decision;
        }
    }
    let caller = step.caller.as_ref().unwrap_or(&test.caller);
    let hash = engine.hash_key();
    let keys = match caller {
        TestCaller::User {
            sub,
            account,
            plan,
            issuer,
        } => {
            let identity = decision.snapshot.policy().identity();
            let first = identity.issuers.first();
            let first = first.map(|config| config.issuer.as_str());
            let first = first.or(identity.client_certificates.map(|_| CERTIFICATE_ISSUER));
            let issuer = issuer.as_deref().or(first).unwrap_or(NO_ISSUER);
            let (account, plan) = (account.as_deref(), plan.as_deref());
            let user = User::named(&hash.0, issuer, sub, account, plan);
            let (plan, source) = decision.snapshot.plan_of_named(&user);
            (decision.plan, decision.plan_source) = (Some(plan), Some(source));
            decision.principal = Principal::User(Arc::new(user));
            PrincipalKeys::of(&decision.principal, PrincipalKey(0))
        }
        TestCaller::Anonymous { ip } => {
            let Some(anonymous) = &decision.snapshot.policy().identity().anonymous else {
                decision.verdict = Verdict::Unauthenticated(Unauthenticated::MissingToken);
                return decision;
            };
            decision.plan = Some(anonymous.plan);
            decision.plan_source = Some(PlanSource::Anonymous);
            let ip = ip.unwrap_or(DOCUMENTATION_ADDRESS);
            let network = client_network(ip, &HeaderMap::new(), &decision.snapshot.networks);
            let key = network.key(&hash.0);
            decision.principal = Principal::Anonymous(network);
            PrincipalKeys::of(&decision.principal, key)
        }
    };
    engine.charge(&mut decision, &keys, &[], Consult::Charge(step.cost));
    decision
}

fn mismatches(expect: &TestExpect, decision: &Decision) -> Vec<String> {
    let mut out = Vec::new();
    let got = decision.label().verdict();
    if let Some(expected) = expect.verdict.map(ExpectedVerdict::as_str)
        // A limit in shadow lets the request through.
        && expected != if matches!(decision.verdict, Verdict::Allow) { "allow" } else { got }
    {
        out.push(format!("expected verdict {expected}, got {got}"));
    }
    let route = decision
        .snapshot
        .policy()
        .routes()
        .get(decision.route)
        .to_string();
    if let Some(expected) = &expect.route
        && *expected != route
    {
        out.push(format!("expected route `{expected}`, got `{route}`"));
    }
    let state = match &expect.limit {
        Some(name) => decision
            .limits
            .iter()
            .find(|state| *state.limit.name == **name),
        None => decision.violated().or_else(|| {
            let remaining = |state: &LimitState<'_>| state.reading.remaining;
            decision.limits.iter().min_by_key(remaining)
        }),
    };
    let remaining = state.map(|state| state.reading.remaining);
    if let Some(expected) = expect.remaining
        && remaining != Some(expected)
    {
        let got = remaining.map_or("no limit".to_owned(), |remaining| remaining.to_string());
        out.push(format!("expected remaining {expected}, got {got}"));
    }
    let retry_after = state.and_then(|state| state.reading.retry_after());
    if let Some(expected) = expect.retry_after
        && retry_after != Some(Nanos::from(expected))
    {
        let got = retry_after.map_or("none".to_owned(), |wait| {
            format!("{:?}", Duration::from(wait))
        });
        out.push(format!("expected retry-after {expected:?}, got {got}"));
    }
    if let (Some(name), None) = (&expect.limit, state) {
        out.push(format!("limit `{name}` was not consulted"));
    }
    out
}
