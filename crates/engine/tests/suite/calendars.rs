//! Calendars of plans in two time zones: each count begins anew once, at its own zone's moment, and nobody else's.

use std::num::NonZeroU64;
use std::sync::Arc;

use serde_json::json;
use tollgate_engine::{
    Engine, Level, OwnLimit, PlanNumber, Standing, Standings, User, limiter::jiff::Timestamp,
};
use tollgate_limiter::FakeClock;
use tollgate_testkit::{Algorithm, SigningKey};

use crate::support::{Ask, Bench, options, parse, policy_text};

const QUOTA: usize = 3;
const HOUR_MS: u64 = 3_600_000;

/// Quotas of a day, of a month, and of a month that begins on the 31st; for each of two zones.
const REST: &str = "
routes: [GET /day, GET /month, GET /last, GET /own]
plans:
  anonymous: {}
  berlin:
    routes:
      GET /day: [{name: day, quota: 3/day, time_zone: Europe/Berlin, on_exceed: block}]
      GET /month: [{name: month, quota: 3/month, time_zone: Europe/Berlin, on_exceed: block}]
      GET /last: [{name: last, quota: 3/month, time_zone: Europe/Berlin, billing_day: 31, on_exceed: block}]
      GET /own: [{name: own, quota: 3/month, on_exceed: block}]
  new-york:
    routes:
      GET /day: [{name: day, quota: 3/day, time_zone: America/New_York, on_exceed: block}]
      GET /month: [{name: month, quota: 3/month, time_zone: America/New_York, on_exceed: block}]
      GET /last: [{name: last, quota: 3/month, time_zone: America/New_York, billing_day: 31, on_exceed: block}]
default_plan: berlin
";

fn unix_ms(at: &str) -> u64 {
    let at: Timestamp = at.parse().unwrap();
    u64::try_from(at.as_millisecond()).unwrap()
}

fn bench(at_ms: u64, standings: Option<Arc<dyn Standings>>) -> Bench {
    let key = SigningKey::generate("k1", Algorithm::EdDsa);
    let mut options = options();
    options.standings = standings;
    Bench {
        engine: Engine::new(parse(&policy_text(&key, REST)), options).unwrap(),
        clock: FakeClock::at_unix_ms(at_ms),
        key,
    }
}

/// How many more requests of a user of the plan pass; tokens last for an hour.
fn left(bench: &Bench, plan: &str, path: &str) -> usize {
    let claims = json!({"sub": format!("{plan}-user"), "plan": plan, "accountId": "acme"});
    let token = bench.token(&claims);
    let ask = Ask::new("GET", path).bearer(&token);
    bench.allowed(&ask, QUOTA + 2)
}

/// The count begins anew at both moments, and at no other between them, looked at in steps.
fn begins_anew_only_at(plan: &str, path: &str, from: &str, until: &str, step_ms: NonZeroU64) {
    let other = match plan {
        "berlin" => "new-york",
        _ => "berlin",
    };
    let (from_ms, until_ms) = (unix_ms(from), unix_ms(until));
    let bench = bench(from_ms - 1, None);
    let what = format!("{path} of {plan} from {from}");
    for plan in [plan, other] {
        assert_eq!(left(&bench, plan, path), QUOTA, "{what}");
    }
    bench.advance(1);
    assert_eq!(left(&bench, plan, path), QUOTA, "{what}: at its beginning");
    assert_eq!(
        left(&bench, other, path),
        0,
        "{what}: it is not midnight everywhere"
    );
    let mut at_ms = from_ms;
    while at_ms + step_ms.get() < until_ms {
        bench.advance(step_ms.get());
        at_ms += step_ms.get();
        assert_eq!(
            left(&bench, plan, path),
            0,
            "{what}: after {} h",
            (at_ms - from_ms) / HOUR_MS
        );
    }
    bench.advance(until_ms - 1 - at_ms);
    assert_eq!(
        left(&bench, plan, path),
        0,
        "{what}: a millisecond before its end"
    );
    bench.advance(1);
    assert_eq!(
        left(&bench, plan, path),
        QUOTA,
        "{what}: at its end, {until}"
    );
    assert_eq!(left(&bench, plan, path), 0, "{what}: once");
}

