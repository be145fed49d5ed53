//! The configurations: the policies of `crates/aws`, and one for each thing that they lack.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tollgate_aws::target::{Target, Trust, Variant};
use tollgate_policy::Policy;

use crate::setup::Setup;

/// A policy with the files that it names.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    pub(crate) files: Vec<(String, String)>,
}

const SECRET: &str = "a-secret-of-the-tests-0123456789abcdef";
const K0: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const K1: &str = "7GY72gJDKF6_wAdcXH6xvh6LhXrAnNb0Nh2NGVtFLTU";
const K2: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8";
const K3: &str = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8";

const FILES: [&str; 5] = [
    "one-plan.yaml",
    "three-by-three.yaml",
    "openapi.yaml",
    "anonymous.yaml",
    "issuers.yaml",
];

/// Every policy of `crates/aws` in every variant and trust that it can have.
pub(crate) fn of_files() -> Vec<Setup> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/tests/policies");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let beside = ["hs256.key", "staff.key", "buckets.keys", "openapi.json"];
    let cases = FILES.map(|name| Case {
        name,
        text: read(name),
        files: beside
            .iter()
            .map(|file| ((*file).to_owned(), read(file)))
            .collect(),
    });
    cases
        .iter()
        .flat_map(|case| setups(case, &Variant::ALL))
        .collect()
}

/// The variations, after and before: a chained function is the one after.
pub(crate) fn variations() -> Vec<Setup> {
    let cases = [
        case("strict", STRICT, &one_key()),
        case("lenient", LENIENT, &one_key()),
        case("templates", TEMPLATES, &one_key()),
        case("keys", KEYS, &several_keys()),
        case("stale", KEYS, &stale_key()),
        case("many routes", &many_routes(), &one_key()),
        case("classes", CLASSES, &one_key()),
    ];
    let variants = [Variant::After, Variant::Before];
    cases
        .iter()
        .flat_map(|case| setups(case, &variants))
        .collect()
}

pub(crate) fn case(name: &'static str, text: &str, ring: &str) -> Case {
    let files = [
        ("hs256.key", SECRET),
        ("staff.key", "another-secret-of-the-tests-0123456789abcdef"),
        ("buckets.keys", ring),
    ];
    Case {
        name,
        text: format!("tollgate: 1\norigin: https://origin.example.com\n{text}"),
        files: files
            .map(|(file, text)| (file.to_owned(), text.to_owned()))
            .into(),
    }
}

fn setups(case: &Case, variants: &[Variant]) -> Vec<Setup> {
    let mut setups = Vec::new();
    for variant in variants {
        for trust in [Trust::Hs256, Trust::Pass, Trust::Unverified] {
            let target = Target::new(*variant, trust);
            if is_possible(case, &target) {
                setups.push(Setup::new(case, target));
            }
        }
    }
    setups
}

fn is_possible(case: &Case, target: &Target) -> bool {
    let folder = tempfile::TempDir::new().unwrap();
    for (file, text) in &case.files {
        fs::write(folder.path().join(file), text).unwrap();
    }
    let policy = Policy::parse("tollgate.yaml", &case.text, folder.path());
    let policy = policy.unwrap_or_else(|found| panic!("{}: {found}", case.name));
    target.check(&policy, true).is_ok()
}

pub(crate) fn one_key() -> String {
    format!("k1 {K1} - - current\n")
}

/// One current, one accepted, one over, one not yet.
fn several_keys() -> String {
    format!(
        "k0 {K0} - 1800000100 accepted\nk1 {K1} 1700000000 1900000000 current\n\
         old {K2} 1600000000 1800000000 accepted\nnew {K3} 1800000001 - accepted\n"
    )
}

/// The current one is over.
fn stale_key() -> String {
    format!("k0 {K0} - - accepted\nk1 {K1} 1700000000 1799999999 current\n")
}

/// No anonymous plan, strict slashes, nested and URI claims, a pinned type.
const STRICT: &str = r#"
identity:
  issuers:
    - issuer: https://login.example.com
      audience: [api, "https://api.example.com"]
      algorithms: [HS256]
      secret_file: hs256.key
      typ: application/at+jwt
      leeway: 5s
      max_lifetime: 1h
      required_claims: [scope, "https://example.com/tier", deep.er.still]
      claims: {subject: "https://example.com/user", account: a.b.c, plan: "urn:plan"}
  failed_verifications: off
  bucket_keys: buckets.keys
routes:
  trailing_slash: strict
  list: [GET /orders, GET /orders/, "POST /orders/{id}", "POST /orders/{id}/", "GET /deep/{tail+}", "ANY /any/{tail*}"]
plans:
  standard: {limits: [{name: burst, window: 600/min}]}
  gold: {limits: [{name: burst, window: 6000/min}]}
default_plan: standard
edge:
  after: true
  before: {}
  pass: {}
"#;

/// All that is optional, and tokens that do not hold are none.
const LENIENT: &str = r#"
identity:
  issuers:
    - issuer: one
      audience: api
      algorithms: [HS256]
      secret_file: hs256.key
      claims: {client: client_id, plan: plan, account: account}
    - issuer: two
      audience: api
      algorithms: [HS256]
      secret_file: staff.key
      leeway: 0s
      typ: JWT
  anonymous: {plan: nobody, ipv4_prefix: 20, ipv6_prefix: 52}
  token_cookie: session
  invalid_token: anonymous
  failed_verifications: off
  bucket_keys: buckets.keys
