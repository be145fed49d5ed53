//! An imported plan decides as the usage plan did: the engine against a naive token bucket and quota.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;
use tollgate_aws::import::usage_plans::{
    Input, Options, Throttle, UsagePlan, import, usage_plans_of,
};
use tollgate_engine::run_policy_tests;
use tollgate_policy::{Policy, QuotaPeriod};

const DAY_MS: u64 = 86_400_000;
const REQUESTS: usize = 1_500;

/// Plans of the shapes that the documentation shows; rates whose time between two requests is a whole
/// number of nanoseconds, which is how the engine counts.
const PLANS: &str = r#"{"items": [
    {"id": "c7y23b", "name": "Gold", "apiStages": [{"apiId": "a", "stage": "prod", "throttle": {
        "/v1/records/GET": {"rateLimit": 0.1, "burstLimit": 2},
        "/pets/{id}/GET": {"rateLimit": 2.5, "burstLimit": 20},
        "//POST": {"rateLimit": 1, "burstLimit": 1}}}],
     "throttle": {"rateLimit": 100.0, "burstLimit": 200},
     "quota": {"limit": 900, "offset": 0, "period": "MONTH"}},
    {"id": "glvrsr", "name": "Free", "throttle": {"rateLimit": 0.000001, "burstLimit": 5}},
    {"id": "daily1", "name": "Daily", "throttle": {"rateLimit": 10, "burstLimit": 50},
     "quota": {"limit": 40, "offset": 0, "period": "DAY"}},
    {"id": "weekly", "name": "Weekly", "quota": {"limit": 100, "offset": 0, "period": "WEEK"}},
    {"id": "open01", "name": "Open", "apiStages": []}]}"#;

/// Requests of one plan, with the resource each belongs to (`None` where no method has a throttle).
const TARGETS: [(&str, Option<&str>); 5] = [
    ("GET /v1/records", Some("GET /v1/records")),
    ("GET /pets/7", Some("GET /pets/{id}")),
    ("POST /", Some("POST /")),
    ("GET /other", None),
    ("DELETE /v1/records", None),
];

/// Tokens in parts of `1 / (1000 × seconds)`, so that a millisecond brings a whole number of them.
struct Bucket {
    tokens: u128,
    at_ms: u64,
}

/// A usage plan as the documentation describes it, counted naively for one key.
struct Naive<'a> {
    plan: &'a UsagePlan,
    buckets: HashMap<Option<&'static str>, Bucket>,
    used: HashMap<u64, u64>,
}

impl Naive<'_> {
    fn decide(&mut self, target: Option<&'static str>, at_ms: u64) -> bool {
        let methods = self.plan.stages.iter().flat_map(|stage| &stage.methods);
        let own = methods
            .filter(|method| target == Some(&format!("{} {}", method.method, method.path)))
            .map(|method| method.throttle)
            .next();
        let (name, throttle) = match own {
            Some(own) => (target, Some(own)),
            None => (None, self.plan.throttle),
        };
        let quota = self.plan.quota.map(|quota| {
            let used = self.used.entry(period(quota.period, at_ms)).or_default();
            (used, quota.limit.get())
        });
        if quota.as_ref().is_some_and(|(used, limit)| **used >= *limit) {
            return false;
        }
        if let Some(throttle) = throttle
            && !take(
                self.buckets.entry(name).or_insert_with(|| full(throttle)),
                throttle,
                at_ms,
            )
        {
            return false;
        }
        if let Some((used, _)) = quota {
            *used += 1;
        }
        true
    }
}

fn full(throttle: Throttle) -> Bucket {
    let (_, seconds) = throttle.rate.fraction();
    Bucket {
        tokens: u128::from(throttle.burst_or_second()) * seconds * 1_000,
        at_ms: 0,
    }
}

fn take(bucket: &mut Bucket, throttle: Throttle, at_ms: u64) -> bool {
    let (units, seconds) = throttle.rate.fraction();
    let one = seconds * 1_000;
    let most = u128::from(throttle.burst_or_second()) * one;
    let passed = u128::from(at_ms - bucket.at_ms);
    bucket.tokens = most.min(bucket.tokens + passed * units);
    bucket.at_ms = at_ms;
    let admitted = bucket.tokens >= one;
    if admitted {
        bucket.tokens -= one;
    }
    admitted
}

/// Which period a moment is in; tests begin on Monday, 2026-01-05, 00:00 UTC.
fn period(period: QuotaPeriod, at_ms: u64) -> u64 {
    let day = at_ms / DAY_MS;
    match period {
        QuotaPeriod::Week => day / 7,
        // The first of February, of March, of April.
        QuotaPeriod::Month => [27, 55, 86].iter().filter(|first| day >= **first).count() as u64,
        _ => day,
    }
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % most
    }
}

/// A test for each plan: requests at random, with what the naive count says of each.
fn tests(plans: &[UsagePlan], seed: u64) -> (String, [usize; 2]) {
    let mut numbers = Numbers(seed);
    let mut text = String::new();
    let mut counts = [0, 0];
    for plan in plans {
        let name = &plan.name;
        writeln!(
            text,
            "  - as: {{sub: k, issuer: \"urn:tollgate:api-key\", plan: {name}}}\n    steps:"
        )
        .unwrap();
        let mut naive = Naive {
            plan,
            buckets: HashMap::new(),
            used: HashMap::new(),
        };
        let mut at_ms = 0;
        for _ in 0..REQUESTS {
            // Mostly close together; now and then seconds, hours or days apart.
            at_ms += match numbers.below(100) {
                0..60 => numbers.below(3),
                60..90 => numbers.below(500),
                90..97 => numbers.below(20_000),
                97..99 => numbers.below(3_600_000),
                _ => numbers.below(4 * DAY_MS),
            };
            let target = usize::try_from(numbers.below(TARGETS.len() as u64)).unwrap();
            let (request, resource) = TARGETS[target];
            let admitted = naive.decide(resource, at_ms);
            counts[usize::from(admitted)] += 1;
            let verdict = if admitted { "allow" } else { "limit" };
            writeln!(
                text,
                "      - {{at: {at_ms}ms, request: {request}, expect: {{verdict: {verdict}}}}}"
            )
            .unwrap();
        }
    }
    (text, counts)
}

#[test]
fn the_engine_admits_and_refuses_what_the_plan_did() {
    let input = Input {
        file: "plans.json",
        plan: None,
        text: PLANS,
    };
    let options = Options {
        origin: "http://127.0.0.1:9000",
        keys_file: "api-keys.txt",
        openapi: None,
        stage: None,
    };
    let imported = import(&[input], &options).unwrap();
    let folder = TempDir::new().unwrap();
    let keys = folder.path().join("api-keys.txt");
    std::fs::write(&keys, imported.keys.as_bytes()).unwrap();
    std::fs::set_permissions(&keys, PermissionsExt::from_mode(0o600)).unwrap();
    let policy = |text: &str| {
        Policy::parse("tollgate.yaml", text, folder.path())
            .unwrap_or_else(|errors| panic!("{}", errors.render(false)))
    };
    let back = usage_plans_of(&policy(&imported.policy));
    for seed in [1, 2, 3] {
        // The plan as it was, and the one that was read back from the policy.
        for plans in [&imported.plans, &back] {
            let (tests, [limited, admitted]) = tests(plans, seed);
            assert!(limited > 1_000 && admitted > 1_000, "{limited} {admitted}");
            let whole = policy(&format!("{}{tests}", imported.policy));
            let report = run_policy_tests(&whole).unwrap();
            assert_eq!(report.failures, []);
            assert_eq!(report.passed, whole.tests().len());
        }
    }
}
