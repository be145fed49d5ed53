//! Callers who are known by the client certificate of their connection.

use http::{HeaderMap, StatusCode};
use rcgen::{CertificateParams, DnType, KeyPair, SanType, date_time_ymd};
use tollgate_engine::{
    AnswerContext, ClientCertificate, Decision, Engine, Principal, Unauthenticated, Verdict,
    run_policy_tests,
};
use tollgate_limiter::FakeClock;
use tollgate_testkit::{Algorithm, SigningKey};

use crate::support::{Ask, Bench, REST, START_UNIX_S, options, parse};

const ORDERS: &str = "spiffe://example.org/orders";
const LISTEN: &str = "
listen: {address: '127.0.0.1:0', tls: {cert: c.pem, key: k.pem, client_ca: ca.pem, client_auth: optional}}
";
/// Until 2026-01-02, a day after the clock's start.
const A_DAY_S: u64 = 86_400;

/// A gateway with an issuer, an anonymous plan, and `certificates` in its identity.
fn bench(certificates: &str) -> Bench {
    Bench::with_identity(&format!("{LISTEN}{REST}"), certificates)
}

const USUAL: &str = "  client_certificates: {}\n";

/// A gateway where nobody is known but by certificate.
fn strict() -> Bench {
    let text = format!(
        "tollgate: 1\norigin: http://127.0.0.1:9\nidentity: {{client_certificates: {{}}}}\n\
         plans: {{standard: {{limits: [{{name: burst, rate: 1/h, burst: 3}}]}}}}\n{LISTEN}"
    );
    Bench {
        engine: Engine::new(parse(&text), options()).unwrap(),
        clock: FakeClock::at_unix_ms(START_UNIX_S * 1_000),
        key: SigningKey::generate("k1", Algorithm::EdDsa),
    }
}

/// What a connection holds whose client showed a certificate with these URIs.
fn certificate(bench: &Bench, uris: &[&str]) -> ClientCertificate {
    let mut params = CertificateParams::default();
    params.not_after = date_time_ymd(2026, 1, 2);
    params.distinguished_name.push(DnType::CommonName, "orders");
    let uri = |uri: &&str| SanType::URI((*uri).try_into().unwrap());
    params.subject_alt_names = uris.iter().map(uri).collect();
    let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    bench.engine.client_certificate(made.der())
}

fn ask(certificate: &ClientCertificate) -> Ask {
    Ask::new("GET", "/orders").showing(certificate)
}

fn subject(decision: &Decision) -> Option<&str> {
    match &decision.principal {
        Principal::User(user) => Some(&user.subject),
        _ => None,
    }
}

fn is_anonymous(decision: &Decision) -> bool {
    matches!(decision.principal, Principal::Anonymous(_))
}

fn refused(bench: &Bench, code: &str) -> u64 {
    let snapshot = bench.engine.snapshot();
    let mut all = snapshot.certificates().unwrap().refused();
    all.find(|(error, _)| error.code() == code).unwrap().1
}

#[test]
fn a_certificate_is_a_user_whose_connections_share_a_bucket() {
    let bench = bench(USUAL);
    // Two handshakes, two certificates, one subject.
    let (one, two) = (
        certificate(&bench, &[ORDERS]),
        certificate(&bench, &[ORDERS]),
    );
    let other = certificate(&bench, &["spiffe://example.org/billing"]);
    assert_eq!(bench.allowed(&ask(&one), 2), 2);
    assert_eq!(bench.allowed(&ask(&two), 2), 1);
    assert_eq!(bench.allowed(&ask(&one), 1), 0);
    assert_eq!(bench.allowed(&ask(&other), 4), 3);
    assert_eq!(bench.engine.snapshot().certificates().unwrap().valid(), 9);
}

#[test]
fn the_origin_and_the_log_know_the_user_by_its_subject_and_its_bucket() {
    let bench = bench(USUAL);
    let decision = bench.decide(&ask(&certificate(&bench, &[ORDERS])));
    assert_eq!(subject(&decision), Some(ORDERS));
    assert_eq!(decision.plan_name(), Some("standard"));
    let mut headers = HeaderMap::new();
    headers.insert(
        "x-tollgate-subject",
        "spiffe://example.org/admin".parse().unwrap(),
    );
    decision.forward_headers(&mut headers);
    assert_eq!(headers["x-tollgate-subject"], ORDERS);
    assert!(bench.engine.snapshot().bucket_id(&decision).is_some());
}

#[test]
fn the_plan_is_the_configured_one() {
    let bench = bench("  client_certificates: {plan: gold}\n");
    let asked = ask(&certificate(&bench, &[ORDERS]));
    assert_eq!(bench.decide(&asked).plan_name(), Some("gold"));
    assert_eq!(bench.allowed(&asked, 5), 4);
}

