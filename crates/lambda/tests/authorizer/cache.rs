//! Sequences under a cache as API Gateway's: with the identity sources that `tollgate-aws` gives, nothing
//! passes that the authorizer would not let pass; with shorter ones, or a longer TTL, it does.

use std::time::Duration;

use tollgate_aws::authorizer::{AuthorizerApi, Variant, identity_sources};
use tollgate_policy::Policy;

use crate::events::Call;
use crate::gateway::{Gateway, Seen};
use crate::support::{BEFORE, Bench, Setup};

const TTL_S: u64 = 60;
/// How long a token here is valid.
const TOKEN_TTL: Duration = Duration::from_secs(300);
const ORDER: &str = "/orders/{order_id}";

/// How an API is set up, and what the function is told of it.
struct Kind {
    api: AuthorizerApi,
    variables: [(&'static str, &'static str); 3],
}

fn kind(api: AuthorizerApi, name: &'static str, answer: &'static str) -> Kind {
    let variables = [
        ("TOLLGATE_API", name),
        ("TOLLGATE_ANSWER", answer),
        ("TOLLGATE_CACHE_TTL", "60"),
    ];
    Kind { api, variables }
}

/// Every kind whose answers may be kept where ids are presented.
fn kinds() -> [Kind; 4] {
    [
        kind(AuthorizerApi::RestRequest, "rest-request", ""),
        kind(AuthorizerApi::HttpV1, "http-1.0", ""),
        kind(AuthorizerApi::HttpV2, "http-2.0", "iam"),
        kind(AuthorizerApi::HttpV2, "http-2.0", "simple"),
    ]
}

impl Kind {
    fn is_simple(&self) -> bool {
        self.variables[1].1 == "simple"
    }

    fn setup<'a>(&'a self, sections: &'a str) -> Setup<'a> {
        Setup {
            sections,
            variables: &self.variables,
            ..Setup::default()
        }
    }

    /// What the policy wants the answers kept by.
    fn sources(&self, setup: &Setup<'_>, bench: &Bench) -> Vec<String> {
        let text = setup.policy(&bench.issuer);
        let policy = Policy::parse("tollgate.yaml", &text, &bench.function.process().folder());
        identity_sources(self.api, &Variant::of(&policy.unwrap())).unwrap()
    }
}

/// What an attacker tries, once a good request of alice's was answered and its answer kept.
fn attacks(bench: &Bench) -> Vec<(&'static str, Call)> {
    let (alice, bob) = (bench.token("alice"), bench.token("bob"));
    let hers = bench.id("alice", "GET", ORDER);
    let expired = bench.issuer.token("alice").issued_at(1_700_000_000).mint();
    let order = |token: &str, id: &str| Call::order().bearer(token).id(id);
    let elsewhere = |method: &str, path: &str, template: &str| {
        Call::new(method, path, template).bearer(&alice).id(&hers)
    };
    vec![
        ("other route", elsewhere("GET", "/items/7", "/items/{id}")),
        (
            "deeper route",
            elsewhere("GET", "/orders/7/lines", "/orders/{id}/lines"),
        ),
        (
            "other method",
            elsewhere("POST", "/orders/7", "/orders/{id}"),
        ),
        ("made-up id", order(&alice, "std.k1.AAAAAAAAAAAAAAAAAAAAAA")),
        (
            "another's id",
            order(&alice, &bench.id("bob", "GET", ORDER)),
        ),
        ("no id", Call::order().bearer(&alice)),
        ("another's token", order(&bob, &hers)),
        ("expired token", order(&expired, &hers)),
        ("no token", Call::order().id(&hers)),
        ("garbage", order("garbage", &hers)),
    ]
}

fn good(bench: &Bench, token: &str) -> Call {
    Call::order()
        .bearer(token)
        .id(&bench.id("alice", "GET", ORDER))
}

#[test]
fn case_123_a_cached_answer_lets_nothing_else_through() {
    for kind in kinds() {
        let setup = kind.setup(BEFORE);
        let bench = setup.bench();
        let sources = kind.sources(&setup, &bench);
        let mut attacks = attacks(&bench);
        // One token throughout, so that only what differs can tell.
        let alice = attacks[0].1.value("authorization").unwrap().to_owned();
        let alice = alice.strip_prefix("Bearer ").unwrap().to_owned();
        for _round in 0..2 {
            for ttl_s in [0, TTL_S] {
                let mut gateway = Gateway::new(&bench, kind.api, sources.clone(), ttl_s);
                assert_eq!(
                    gateway.call(&good(&bench, &alice)),
                    Seen::Passed,
                    "{}",
                    kind.api
                );
                let mut again = good(&bench, &alice);
                again.path = "/orders/8".to_owned();
                let expected = if ttl_s == 0 {
                    Seen::Passed
                } else {
                    Seen::PassedByCache
                };
                assert_eq!(
                    gateway.call(&again),
                    expected,
                    "another path of the template"
                );
                for (what, call) in &attacks {
                    let seen = gateway.call(call);
                    assert!(!seen.passed(), "{}, {ttl_s} s: {what}: {seen:?}", kind.api);
                }
            }
            // What was kept of one attack must not open the door to the next.
            attacks.reverse();
        }
    }
}

