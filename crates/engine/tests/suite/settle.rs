//! What is said of a request after it was let through.

use tollgate_engine::{Charge, Decision, Verdict};

use crate::support::{Ask, Bench};

const PLANS: &str = "
routes: [GET /orders]
plans:
  anonymous:
    limits:
      - {name: burst, rate: 1/s, burst: 2, per: network, cost: 2}
      - {name: at_once, concurrency: 1, per: network}
  standard: {limits: [{name: daily, quota: 10/day}]}
default_plan: standard
";

fn charge(bench: &Bench, ask: &Ask) -> (Decision, Option<Charge>) {
    let decision = bench.decide(ask);
    let mut shown = decision.clone();
    shown.lease = Default::default();
    (shown, bench.engine.charge_of(decision, &ask.head()))
}

fn left(bench: &Bench, ask: &Ask) -> u64 {
    let decision = bench.decide(ask);
    decision.limits.iter().next().unwrap().reading.remaining
}

#[test]
fn a_charge_holds_its_place_until_it_is_dropped() {
    let bench = Bench::new(PLANS);
    let ask = Ask::new("GET", "/orders");
    let (first, held) = charge(&bench, &ask);
    assert!(matches!(first.verdict, Verdict::Allow));
    bench.advance(2_000);
    let (second, none) = charge(&bench, &ask);
    assert_eq!(second.violated().unwrap().limit.name.as_ref(), "at_once");
    assert!(none.is_none(), "nothing was admitted");
    drop(held);
    assert!(matches!(charge(&bench, &ask).0.verdict, Verdict::Allow));
}

#[test]
fn what_is_settled_as_free_gives_back_what_it_took_and_its_place() {
    let bench = Bench::new(PLANS);
    let ask = Ask::new("GET", "/orders");
    for _ in 0..3 {
        let (decision, held) = charge(&bench, &ask);
        assert!(matches!(decision.verdict, Verdict::Allow));
        bench.engine.settle(held.unwrap(), 0, bench.clock_now());
    }
}

#[test]
fn a_request_that_cost_more_is_charged_the_rest() {
    let bench = Bench::new(PLANS);
    let ask = Ask::new("GET", "/orders").bearer(&bench.user("alice"));
    let held = charge(&bench, &ask).1.unwrap();
    bench.engine.settle(held, 4, bench.clock_now());
    assert_eq!(left(&bench, &ask), 5, "four and this one");
}
