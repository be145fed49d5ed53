//! Allow, deny and 401, of every kind of event, where answers are not kept.

use serde_json::{Value, json};
use tollgate_aws::authorizer::AuthorizerApi;
use tollgate_testkit::lambda::Invoked;
use tollgate_testkit::{Issuer, replace_claim};

use crate::events::{ARN, Call};
use crate::support::{BEFORE, Setup, said, unauthorized};

#[test]
fn a_verified_user_is_allowed_with_its_names_as_flat_strings() {
    let bench = Setup::default().bench();
    let token = bench
        .issuer
        .token("alice")
        .account("acme")
        .plan("gold")
        .mint();
    for api in AuthorizerApi::ALL {
        let document = bench.document(&Call::order().bearer(&token).event(api));
        let context = document["context"].as_object().unwrap();
        assert!(context.values().all(Value::is_string), "{api}: {document}");
        let of = |name: &str| {
            context
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        assert_eq!(
            (of("subject"), of("account"), of("plan")),
            ("alice", "acme", "gold")
        );
        assert_eq!((of("issuer"), of("class")), (bench.issuer.url(), "gold"));
        assert!(of("bucketId").starts_with("gold.k1."), "{document}");
        assert!(!context.contains_key("pass"));
        if api == AuthorizerApi::HttpV2 {
            assert_eq!(document["isAuthorized"], true);
            assert_eq!(document.as_object().unwrap().len(), 2);
            continue;
        }
        let expected = json!([{
            "Action": "execute-api:Invoke",
            "Effect": "Allow",
            "Resource": format!("{ARN}/GET/orders/7"),
        }]);
        assert_eq!(document["policyDocument"]["Statement"], expected, "{api}");
        let principal = document["principalId"].as_str().unwrap();
        assert_eq!(principal.len(), 40, "a name, not the subject: {principal}");
        assert!(document.get("usageIdentifierKey").is_none());
    }
}

#[test]
fn one_user_has_one_principal_id_and_another_has_another() {
    let bench = Setup::default().bench();
    let principal = |token: &str, call: Call| {
        let document = bench.document(&call.bearer(token).event(AuthorizerApi::RestRequest));
        document["principalId"].as_str().unwrap().to_owned()
    };
    let alice = principal(&bench.token("alice"), Call::order());
    let elsewhere = Call::new("GET", "/items/1", "/items/{id}");
    assert_eq!(principal(&bench.token("alice"), elsewhere), alice);
    assert_ne!(principal(&bench.token("bob"), Call::order()), alice);
}

#[test]
fn who_does_not_verify_is_401_in_exactly_the_words_that_make_it_one() {
    let bench = Setup::default().bench();
    let alice = bench.token("alice");
    let expired = bench.issuer.token("alice").issued_at(1_700_000_000).mint();
    let bad = [
        bench.issuer.token("alice").forged().mint(),
        replace_claim(&alice, "sub", "bob"),
        expired,
        bench.issuer.token("alice").audience("other").mint(),
        "garbage".to_owned(),
    ];
    for api in AuthorizerApi::ALL {
        for token in &bad {
            let outcome = bench.invoke(&Call::order().bearer(token).event(api));
            assert_eq!(said(&outcome), unauthorized(api), "{api}: {token}");
        }
        let outcome = bench.invoke(&Call::order().event(api));
        assert_eq!(said(&outcome), unauthorized(api), "{api}: no token");
    }
    // A preflight is nobody's: the answer could be used for somebody's request.
    let preflight = Call::new("OPTIONS", "/orders/7", "/orders/{id}")
        .header("Origin", "https://app.example.com")
        .header("Access-Control-Request-Method", "GET")
        .bearer("garbage");
    let outcome = bench.invoke(&preflight.event(AuthorizerApi::RestRequest));
    assert_eq!(said(&outcome), "Unauthorized");
}

#[test]
fn nobody_is_allowed_as_nobody_where_the_policy_has_a_plan_for_it() {
    let anonymous = "  anonymous: {plan: std}\n";
    let bench = Setup {
        identity: anonymous,
        ..Setup::default()
    }
    .bench();
    for api in AuthorizerApi::ALL {
        let outcome = bench.invoke(&Call::order().event(api));
        assert_eq!(said(&outcome), "Allow", "{api}");
        let Invoked::Answered(document) = outcome else {
            unreachable!()
        };
        assert_eq!(document["context"].get("subject"), None);
        assert_eq!(document["context"]["plan"], "std");
        if api != AuthorizerApi::HttpV2 {
            assert_eq!(document["principalId"], "anonymous");
        }
        let outcome = bench.invoke(&Call::order().bearer("garbage").event(api));
        assert_eq!(said(&outcome), unauthorized(api), "{api}");
    }
}

#[test]
fn an_id_must_be_the_user_s_and_the_route_s() {
    let bench = Setup {
        sections: BEFORE,
        ..Setup::default()
    }
    .bench();
    let (alice, order) = (bench.token("alice"), "/orders/{order_id}");
    let id = bench.id("alice", "GET", order);
    for api in [
        AuthorizerApi::RestRequest,
        AuthorizerApi::HttpV1,
        AuthorizerApi::HttpV2,
    ] {
        let asked = |call: Call| said(&bench.invoke(&call.event(api)));
        let call = || Call::order().bearer(&alice);
        assert_eq!(asked(call().id(&id)), "Allow", "{api}");
        let mismatch = "Deny bucket-id-mismatch";
        assert_eq!(asked(call().id(&bench.id("bob", "GET", order))), mismatch);
        assert_eq!(
            asked(call().id(&bench.id("alice", "POST", order))),
            mismatch
        );
        assert_eq!(
            asked(call().id(&bench.id("alice", "GET", "/items/{id}"))),
            mismatch
        );
        assert_eq!(asked(call().id("std.k1.AAAAAAAAAAAAAAAAAAAAAA")), mismatch);
        assert_eq!(
            asked(call().id(&id).id(&bench.id("bob", "GET", order))),
            mismatch,
            "two"
        );
        assert_eq!(asked(call()), "Deny bucket-id-missing");
        assert_eq!(
            asked(Call::order().bearer(&bench.token("bob")).id(&id)),
            mismatch
        );
        // The root is for a cookie.
        assert_eq!(asked(call().id(&bench.root("alice"))), mismatch);
    }
    let unseen = Call::order()
        .bearer(&alice)
        .id(&id)
        .event(AuthorizerApi::RestToken);
    assert_eq!(said(&bench.invoke(&unseen)), "Deny bucket-id-unseen");
}

#[test]
fn a_cookie_may_hold_the_root_and_what_the_field_has_must_hold_too() {
    let cookie = "edge: {before: {cookie: bucket}}\n";
    let bench = Setup {
        sections: cookie,
        ..Setup::default()
    }
    .bench();
    let alice = bench.token("alice");
    let hers = bench.id("alice", "GET", "/orders/{order_id}");
    let (her_root, his_root) = (bench.root("alice"), bench.root("bob"));
    for api in [AuthorizerApi::RestRequest, AuthorizerApi::HttpV2] {
        let asked = |call: Call| said(&bench.invoke(&call.bearer(&alice).event(api)));
        let cookie = |id: &str| Call::order().header("Cookie", &format!("a=b; bucket={id}"));
        assert_eq!(asked(cookie(&her_root)), "Allow", "{api}");
        assert_eq!(asked(cookie(&her_root).id(&hers)), "Allow", "{api}");
        for wrong in [
            cookie(&hers),
            cookie(&his_root),
            cookie(&his_root).id(&hers),
            cookie(&her_root).id(&her_root),
        ] {
            assert_eq!(asked(wrong), "Deny bucket-id-mismatch", "{api}");
        }
    }
}

#[test]
fn usage_keys_are_stable_and_fit_for_a_usage_plan_and_of_rest_apis_only() {
    let of = |variable: &str| {
        let variables = [
            ("TOLLGATE_USAGE_KEY", variable),
            ("TOLLGATE_PRINCIPAL", "subject"),
        ];
        let bench = Setup {
            variables: &variables,
            ..Setup::default()
        }
        .bench();
        let key = |subject: &str, api| {
            let call = Call::order().bearer(&bench.token(subject));
            let document = bench.document(&call.event(api));
            if api == AuthorizerApi::RestRequest {
                assert_eq!(document["principalId"], subject);
            }
            document["usageIdentifierKey"].as_str().map(str::to_owned)
        };
        assert_eq!(key("alice", AuthorizerApi::HttpV1), None);
        assert_eq!(key("alice", AuthorizerApi::HttpV2), None);
        let token = key("alice", AuthorizerApi::RestToken);
        let alice = key("alice", AuthorizerApi::RestRequest);
        assert_eq!(token, alice);
        let [alice, bob] = [alice, key("bob", AuthorizerApi::RestRequest)].map(Option::unwrap);
        for key in [&alice, &bob] {
            assert!((20..=128).contains(&key.len()));
            assert!(
                key.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                "{key}"
            );
        }
        (alice, bob)
    };
    let (alice, bob) = of("user");
    assert_ne!(alice, bob);
    let (alice, bob) = of("plan");
    assert_eq!(alice, bob);
}

#[test]
fn a_pass_is_minted_where_the_policy_has_passes() {
    let bench = Setup {
        sections: "edge: {pass: {}}\n",
        ..Setup::default()
    }
    .bench();
    let call = Call::order().bearer(&bench.token("alice"));
    let document = bench.document(&call.event(AuthorizerApi::HttpV2));
    let pass = document["context"]["pass"].as_str().unwrap();
    let now_s = bench_now_s();
    let ring = tollgate_identity::KeyRing::parse(crate::support::RING).unwrap();
    let held = ring.read_pass(pass, now_s).unwrap();
    assert_eq!(
        (held.subject.as_str(), held.class.as_str()),
        ("alice", "std")
    );
    assert!(held.expires_unix_s <= now_s + 301);
}

fn bench_now_s() -> u64 {
    use tollgate_engine::limiter::{Clock as _, SystemClock};
    SystemClock::new().now().unix_s()
}

#[test]
fn an_answer_is_never_longer_than_api_gateway_takes() {
    let bench = Setup {
        sections: "edge: {pass: {}}\n",
        ..Setup::default()
    }
    .bench();
    let (subject, account) = ("\u{1d11e}".repeat(63), "\u{1d11e}".repeat(63));
    let token = bench.issuer.token(&subject).account(&account).mint();
    for api in AuthorizerApi::ALL {
        let document = bench.document(&Call::order().bearer(&token).event(api));
        assert!(document.to_string().len() < 8 * 1024, "{api}");
        assert_eq!(document["context"]["subject"], subject.as_str());
    }
}

#[test]
fn what_cannot_be_written_as_a_resource_is_denied() {
    let bench = Setup::default().bench();
    let token = bench.token("alice");
    let long = format!("/orders/{}", "x".repeat(600));
    for path in ["/orders/*", "/orders/${aws:x}", &long] {
        let call = Call::new("GET", path, "/orders/{id}").bearer(&token);
        for api in [
            AuthorizerApi::RestToken,
            AuthorizerApi::RestRequest,
            AuthorizerApi::HttpV1,
        ] {
            let outcome = bench.invoke(&call.event(api));
            assert_eq!(said(&outcome), "Deny resource", "{api}: {path}");
        }
    }
    let traversal = Call::new("GET", "/orders/..%2fadmin", "/orders/{id}").bearer(&token);
    let outcome = bench.invoke(&traversal.event(AuthorizerApi::RestRequest));
    assert_eq!(said(&outcome), "Deny bad-request");
}

#[test]
fn nothing_is_counted_unless_asked_and_then_by_one_instance() {
    let bench = Setup::default().bench();
    let event = |bench: &crate::support::Bench| {
        Call::order()
            .bearer(&bench.token("alice"))
            .event(AuthorizerApi::RestRequest)
    };
    for _ in 0..5 {
        assert_eq!(said(&bench.invoke(&event(&bench))), "Allow");
    }
    let counting = Setup {
        variables: &[("TOLLGATE_COUNT", "instance")],
        ..Setup::default()
    };
    let bench = counting.bench();
    for expected in ["Allow", "Allow", "Deny limit"] {
        assert_eq!(said(&bench.invoke(&event(&bench))), expected);
    }
    let document = bench.document(&event(&bench));
    let wait: u64 = document["context"]["retryAfter"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=7_200).contains(&wait), "{wait}");
}