#[test]
fn a_token_in_the_request_wins_over_the_certificate_good_or_bad() {
    let bench = bench(USUAL);
    let asked = ask(&certificate(&bench, &[ORDERS]));
    let alice = asked.clone().bearer(&bench.user("alice"));
    assert_eq!(subject(&bench.decide(&alice)), Some("alice"));
    let forged = bench.decide(&asked.clone().bearer("a.b.c"));
    assert!(matches!(
        forged.verdict,
        Verdict::Unauthenticated(Unauthenticated::InvalidToken(_))
    ));
    let empty = bench.decide(&asked.clone().header("authorization", "Bearer "));
    assert!(matches!(
        empty.verdict,
        Verdict::Unauthenticated(Unauthenticated::EmptyCredential(_))
    ));
    // What is no bearer token is the origin's business, and says nothing here.
    let basic = asked.clone().header("authorization", "Basic YTpi");
    assert_eq!(subject(&bench.decide(&basic)), Some(ORDERS));
    let two = basic.header("authorization", "Bearer a.b.c");
    assert!(matches!(bench.decide(&two).verdict, Verdict::BadRequest(_)));
}

#[test]
fn a_token_and_a_certificate_of_one_name_are_two_users() {
    let bench = bench(USUAL);
    let asked = ask(&certificate(&bench, &[ORDERS]));
    assert_eq!(bench.allowed(&asked, 4), 3);
    let token = Ask::new("GET", "/orders").bearer(&bench.user(ORDERS));
    assert_eq!(bench.allowed(&token, 4), 3);
}

#[test]
fn a_certificate_that_ends_while_its_connection_lives_is_answered_401() {
    let bench = bench(USUAL);
    let asked = ask(&certificate(&bench, &[ORDERS]));
    bench.advance(A_DAY_S * 1_000 + 999);
    assert_eq!(subject(&bench.decide(&asked)), Some(ORDERS));
    bench.advance(1);
    let decision = bench.decide(&asked);
    assert!(matches!(
        decision.verdict,
        Verdict::Unauthenticated(Unauthenticated::CertificateExpired)
    ));
    assert_eq!(refused(&bench, "expired"), 1);
    let answer = decision.answer(&AnswerContext::default()).unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    // No token was sent, so none was wrong (RFC 6750, section 3).
    assert_eq!(
        answer.headers()["www-authenticate"],
        "Bearer realm=\"tollgate\""
    );
    let body = str::from_utf8(answer.body()).unwrap();
    assert!(body.contains("certificate has expired"), "{body}");
    // A token still says who calls.
    let alice = asked.bearer(&bench.user("alice"));
    assert_eq!(subject(&bench.decide(&alice)), Some("alice"));
}

#[test]
fn an_expired_certificate_is_anonymous_where_invalid_tokens_are() {
    let bench = bench("  client_certificates: {}\n  invalid_token: anonymous\n");
    let asked = ask(&certificate(&bench, &[ORDERS]));
    bench.advance((A_DAY_S + 1) * 1_000);
    assert!(is_anonymous(&bench.decide(&asked)));
}

#[test]
fn a_certificate_without_one_subject_is_as_none_at_all_and_is_counted() {
    let bench = bench(USUAL);
    let (none, two) = (
        certificate(&bench, &[]),
        certificate(&bench, &["urn:a", "urn:b"]),
    );
    for (certificate, code) in [(&none, "no_subject"), (&two, "several_subjects")] {
        assert!(is_anonymous(&bench.decide(&ask(certificate))));
        assert_eq!(refused(&bench, code), 1);
    }
    let strict = strict();
    let none = certificate(&strict, &[]);
    for asked in [ask(&none), Ask::new("GET", "/orders")] {
        let decision = strict.decide(&asked);
        assert!(matches!(
            decision.verdict,
            Verdict::Unauthenticated(Unauthenticated::MissingToken)
        ));
        let answer = decision.answer(&AnswerContext::default()).unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(answer.headers().contains_key("www-authenticate"));
    }
    assert_eq!(strict.allowed(&ask(&certificate(&strict, &[ORDERS])), 4), 3);
}

#[test]
fn a_reload_asks_open_connections_for_the_name_that_it_wants() {
    let bench = bench(USUAL);
    let asked = ask(&certificate(&bench, &[ORDERS]));
    let reload = |identity: &str| bench.reload_identity(&format!("{LISTEN}{REST}"), identity);
    assert_eq!(bench.allowed(&asked, 2), 2);
    reload("  client_certificates: {subject: common_name}\n");
    assert_eq!(subject(&bench.decide(&asked)), Some("orders"));
    reload("  invalid_token: anonymous\n");
    assert!(is_anonymous(&bench.decide(&asked)));
    reload(USUAL);
    assert_eq!(bench.allowed(&asked, 2), 1, "what was spent stays spent");
}

#[test]
fn a_policy_s_own_tests_call_by_certificate() {
    let tests = "
tests:
  - {as: {sub: 'spiffe://a', issuer: 'urn:tollgate:client-certificate'}, send: 6 x GET /orders, expect: {allowed: 5, limited: 1}}
  - {as: {sub: 'spiffe://a'}, send: 4 x GET /orders, expect: {allowed: 3, limited: 1}}
";
    let bench = bench("  client_certificates: {plan: gold}\n");
    bench.reload_identity(
        &format!("{LISTEN}{REST}{tests}"),
        "  client_certificates: {plan: gold}\n",
    );
    let report = run_policy_tests(bench.engine.snapshot().policy());
    let report = report.unwrap();
    assert!(report.failures.is_empty(), "{:?}", report.failures);
}

#[test]
fn the_reserved_issuer_is_one_name_in_policy_and_identity() {
    assert_eq!(
        tollgate_policy::CERTIFICATE_ISSUER,
        tollgate_identity::CERTIFICATE_ISSUER
    );
}