#[test]
fn case_080_a_day_of_23_25_or_24_hours_is_one_day() {
    let half_an_hour = NonZeroU64::new(HOUR_MS / 2).unwrap();
    for (plan, from, until, hours) in [
        ("berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23),
        ("berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 25),
        ("berlin", "2028-02-28T23:00:00Z", "2028-02-29T23:00:00Z", 24),
        (
            "new-york",
            "2026-03-08T05:00:00Z",
            "2026-03-09T04:00:00Z",
            23,
        ),
        (
            "new-york",
            "2026-11-01T04:00:00Z",
            "2026-11-02T05:00:00Z",
            25,
        ),
        (
            "new-york",
            "2028-02-29T05:00:00Z",
            "2028-03-01T05:00:00Z",
            24,
        ),
    ] {
        assert_eq!(unix_ms(until) - unix_ms(from), hours * HOUR_MS);
        begins_anew_only_at(plan, "/day", from, until, half_an_hour);
    }
}

#[test]
fn case_080_a_month_ends_at_its_own_midnight_in_leap_years_and_over_changes_of_the_clock() {
    let a_quarter_of_a_day = NonZeroU64::new(6 * HOUR_MS).unwrap();
    for (plan, path, from, until) in [
        (
            "berlin",
            "/month",
            "2026-01-31T23:00:00Z",
            "2026-02-28T23:00:00Z",
        ),
        (
            "berlin",
            "/month",
            "2026-02-28T23:00:00Z",
            "2026-03-31T22:00:00Z",
        ),
        (
            "berlin",
            "/month",
            "2028-01-31T23:00:00Z",
            "2028-02-29T23:00:00Z",
        ),
        (
            "berlin",
            "/month",
            "2028-12-31T23:00:00Z",
            "2029-01-31T23:00:00Z",
        ),
        (
            "new-york",
            "/month",
            "2026-02-01T05:00:00Z",
            "2026-03-01T05:00:00Z",
        ),
        (
            "new-york",
            "/month",
            "2026-10-01T04:00:00Z",
            "2026-11-01T04:00:00Z",
        ),
        (
            "new-york",
            "/month",
            "2028-02-01T05:00:00Z",
            "2028-03-01T05:00:00Z",
        ),
        // A billing day that a month does not have is its last.
        (
            "berlin",
            "/last",
            "2026-01-30T23:00:00Z",
            "2026-02-27T23:00:00Z",
        ),
        (
            "berlin",
            "/last",
            "2026-02-27T23:00:00Z",
            "2026-03-30T22:00:00Z",
        ),
        (
            "berlin",
            "/last",
            "2028-01-30T23:00:00Z",
            "2028-02-28T23:00:00Z",
        ),
        (
            "new-york",
            "/last",
            "2028-02-29T05:00:00Z",
            "2028-03-31T04:00:00Z",
        ),
    ] {
        begins_anew_only_at(plan, path, from, until, a_quarter_of_a_day);
    }
}

/// The account's own limit, as an override says it.
#[derive(Debug)]
struct OfTheAccount;

impl Standings for OfTheAccount {
    fn standing(&self, _: &User, _: &str, _: u64) -> Standing {
        let text = "{name: own, quota: 3/month, time_zone: America/New_York, billing_day: 15, on_exceed: block}";
        let own = OwnLimit {
            on_route: false,
            level: Level::Account,
            text: text.into(),
            limit: Arc::new(tollgate_policy::Limit::parse("own", text).unwrap()),
        };
        Standing {
            plan: None,
            limits: vec![own],
        }
    }

    fn plan_name(&self, _: PlanNumber) -> Option<Arc<str>> {
        None
    }
}

#[test]
fn an_account_has_a_time_zone_and_a_billing_day_of_its_own_by_an_override() {
    let fifteenth_ms = unix_ms("2026-01-15T05:00:00Z");
    let bench = bench(fifteenth_ms - 1, Some(Arc::new(OfTheAccount)));
    assert_eq!(left(&bench, "berlin", "/own"), QUOTA);
    bench.advance(1);
    assert_eq!(
        left(&bench, "berlin", "/own"),
        QUOTA,
        "midnight of the 15th in New York"
    );
    // The plan's own first of the month, UTC, is nothing to it.
    bench.advance(unix_ms("2026-02-01T00:00:00Z") - fifteenth_ms);
    assert_eq!(left(&bench, "berlin", "/own"), 0);
    bench.advance(unix_ms("2026-02-15T05:00:00Z") - unix_ms("2026-02-01T00:00:00Z"));
    assert_eq!(left(&bench, "berlin", "/own"), QUOTA);
}