#[test]
fn what_is_no_event_fails_the_call_and_the_next_is_answered() {
    let bench = Setup::default().bench();
    for event in [
        json!({}),
        json!([]),
        json!("x"),
        json!(null),
        json!({"type": "REQUEST"}),
        json!({"version": "2.0", "routeArn": 7}),
        json!({"type": "TOKEN", "methodArn": "arn:aws:execute-api:r:a:api/prod/$connect"}),
        json!({"type": "TOKEN", "authorizationToken": "Bearer \u{0}", "methodArn": format!("{ARN}/GET/x")}),
    ] {
        let outcome = bench.invoke(&event);
        let Invoked::Failed(message) = &outcome else {
            panic!("{event}: {outcome:?}")
        };
        assert_ne!(message, "Unauthorized");
    }
    let call = Call::order().bearer(&bench.token("alice"));
    assert_eq!(
        said(&bench.invoke(&call.event(AuthorizerApi::HttpV2))),
        "Allow"
    );
    assert!(!bench.function.output().contains("panicked"));
}

#[test]
fn an_issuer_of_another_s_tokens_is_another() {
    let bench = Setup::default().bench();
    let stranger = Issuer::start().unwrap();
    let call = Call::order().bearer(&stranger.token("alice").mint());
    assert_eq!(
        said(&bench.invoke(&call.event(AuthorizerApi::RestRequest))),
        "Unauthorized"
    );
}
