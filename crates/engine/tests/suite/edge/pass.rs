//! The edge pass.

use super::*;

const PASS: &str = "pass: {lifetime: 4min, cookie: tg_pass}";

fn given(edge: &Edge, ask: &Ask, origin: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in origin {
        headers.insert(*name, value.parse().unwrap());
    }
    edge.bench.decide(ask).response_headers(&mut headers);
    headers
}

fn pass_of(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-tollgate-pass")?;
    Some(value.to_str().unwrap().to_owned())
}

#[test]
fn a_verified_user_gets_one_and_a_new_one_in_time() {
    let edge = Edge::new(PASS);
    let ask = |pass: Option<&str>| {
        let ask = Ask::new("GET", "/billing").bearer(&edge.alice());
        pass.map_or(ask.clone(), |pass| ask.header("x-tollgate-pass", pass))
    };
    let headers = given(&edge, &ask(None), &[]);
    let pass = pass_of(&headers).unwrap();
    assert_eq!(headers["cache-control"], "private");
    let cookie = headers["set-cookie"].to_str().unwrap();
    let expected = format!("tg_pass={pass}; Path=/; Max-Age=240; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(cookie, expected);
    assert_eq!(pass_of(&given(&edge, &ask(Some(&pass)), &[])), None);
    edge.bench.advance(179_000);
    assert_eq!(pass_of(&given(&edge, &ask(Some(&pass)), &[])), None);
    edge.bench.advance(1_000);
    let next = pass_of(&given(&edge, &ask(Some(&pass)), &[])).unwrap();
    assert_ne!(next, pass);
    // In the cookie it counts as well, and neither reaches the origin.
    let in_cookie = ask(None).header("cookie", &format!("tg_pass={next}; a=1"));
    assert_eq!(pass_of(&given(&edge, &in_cookie, &[])), None);
    let sent = forwarded(&edge.bench, &in_cookie.header("x-tollgate-pass", &next));
    assert_eq!(sent["cookie"], "a=1");
    assert!(!sent.contains_key("x-tollgate-pass"));
}

#[test]
fn it_comes_with_answers_that_get_nothing_else() {
    let edge = Edge::new(&format!("{PASS}}}\nresponses: {{headers: none"));
    let alice = Ask::new("GET", "/billing").bearer(&edge.alice());
    assert!(!edge.bench.decide(&alice).is_silent());
    let pass = pass_of(&given(&edge, &alice, &[])).unwrap();
    let alice = alice.header("x-tollgate-pass", &pass);
    assert!(edge.bench.decide(&alice).is_silent(), "none is due");
}

#[test]
fn nobody_else_gets_or_uses_it() {
    let edge = Edge::new(PASS);
    let anonymous = Ask::new("GET", "/billing");
    assert_eq!(pass_of(&given(&edge, &anonymous, &[])), None);
    let alice = Ask::new("GET", "/billing").bearer(&edge.alice());
    let hers = pass_of(&given(&edge, &alice, &[])).unwrap();
    // A pass is no token, in whatever place.
    let posing = Ask::new("GET", "/orders").bearer(&hers);
    assert!(matches!(
        edge.bench.decide(&posing).verdict,
        Verdict::Unauthenticated(_)
    ));
    // Bob with her pass is Bob, and gets his own.
    let bob = Ask::new("GET", "/billing").bearer(&edge.bench.user("bob"));
    let bobs = pass_of(&given(&edge, &bob.header("x-tollgate-pass", &hers), &[]));
    assert!(bobs.is_some_and(|pass| pass != hers));
}

#[test]
fn no_shared_cache_is_given_one() {
    let edge = Edge::new(PASS);
    let ask = Ask::new("GET", "/billing").bearer(&edge.alice());
    for (control, carries) in [
        ("private, max-age=5", true),
        ("no-store", true),
        ("No-Store", true),
        ("max-age=5, Private", true),
        ("private=\"x-foo\", max-age=60", false),
        ("privateer, max-age=60", false),
        ("public, max-age=60", false),
        ("max-age=60", false),
        ("s-maxage=60", false),
    ] {
        let headers = given(&edge, &ask, &[("cache-control", control)]);
        assert_eq!(pass_of(&headers).is_some(), carries, "{control}");
        assert_eq!(headers.contains_key("set-cookie"), carries, "{control}");
        assert_eq!(headers["cache-control"], control);
    }
}

#[test]
fn a_token_about_to_end_is_not_passed_on_forever() {
    let edge = Edge::new(PASS);
    let now = START_UNIX_S;
    let short = edge.bench.token(&json!({"sub": "alice", "exp": now + 30}));
    let ask = Ask::new("GET", "/billing").bearer(&short);
    let pass = pass_of(&given(&edge, &ask, &[])).unwrap();
    let claims = pass.split('.').nth(1).unwrap();
    let claims: Value =
        serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap();
    assert_eq!(claims["exp"], now + 30);
    // It is below a quarter of its lifetime, and no longer one is to be had.
    let again = given(&edge, &ask.header("x-tollgate-pass", &pass), &[]);
    assert_eq!(pass_of(&again), None);
}

#[test]
fn ids_come_with_a_pass_where_both_are_wanted() {
    let edge = Edge::new("before: {}, pass: {}");
    let answer = edge.own("/ratelimit-user-id", &edge.alice());
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(body["pass"], pass_of(answer.headers()).unwrap());
    assert_eq!(body["pass_expires"], START_UNIX_S + 300);
}

#[test]
fn a_field_for_one_cache_alone_keeps_the_pass_away() {
    let edge = Edge::new(PASS);
    let ask = Ask::new("GET", "/billing").bearer(&edge.alice());
    for name in [
        "cdn-cache-control",
        "surrogate-control",
        "cloudflare-cdn-cache-control",
    ] {
        let headers = given(&edge, &ask, &[(name, "max-age=60")]);
        assert_eq!(pass_of(&headers), None, "{name}");
        assert!(!headers.contains_key("set-cookie"), "{name}");
    }
}

#[test]
fn a_user_on_the_plan_for_no_id_has_a_pass_of_its_own_plan() {
    let edge = Edge::new("before: {without_id: anonymous}, pass: {}");
    let ask = Ask::new("GET", "/orders").bearer(&edge.alice());
    assert_eq!(edge.bench.decide(&ask).plan_name(), Some("anonymous"));
    let pass = pass_of(&given(&edge, &ask, &[])).unwrap();
    let claims = BASE64URL_NOPAD.decode(pass.split('.').nth(1).unwrap().as_bytes());
    let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
    assert_eq!(claims["class"], "standard");
    let again = ask.header("x-tollgate-pass", &pass);
    assert_eq!(pass_of(&given(&edge, &again, &[])), None);
}