#[test]
fn case_123_with_a_shorter_key_it_would() {
    for kind in kinds() {
        let setup = kind.setup(BEFORE);
        let bench = setup.bench();
        let attacks = attacks(&bench);
        let alice = attacks[0].1.value("authorization").unwrap().to_owned();
        let alice = alice.strip_prefix("Bearer ").unwrap();
        let sources = kind.sources(&setup, &bench);
        let mut token_only = Gateway::new(&bench, kind.api, sources[..1].to_vec(), TTL_S);
        assert_eq!(token_only.call(&good(&bench, alice)), Seen::Passed);
        let mut through = Vec::new();
        for (what, call) in &attacks {
            if token_only.call(call) == Seen::PassedByCache {
                through.push(*what);
            }
        }
        // A policy document still names its method and template, whose `*` takes slashes; a simple
        // response names nothing.
        let by_document = ["deeper route", "made-up id", "another's id", "no id"];
        let by_simple = [
            "other route",
            "deeper route",
            "other method",
            "made-up id",
            "another's id",
            "no id",
        ];
        let expected = if kind.is_simple() {
            &by_simple[..]
        } else {
            &by_document
        };
        assert_eq!(through, expected, "{}", kind.api);
        // Without the route alone: the id and the token are held, the route is not.
        let mut no_route = Gateway::new(&bench, kind.api, sources[..2].to_vec(), TTL_S);
        assert_eq!(no_route.call(&good(&bench, alice)), Seen::Passed);
        let deeper = &attacks[1].1;
        assert_eq!(no_route.call(deeper), Seen::PassedByCache, "{}", kind.api);
    }
}

#[test]
fn case_123_a_cached_answer_does_not_outlive_its_token() {
    let leeway_s = 60;
    for kind in kinds() {
        let setup = kind.setup(BEFORE);
        let bench = setup.bench();
        let sources = kind.sources(&setup, &bench);
        // Minted `left_s` seconds before its end. The function's clock is the machine's, which may stand still for
        // some of them.
        let token = |left_s: i64| {
            let lived_s = i64::try_from(TOKEN_TTL.as_secs()).unwrap() - left_s;
            let issued_at = i64::try_from(now_s()).unwrap() - lived_s;
            let token = bench.issuer.token("alice").ttl(TOKEN_TTL);
            token.issued_at(issued_at).mint()
        };
        for left_s in [-59, -1, 15, 30, 300] {
            let token = token(left_s);
            let mut gateway = Gateway::new(&bench, kind.api, sources.clone(), TTL_S);
            let first = gateway.call(&good(&bench, &token));
            // Until `exp` nobody notices; after it, only what is not kept could use the leeway.
            assert_eq!(first.passed(), left_s > 0, "{}: {left_s} s left", kind.api);
            for passed_s in 1..=TTL_S {
                gateway.pass_time(1);
                let seen = gateway.call(&good(&bench, &token));
                let after_exp_s = i64::try_from(passed_s).unwrap() - left_s;
                if seen == Seen::PassedByCache {
                    assert!(
                        after_exp_s <= leeway_s,
                        "{}: {after_exp_s} s after exp",
                        kind.api
                    );
                }
            }
        }
        // The function was told 60 s. A cache that keeps longer lets an expired token through.
        let token = token(100);
        let mut longer = Gateway::new(&bench, kind.api, sources, 300);
        assert_eq!(longer.call(&good(&bench, &token)), Seen::Passed);
        longer.pass_time(100 + 61);
        assert_eq!(
            longer.call(&good(&bench, &token)),
            Seen::PassedByCache,
            "{}",
            kind.api
        );
    }
}

