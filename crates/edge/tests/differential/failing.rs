//! The function where something fails: the store, and what a client can do wrong (case 124).

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use tollgate_aws::function::FUNCTION_BYTES_MAX;
use tollgate_aws::target::{Target, Trust, Variant};
use tollgate_edge::function::{Function, Kvs};
use tollgate_policy::FailMode;

use crate::compare;
use crate::njs;
use crate::oracle;
use crate::outcome::{INVALID, Outcome};
use crate::policies;
use crate::request::Request;
use crate::setup::Setup;
use crate::tokens::{self, Person};

const POLICY: &str = r#"
identity:
  issuers:
    - {issuer: one, audience: api, algorithms: [HS256], secret_file: hs256.key, claims: {account: accountId, client: client_id}}
  failed_verifications: off
  bucket_keys: buckets.keys
routes:
  list: [GET /orders, "GET /orders/{id}"]
plans:
  standard: {class: std, limits: [{name: burst, window: 600/min}]}
edge:
  after: true
  before: {}
"#;

/// What a client would like its bucket to be called.
const FORGED: &str = "std.k1.AAAAAAAAAAAAAAAAAAAAAA";

fn setup(variant: Variant, on_failure: FailMode) -> Setup {
    let mut target = Target::new(variant, Trust::Hs256);
    target.on_failure = on_failure;
    Setup::new(
        &policies::case("case 124", POLICY, &policies::one_key()),
        target,
    )
}

fn alice(account: &str) -> Person {
    Person {
        issuer: 0,
        subject: "alice".to_owned(),
        account: account.to_owned(),
        plan: "standard".to_owned(),
    }
}

fn by(setup: &Setup, person: &Person) -> Request {
    let token = tokens::token_of(setup, person);
    Request::get("/orders/1").with("authorization", format!("Bearer {token}"))
}

