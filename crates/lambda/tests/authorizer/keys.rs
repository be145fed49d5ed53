//! Where keys come from: packed, fetched within a bound, shared secrets, API keys from a zip.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tollgate_aws::authorizer::AuthorizerApi;
use tollgate_testkit::lambda::{Function, FunctionLaunch, Invoked};
use tollgate_testkit::{Algorithm, Fault, Issuer, sign_hs256};

use crate::events::Call;
use crate::support::{Bench, RING, Setup, said};

fn asked(bench: &Bench, token: &str) -> String {
    said(
        &bench.invoke(
            &Call::order()
                .bearer(token)
                .event(AuthorizerApi::RestRequest),
        ),
    )
}

/// Of a start that waits for a second, or for nothing.
const START_MAX: Duration = Duration::from_secs(3);
/// How often a time is taken: a machine that does much else stands still now and then.
const TRIES: usize = 3;

/// A function that started in time.
fn started_in_time(launch: impl Fn() -> Function) -> Function {
    let mut functions = (0..TRIES).map(|_| launch());
    let in_time = functions.find(|function| function.start_took() < START_MAX);
    in_time.unwrap_or_else(|| panic!("none of {TRIES} starts took less than {START_MAX:?}"))
}

fn fetched(issuer: &Issuer) -> String {
    format!(
        ", jwks: '{}', allow_private_addresses: true",
        issuer.jwks_url()
    )
}

#[test]
fn keys_are_fetched_before_the_first_event() {
    let issuer = Issuer::start().unwrap();
    let from = fetched(&issuer);
    let function = Setup {
        issuer: &from,
        ..Setup::default()
    }
    .launch(&issuer)
    .unwrap();
    assert_eq!(issuer.jwks_fetches(), 1);
    let bench = Bench { issuer, function };
    assert_eq!(asked(&bench, &bench.token("alice")), "Allow");
    assert_eq!(asked(&bench, &bench.token("bob")), "Allow");
    assert_eq!(bench.issuer.jwks_fetches(), 1);
}

#[test]
fn a_hanging_issuer_holds_up_a_start_for_a_bounded_time_and_lets_nobody_in() {
    let issuer = Issuer::start().unwrap();
    issuer.set_fault(Fault::Hang);
    let from = fetched(&issuer);
    let variables = [("TOLLGATE_START_WAIT", "1")];
    let setup = Setup {
        issuer: &from,
        variables: &variables,
        ..Setup::default()
    };
    let function = started_in_time(|| setup.launch(&issuer).unwrap());
    let bench = Bench { issuer, function };
    assert_eq!(asked(&bench, &bench.token("alice")), "Deny unavailable");
    assert!(
        bench.function.output().contains("no keys yet"),
        "{}",
        bench.function.output()
    );
}

