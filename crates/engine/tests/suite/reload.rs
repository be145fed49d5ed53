//! A new policy under load: counts stay, requests under way end under the old one.

use std::time::Duration;

use tollgate_engine::VerdictLabel;

use crate::support::{Ask, Bench, REST, parse, policy_text};

#[test]
fn case_073_a_reload_keeps_counts_by_the_names_of_route_and_limit() {
    let bench = Bench::usual();
    let ask = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    assert_eq!(bench.allowed(&ask, 3), 3);
    let before = bench.decide(&ask);
    // Routes in another order and one more: the bucket is found again by name.
    let moved = REST.replace(
        "[GET /orders, POST /orders,",
        "[GET /aaa, 'GET /orders/{order_id}/lines', POST /orders, GET /orders,",
    );
    bench
        .engine
        .reload(parse(&policy_text(&bench.key, &moved)))
        .unwrap();
    assert_eq!(bench.allowed(&ask, 3), 0);
    assert_ne!(before.route, bench.decide(&ask).route);
    // A decision made before the reload still answers under its own policy.
    assert_eq!(
        before
            .snapshot
            .policy()
            .routes()
            .get(before.route)
            .to_string(),
        "GET /orders"
    );
}

#[test]
fn meters_survive_reloads() {
    let bench = Bench::usual();
    let ask = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    for _ in 0..3 {
        let decision = bench.decide(&ask);
        bench.engine.observe(&decision, Duration::from_nanos(300));
        bench
            .engine
            .reload(parse(&policy_text(&bench.key, REST)))
            .unwrap();
    }
    let (rows, durations) = bench
        .engine
        .with_totals(|totals| (totals.rows(), totals.durations()));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].route, "GET /orders");
    assert_eq!((rows[0].verdict, rows[0].count), (VerdictLabel::Allow, 3));
    assert_eq!(durations.0[1], 3);
    assert_eq!(durations.1, 900);
}
