//! Looking without a request: it says what would be decided, and counts nothing.

use std::sync::Arc;

use http::Method;
use tollgate_engine::{GiveBack, Inquiry, Inspected, PlanSource, User, Verdict};
use tollgate_limiter::Clock as _;
use tollgate_policy::RouteId;

use crate::support::{Ask, Bench, ISSUER};

fn alice(bench: &Bench) -> Arc<User> {
    bench.engine.named_user(ISSUER, "alice", None, None)
}

fn inspect(bench: &Bench, method: &str, path: &str, user: Option<Arc<User>>) -> Inspected {
    let inquiry = Inquiry {
        method: &Method::from_bytes(method.as_bytes()).unwrap(),
        path,
        user,
        peer: Some([192, 0, 2, 7].into()),
        at_ms: None,
    };
    bench.engine.inspect(&inquiry, bench.clock.now())
}

fn left(found: &Inspected) -> Vec<u64> {
    let limits = found.left.iter();
    limits.map(|state| state.reading.remaining).collect()
}

#[test]
fn what_is_said_of_a_request_is_what_becomes_of_it() {
    let bench = Bench::usual();
    let users = [Some(alice(&bench)), None];
    let paths = [
        "/orders",
        "/orders/7",
        "/billing",
        "/else",
        "/rate_limit",
        "/a%2fb/../c",
    ];
    let mut seen = [0; 2];
    for step in 0..2_000_usize {
        // Every path with every method and caller, at changing distances.
        let method = ["GET", "POST"][step / 6 % 2];
        let path = paths[step % 6];
        let user = users[step / 12 % 2].clone();
        let mut ask = Ask::new(method, path);
        if user.is_some() {
            ask = ask.bearer(&bench.user("alice"));
        }
        let said = inspect(&bench, method, path, user.clone());
        let again = inspect(&bench, method, path, user);
        assert_eq!(left(&said), left(&again), "nothing is counted");
        let became = bench.decide(&ask);
        let (said, became) = (&said.decision, &became);
        assert_eq!(
            format!("{:?}", said.verdict),
            format!("{:?}", became.verdict),
            "{method} {path}"
        );
        assert_eq!((said.route, said.plan), (became.route, became.plan));
        seen[usize::from(matches!(became.verdict, Verdict::Allow))] += 1;
        bench.advance(step as u64 * 37 % 200);
    }
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}

#[test]
fn a_user_is_looked_at_on_each_route_and_given_back_to() {
    let bench = Bench::usual();
    let ask = Ask::new("GET", "/orders").bearer(&bench.user("alice"));
    assert_eq!(bench.allowed(&ask, 5), 3);
    let user = alice(&bench);
    let route = bench.decide(&ask).route;
    let look = || {
        bench
            .engine
            .inspect_route(&bench.engine.snapshot(), &user, route, bench.clock.now())
    };
    let found = look();
    assert_eq!(
        (left(&found), found.decision.plan_source),
        (vec![0], Some(PlanSource::Default))
    );
    let give = |what| {
        let limit = found.left.iter().next().unwrap().limit;
        bench.engine.give_back(&found, limit, what).remaining
    };
    assert_eq!(give(GiveBack::Units(2)), 2);
    assert_eq!(bench.allowed(&ask, 5), 2);
    assert_eq!(give(GiveBack::All), 3);
    assert_eq!(left(&look()), [3]);
    assert_eq!(
        left(&bench.engine.inspect_route(
            &bench.engine.snapshot(),
            &user,
            RouteId::UNMATCHED,
            bench.clock.now()
        )),
        [3]
    );
}