/// A credential with these claims and a signature of nobody's.
fn unsigned(claims: &str) -> String {
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let header = part(r#"{"alg":"HS256","typ":"JWT"}"#);
    format!(
        "Bearer {header}.{}.{}",
        part(claims),
        part("nobody signed this: 32 bytes, so")
    )
}

/// Both runtimes without a store that answers, then with one that has not what is looked for.
fn outcomes_without_store(setup: &Setup, request: &Request) -> Vec<Outcome> {
    let event = request.event();
    let (folder, source) = (setup.folder.path(), &setup.compiled.source);
    let in_njs = |store| njs::run(folder, source, store, std::slice::from_ref(&event)).remove(0);
    let mut unreachable = Kvs::new();
    unreachable.set_failing(true);
    let embedded = |kvs: Kvs| {
        let called = Function::new(source, kvs).unwrap().call(&event);
        called.map_err(|error| error.to_string())
    };
    let returned: [Result<Value, String>; 4] = [
        in_njs(None),
        in_njs(Some(&[])),
        embedded(unreachable),
        embedded(Kvs::new()),
    ];
    returned
        .iter()
        .map(|returned| compare::outcome(setup, request, returned))
        .collect()
}

#[test]
fn without_the_store_the_function_lets_through_or_refuses_as_it_is_told() {
    for variant in [Variant::After, Variant::Before] {
        let open = setup(variant, FailMode::Open);
        let request = by(&open, &alice("acme")).with(open.id_header(), FORGED);
        for outcome in outcomes_without_store(&open, &request) {
            // Without an id: what the client wrote there is gone.
            assert_eq!(outcome, Outcome::Passed { id: None }, "{variant}");
        }
        let closed = setup(variant, FailMode::Closed);
        for outcome in outcomes_without_store(&closed, &request) {
            assert_eq!(outcome, Outcome::refused(503, ""), "{variant}");
        }
    }
}

#[test]
fn a_path_may_end_in_any_script_at_any_length() {
    let setup = setup(Variant::After, FailMode::Closed);
    let ends = [
        "%C3%A9",
        "%E6%97%A5",
        "%F0%9F%98%80",
        "%C3%A9%2A",
        "\u{e9}",
        "%2a\u{65e5}",
    ];
    let paths = (1..=200).flat_map(|length| {
        let plain = "a".repeat(length);
        ends.map(|end| format!("/orders/{plain}{end}"))
    });
    let credential = by(&setup, &alice("acme")).headers.remove(0).1;
    let requests: Vec<Request> = paths
        .map(|path| Request::get(&path).with("authorization", &credential))
        .collect();
    let expected: Vec<Outcome> = requests
        .iter()
        .map(|one| oracle::expected(&setup, one))
        .collect();
    let passed = |outcome: &&Outcome| matches!(outcome, Outcome::Passed { .. });
    assert_eq!(expected.iter().filter(passed).count(), requests.len());
    for outcomes in compare::in_both(&setup, &requests) {
        assert_eq!(outcomes, expected);
    }
}

#[test]
fn case_124_no_request_makes_the_function_fail_or_believe_a_forged_id() {
    let setup = setup(Variant::After, FailMode::Closed);
    assert!(setup.compiled.source.len() <= FUNCTION_BYTES_MAX);
    let unicode = Person {
        subject: "\u{4e2d}\u{1f600} \u{201c}e\u{301}\u{201d}".to_owned(),
        ..alice("caf\u{e9}")
    };
    let cookie = format!("session={}", "c".repeat(8 * 1024));
    let garbage = |token: &str| Request::get("/orders/1").with("authorization", token);
    let known = [
        by(&setup, &alice("acme")),
        by(&setup, &alice("")),
        by(&setup, &unicode),
        by(&setup, &alice("acme")).with("cookie", cookie),
    ];
    let unknown = [
        Request::get("/orders/1"),
        garbage("Bearer garbage"),
        garbage("Bearer \u{1f4a9}.e30.e30"),
        garbage("Bearer e30.e30.e30"),
        garbage("Bearer bnVsbA.bnVsbA.bnVsbA"),
        garbage("Bearer ..."),
        // Nobody signed these: what has no text, and what is long to read.
        garbage(&unsigned(
            r#"{"iss":"one","sub":{"toString":0,"valueOf":0},"aud":"api","exp":1800000600}"#,
        )),
        garbage(&unsigned(
            r#"{"iss":{"toString":0},"sub":[[]],"aud":{"length":-1},"exp":{}}"#,
        )),
        garbage(&unsigned(&format!(
            r#"{{"iss":"one","a":[{}1]}}"#,
            "1,".repeat(3_000)
        ))),
        garbage(&unsigned(&format!(
            r#"{{"iss":"one","a":{}1{}}}"#,
            "[".repeat(3_000),
            "]".repeat(3_000)
        ))),
        garbage("Bearer"),
    ];
    let requests: Vec<Request> = known
        .into_iter()
        .chain(unknown)
        .map(|request| request.with(setup.id_header(), FORGED))
        .collect();
    let expected: Vec<Outcome> = requests
        .iter()
        .map(|one| oracle::expected(&setup, one))
        .collect();
    for outcomes in compare::in_both(&setup, &requests) {
        assert_eq!(outcomes, expected);
    }
    let ids: Vec<&String> = expected
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Passed { id } => id.as_ref(),
            _ => None,
        })
        .collect();
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| *id != FORGED) && ids[0] != ids[1] && ids[0] == ids[3]);
    assert_eq!(expected[4], Outcome::refused(401, ""));
    assert_eq!(expected[5], Outcome::refused(401, INVALID));
    // The function's own error: the same answer as without a store.
    let event = serde_json::json!({ "request": { "headers": {} }, "viewer": {} });
    let broken = setup.embedded().call(&event).unwrap();
    assert_eq!(
        Outcome::of_returned(&broken, setup.id_header(), None),
        Outcome::refused(503, "")
    );
}