#[test]
fn a_token_authorizer_s_answer_is_for_the_whole_stage_and_of_no_route() {
    let kind = kind(AuthorizerApi::RestToken, "rest-token", "");
    let setup = kind.setup("");
    let bench = setup.bench();
    let sources = kind.sources(&setup, &bench);
    let mut gateway = Gateway::new(&bench, kind.api, sources, TTL_S);
    let (alice, bob) = (bench.token("alice"), bench.token("bob"));
    assert_eq!(gateway.call(&Call::order().bearer(&alice)), Seen::Passed);
    for call in [
        Call::new("POST", "/orders/7", "/orders/{id}"),
        Call::new("GET", "/items/1", "/items/{id}"),
    ] {
        assert_eq!(
            gateway.call(&call.clone().bearer(&alice)),
            Seen::PassedByCache
        );
        assert!(gateway.call(&call.clone().bearer(&bob)).passed());
        assert!(!gateway.call(&call.bearer("garbage")).passed());
    }
    let document = bench.document(&Call::order().bearer(&alice).event(kind.api));
    assert!(document["context"].get("bucketId").is_none(), "{document}");
    // Told that nothing is kept, it names the method and the path: what is kept all the same is
    // refused elsewhere.
    let bench = Setup::default().bench();
    let mut gateway = Gateway::new(&bench, kind.api, gateway.sources, 300);
    let alice = bench.token("alice");
    assert_eq!(gateway.call(&Call::order().bearer(&alice)), Seen::Passed);
    let elsewhere = Call::new("GET", "/items/1", "/items/{id}").bearer(&alice);
    assert_eq!(gateway.call(&elsewhere), Seen::RefusedByCache(403));
}

#[test]
fn a_route_that_names_less_than_the_policy_is_answered_for_its_path_or_not_at_all() {
    for kind in kinds() {
        let setup = kind.setup(BEFORE);
        let bench = setup.bench();
        let sources = kind.sources(&setup, &bench);
        let mut gateway = Gateway::new(&bench, kind.api, sources, TTL_S);
        let alice = bench.token("alice");
        let id = bench.id("alice", "GET", ORDER);
        let greedy = |path: &str, id: &str| {
            Call::new("GET", path, "/{proxy+}")
                .any_method()
                .bearer(&alice)
                .id(id)
        };
        let first = gateway.call(&greedy("/orders/7", &id));
        assert_eq!(first.passed(), !kind.is_simple(), "{}", kind.api);
        assert!(!gateway.call(&greedy("/items/7", &id)).passed());
        assert!(
            !gateway
                .call(&greedy("/items/7", "std.k1.AAAAAAAAAAAAAAAAAAAAAA"))
                .passed()
        );
        // The gateway's own path needs no id; under a parameter it must not lend its answer.
        let open = |path: &str| {
            Call::new("GET", path, "/{page}")
                .bearer(&alice)
                .id("std.k1.AAAAAAAAAAAAAAAAAAAAAA")
        };
        gateway.call(&open("/ratelimit-user-id"));
        assert!(!gateway.call(&open("/other")).passed(), "{}", kind.api);
        // Whereas one of its own is answered as any.
        let own = "/ratelimit-user-id";
        let own = Call::new("GET", own, own).bearer(&alice).id("none-yet");
        assert!(gateway.call(&own).passed(), "{}", kind.api);
    }
}

#[test]
fn a_route_of_any_method_is_one_only_where_the_policy_has_it_so() {
    for kind in kinds() {
        let setup = kind.setup(BEFORE);
        let bench = setup.bench();
        let sources = kind.sources(&setup, &bench);
        let mut gateway = Gateway::new(&bench, kind.api, sources, TTL_S);
        let alice = bench.token("alice");
        let any = |method: &str, path: &str, template: &str, id: &str| {
            Call::new(method, path, template)
                .any_method()
                .bearer(&alice)
                .id(id)
        };
        let id = bench.id("alice", "ANY", "/any/{id}");
        assert!(
            gateway
                .call(&any("GET", "/any/1", "/any/{x}", &id))
                .passed()
        );
        assert!(
            gateway
                .call(&any("PUT", "/any/2", "/any/{x}", &id))
                .passed(),
            "{}",
            kind.api
        );
        // The policy tells the methods of an order apart; the key of an HTTP API does not.
        let id = bench.id("alice", "GET", ORDER);
        gateway.call(&any("GET", "/orders/1", "/orders/{id}", &id));
        let post = any("POST", "/orders/1", "/orders/{id}", &id);
        assert!(!gateway.call(&post).passed(), "{}", kind.api);
    }
}

#[test]
fn a_preflight_s_answer_is_nobody_s() {
    for kind in kinds() {
        let bench = kind.setup("").bench();
        // The shortest key that there is: the token.
        let field = match kind.api {
            AuthorizerApi::RestRequest => "method.request.header.authorization",
            _ => "$request.header.authorization",
        };
        let mut gateway = Gateway::new(&bench, kind.api, vec![field.to_owned()], TTL_S);
        let preflight = Call::new("OPTIONS", "/orders/7", "/orders/{id}")
            .header("Origin", "https://app.example.com")
            .header("Access-Control-Request-Method", "GET")
            .bearer("garbage");
        assert!(!gateway.call(&preflight).passed());
        assert!(!gateway.call(&Call::order().bearer("garbage")).passed());
    }
}

fn now_s() -> u64 {
    use tollgate_engine::limiter::{Clock as _, SystemClock};
    SystemClock::new().now().unix_s()
}