#[test]
fn an_issuer_that_was_down_at_the_start_is_asked_again_when_events_come() {
    let issuer = Issuer::start().unwrap();
    issuer.set_fault(Fault::Status(503));
    let from = fetched(&issuer);
    let setup = Setup {
        issuer: &from,
        ..Setup::default()
    };
    let function = started_in_time(|| setup.launch(&issuer).unwrap());
    let bench = Bench { issuer, function };
    let token = bench.token("alice");
    assert_eq!(asked(&bench, &token), "Deny unavailable");
    bench.issuer.set_fault(Fault::None);
    // The keeper's pace is its own; bounded by the events, each of which waits for a fetch under way.
    let mut last = String::new();
    for _ in 0..600 {
        last = asked(&bench, &token);
        if last == "Allow" {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{last}: {}", bench.function.output());
}

#[test]
fn a_token_under_a_shared_secret_is_verified() {
    let secret = "0123456789abcdef0123456789abcdef";
    let policy = "tollgate: 1
origin: http://127.0.0.1:9
identity:
  bucket_keys: environment
  issuers:
    - {issuer: 'https://hs.example.com', audience: api, algorithms: [HS256], secret_file: secret}
routes:
  - GET /orders/{id}
plans:
  std: {limits: [{name: few, rate: 1/s}]}
default_plan: std
";
    let launched = FunctionLaunch {
        binary: Path::new(env!("CARGO_BIN_EXE_tollgate-lambda")),
        files: &[("tollgate.yaml", policy), ("secret", secret)],
        variables: &[
            ("TOLLGATE_CONFIG", "tollgate.yaml"),
            ("TOLLGATE_BUCKET_KEYS", RING),
        ],
    };
    let now_s = {
        use tollgate_engine::limiter::{Clock as _, SystemClock};
        SystemClock::new().now().unix_s()
    };
    let claims =
        json!({"iss": "https://hs.example.com", "aud": "api", "sub": "alice", "exp": now_s + 60});
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let ask = |function: &Function, secret: &str| {
        let token = sign_hs256(secret.as_bytes(), &header, &claims);
        function.invoke(&Call::order().bearer(&token).event(AuthorizerApi::HttpV2))
    };
    // Nothing is fetched, so that nothing is waited for, not by the first event of a function either.
    let mut functions = (0..TRIES).map(|_| launched.launch().unwrap());
    let at_once = functions.find(|function| {
        let began = std::time::Instant::now();
        assert_eq!(said(&ask(function, secret)), "Allow");
        began.elapsed() < Duration::from_millis(800)
    });
    let function = at_once.expect("a first answer at once");
    assert_eq!(
        said(&ask(&function, "0123456789abcdef0123456789abcdeX")),
        "Deny unauthorized"
    );
}

/// In a zip everybody may read every file, and a file of API keys must be its owner's.
#[test]
fn api_keys_and_a_ring_are_taken_from_files_that_a_zip_has_open_to_all() {
    let key = "0123456789abcdef0123456789abcdef";
    // SHA-256 of the key.
    let digest = "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9";
    let line = format!("{digest} robot acme gold -\n");
    let files = [("api.keys", line.as_str()), ("bucket.keys", RING)];
    let issuer = Issuer::start().unwrap();
    let setup = Setup {
        identity: "  api_keys: {file: api.keys}\n",
        files: &files,
        ..Setup::default()
    };
    let policy = setup.policy(&issuer);
    let policy = policy.replace("bucket_keys: environment", "bucket_keys: bucket.keys");
    let jwks = issuer.jwks().to_string();
    let mut all = vec![
        ("tollgate.yaml", policy.as_str()),
        ("jwks.json", jwks.as_str()),
    ];
    all.extend(files);
    let function = FunctionLaunch {
        binary: Path::new(env!("CARGO_BIN_EXE_tollgate-lambda")),
        files: &all,
        variables: &[("TOLLGATE_CONFIG", "tollgate.yaml")],
    }
    .launch()
    .unwrap();
    let call = |key: &str| {
        Call::order()
            .header("x-api-key", key)
            .event(AuthorizerApi::RestRequest)
    };
    let Invoked::Answered(document) = function.invoke(&call(key)) else {
        panic!()
    };
    let context = &document["context"];
    assert_eq!(
        (&context["subject"], &context["plan"]),
        (&json!("robot"), &json!("gold"))
    );
    assert!(
        context["bucketId"]
            .as_str()
            .unwrap()
            .starts_with("gold.k1.")
    );
    assert_eq!(
        said(&function.invoke(&call("0123456789abcdef0123456789abcdeX"))),
        "Unauthorized"
    );
}

#[test]
fn a_new_key_of_an_issuer_is_fetched_for_the_token_that_names_it_or_refused_in_time() {
    let issuer = Issuer::start().unwrap();
    let from = fetched(&issuer);
    let function = Setup {
        issuer: &from,
        ..Setup::default()
    }
    .launch(&issuer)
    .unwrap();
    issuer.rotate(Algorithm::EdDsa);
    let bench = Bench { issuer, function };
    // Within the cooldown after a fetch a strange key is not asked for: refused, and at once.
    assert_eq!(asked(&bench, &bench.token("alice")), "Unauthorized");
}