routes:
  case_sensitive: false
  list: ["GET /Orders/{id}", "ANY /Files/{path+}", "GET /v{n}/Status", GET /billing]
plans:
  nobody: {class: nb, limits: [{name: burst, window: 60/min}]}
  somebody: {limits: [{name: burst, window: 600/min}]}
  gold: {class: gold, limits: [{name: burst, window: 6000/min}]}
default_plan: somebody
never_block: [GET /billing]
edge:
  id_header: x-bucket
  after: true
  before: {cookie: bucket, path: /ids, without_id: nobody}
  pass: {header: x-pass, cookie: pass}
"#;

/// Routes of every shape, and templates that the way to them does not spell.
const TEMPLATES: &str = r#"
identity:
  issuers:
    - {issuer: one, audience: api, algorithms: [HS256], secret_file: hs256.key}
  anonymous: {plan: nobody}
  failed_verifications: off
  bucket_keys: buckets.keys
routes:
  list:
    - GET /
    - "GET /{a}.{b}"
    - "GET /v{n}"
    - "GET /v{n}/x/{m}"
    - "POST /u/{id}:suspend"
    - "POST /u/{id}:{verb}"
    - "GET /u/{id}"
    - "PUT /u/{other}"
    - "DELETE /u/{third}/notes/"
    - "HEAD /u/{id}/notes"
    - "ANY /u/{id}/notes"
    - "GET /u/me"
    - "ANY /u/me/{rest*}"
    - "GET /files/{path+}"
    - "POST /files/**"
    - "GET /files/new"
    - "GET /%6frders/a%20b"
    - "GET /caf\u00e9/{x}"
    - "GET /caf%C3%A9/menu"
    - "GET /re/{id:[0-9]+}/y"
    - "GET /two//slashes"
    - "GET /star/*"
    - "GET /a{x}b{y}c"
    - "GET /aa{x}c"
    - "GET /__proto__/{x}"
    - "GET /constructor"
    - "ANY /toString/{path*}"
    - "GET /semi;colon/x=1"
    - "GET /quote'/\"{x}\""
    - "PURGE /u/{id}"
    - "GET /m/{a}/{b}/{c}/end"
    - "GET /m/x/{b}/y/end"
    - "GET /m/{a}/z/{c}/end"
    - "GET /m/x/z/{c}/{tail+}"
    - "GET /hasOwnProperty/{n}"
plans:
  nobody: {limits: [{name: burst, window: 60/min}]}
  somebody: {limits: [{name: burst, window: 600/min}]}
default_plan: somebody
edge:
  after: true
  before: {}
  pass: {header: off, cookie: pass}
"#;

/// For rings of several keys.
const KEYS: &str = r#"
identity:
  issuers:
    - {issuer: one, audience: api, algorithms: [HS256], secret_file: hs256.key, claims: {plan: plan}}
  failed_verifications: off
  bucket_keys: buckets.keys
routes:
  list: [GET /orders, "GET /orders/{id}", POST /pay]
plans:
  standard: {limits: [{name: burst, window: 60/min}]}
  gold: {class: gold, limits: [{name: burst, window: 600/min}]}
default_plan: standard
never_block: [POST /pay]
edge:
  after: true
  before: {cookie: bucket}
  pass: {cookie: pass}
"#;

/// Plans with limits of their own for some routes.
const CLASSES: &str = r#"
identity:
  issuers:
    - {issuer: one, audience: api, algorithms: [HS256], secret_file: hs256.key, claims: {plan: plan}}
  anonymous: {plan: nobody}
  failed_verifications: off
  bucket_keys: buckets.keys
routes:
  list: [GET /orders, "GET /orders/{id}", POST /orders, POST /reports, GET /billing]
plans:
  nobody:
    limits: [{name: burst, window: 6/min}]
    routes: {POST /reports: [{name: burst, window: 1/10min}]}
  a: {limits: [{name: burst, window: 60/min}]}
  b:
    limits: [{name: burst, window: 600/min}]
    routes: {POST /orders: [{name: burst, window: 20/min}], POST /reports: [{name: burst, window: 10/10min}]}
  c:
    limits: [{name: burst, window: 6000/min}]
    routes: {POST /orders: [{name: burst, window: 30/min}], GET /billing: [{name: burst, window: 10/10min}]}
default_plan: a
never_block: [GET /billing]
edge:
  after: true
  before: {}
  pass: {}
"#;

/// More than fit in the function.
fn many_routes() -> String {
    let mut list = String::new();
    for area in 0..20 {
        for thing in 0..4 {
            let path = format!("/area{area}/things{thing}");
            write!(list, "GET {path}, POST {path}, ").unwrap();
            write!(list, "\"GET {path}/{{id}}\", \"DELETE {path}/{{id}}\", ").unwrap();
            write!(list, "\"GET {path}/{{id}}/v{{n}}.json\", ").unwrap();
        }
    }
    format!(
        "
identity:
  issuers:
    - {{issuer: one, audience: api, algorithms: [HS256], secret_file: hs256.key}}
  anonymous: {{plan: nobody}}
  failed_verifications: off
  bucket_keys: buckets.keys
routes:
  list: [{list}]
plans:
  nobody: {{limits: [{{name: burst, window: 60/min}}]}}
  somebody: {{limits: [{{name: burst, window: 600/min}}]}}
default_plan: somebody
edge:
  after: true
  before: {{}}
  pass: {{}}
"
    )
}
