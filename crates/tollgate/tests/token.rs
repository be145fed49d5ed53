//! `tollgate token check`: its verdicts, and how it reads and ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_testkit::{Algorithm, Fault, Issuer};

/// What one call printed.
struct Answer {
    lines: Vec<Value>,
    stderr: String,
    code: Option<i32>,
}

impl Answer {
    /// `valid`, or the reason against, of each token.
    fn verdicts(&self) -> Vec<&str> {
        let verdict = |line: &Value| {
            let word = |name: &str| Some(line.get(name)?.as_str().unwrap().to_owned());
            word("reason").or_else(|| word("verdict")).unwrap()
        };
        let words: Vec<String> = self.lines.iter().map(verdict).collect();
        words.into_iter().map(|word| &*word.leak()).collect()
    }
}

fn check(arguments: &[&str], folder: &Path, input: &[u8]) -> Answer {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["token", "check"])
        .args(arguments)
        .current_dir(folder)
        // A gateway's environment is no obstacle: `--jwks` goes before it.
        .env("TOLLGATE_CONFIG", "tollgate.yaml")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    Answer {
        lines: text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

fn file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Verdicts on the signature alone of `tokens`, one a line, under `jwks`.
fn jws(jwks: &Value, tokens: &[&str]) -> Answer {
    let folder = TempDir::new().unwrap();
    file(&folder, "jwks.json", &jwks.to_string());
    let lines = tokens.join("\n") + "\n";
    check(
        &["--jwks", "jwks.json", "--jws"],
        folder.path(),
        lines.as_bytes(),
    )
}

#[test]
fn published_examples_of_signatures_hold() {
    // RFC 7515 appendix A.1.
    let secret = json!({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75\
                        aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"});
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkz\
                 ODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r\
                 _wW1gFWFOEjXk";
    let answer = jws(&secret, &[token]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert_eq!(
        answer.lines,
        [json!({
            "verdict": "valid",
            "header": {"typ": "JWT", "alg": "HS256"},
            "claims": {"iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true},
        })]
    );
    // RFC 8037 appendix A.4, whose payload is text.
    let key =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7\
                 -09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let answer = jws(&key, &[token]);
    assert_eq!(
        answer.lines[0]["payload"], "Example of Ed25519 signing",
        "{}",
        answer.stderr
    );
}

/// Rows of C2SP Wycheproof's `json_web_signature_test.json` (v1), by `tcId`, where libraries differ.
#[test]
fn wycheproofs_doubtful_spellings_have_one_answer() {
    let oct = json!({"keys": [{
        "kty": "oct", "kid": "hs256-key", "use": "sig", "alg": "HS256",
        "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    }]});
    let header = "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9";
    let mac = "c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8";
    let rows = [
        (357, format!("{header}.VGVzdA.{mac}"), "valid"),
        (360, format!("{header}.VGVzdA.    {mac}"), "token_encoding"),
        (362, format!("{header}.VGVzdA.{mac}?"), "token_encoding"),
        // Labelled valid there; it is not base64url.
        (373, format!("{header}.VGVzdA?.{mac}"), "token_encoding"),
        (
            374,
            format!("{header}.AB.8sL_ycV8G_D-K_2A3I0EW3NoPMeQzv13cAzuHlQ5TAE"),
            "token_encoding",
        ),
        (
            375,
            format!("{header}.AB.9phoKDvkBMAqTgeVIYeqAi6-lvC0pbKg9ER--3T97w0"),
            "token_encoding",
        ),
        (
            376,
            "eyAia2lkIiA6ICJoczI1Ni1rZXkiLCAiYWxnIiA6ICJIUzI1NiIgfQ.VGVzdA.3nl1C7dKVGLfNyALp4ZKkmNFB\
             JlFP8M9VGzCyil9S1c"
                .to_owned(),
            "valid",
        ),
        (13, String::new(), "token_malformed"),
        (15, format!("{header}.VGVzdA.{mac}.foo"), "token_malformed"),
        (16, "eyJhbGciOiJub25lIn0.VGVzdA.".to_owned(), "token_malformed"),
    ];
    let tokens: Vec<&str> = rows.iter().map(|(_, token, _)| &**token).collect();
    let answer = jws(&oct, &tokens);
    let expected: Vec<&str> = rows.iter().map(|(_, _, verdict)| *verdict).collect();
    assert_eq!(answer.verdicts(), expected);
    assert_eq!(answer.code, Some(1));

    let key = |members: Value| {
        let mut key = json!({
            "kty": "EC", "crv": "P-256", "kid": "kid-ec-sign",
            "x": "04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY",
            "y": "UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw",
        });
        let members = members.as_object().unwrap().clone();
        key.as_object_mut().unwrap().extend(members);
        key
    };
    let signing = key(json!({"alg": "ES256", "use": "sig"}));
    let good = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIn0.Zm9v.5cA0OHyMP7ezamUd5c9kV-FrGxdx4h\
                bGXOdplQkutrqWrte5P-pAvsE3Ve6xSyU3YDQwUHjVVOtvcrEbbnZ8yA";
    let confused = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIn0.Zm9v.TgWtz2FIRukBQ_mA5sgHa0Ybtgn7bl-YBPAi7\
         Z0XdHU";
    let long = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIn0.Zm9v.AOXANDh8jD-3s2plHeXPZFfhaxsXceIWxlzna\
         ZUJLra6AJau17k_6kC-wTdV7rFLJTdgNDBQeNVU629ysRtudnzI";
    // 18, 31 (HS256 under the public key's bytes) and 379.
    let answer = jws(&signing, &[good, confused, long]);
    assert_eq!(
        answer.verdicts(),
        ["valid", "key_mismatch", "bad_signature"]
    );
    // 354 and 356: a key that is not for signatures. Its file has no usable key.
    for wrong in [json!({"use": "enc"}), json!({"key_ops": ["encrypt"]})] {
        let answer = jws(&key(wrong), &[good]);
        assert_eq!(answer.verdicts(), ["unknown_key"]);
        assert!(
            answer.stderr.contains("keys ignored: 1"),
            "{}",
            answer.stderr
        );
    }
}

#[test]
fn a_token_is_checked_against_a_policys_issuers_with_keys_fetched() {
    let issuer = Issuer::with_keys(&[Algorithm::Rs256, Algorithm::EdDsa]).unwrap();
    let folder = TempDir::new().unwrap();
    let policy = format!(
        "tollgate: 1
origin: http://127.0.0.1:9000
identity:
  issuers:
    - issuer: {url}
      audience: api
      jwks: {jwks}
      claims: {{account: {account}}}
routes: [GET /orders]
plans: {{free: {{}}}}
default_plan: free
",
        url = issuer.url(),
        jwks = issuer.jwks_url(),
        account = Issuer::ACCOUNT_CLAIM,
    );
    file(&folder, "tollgate.yaml", &policy);
    let token = |subject: &str| issuer.token(subject).audience("api");
    let good = token("alice").account("acme").mint();
    let tokens = [
        good.clone(),
        token("alice").algorithm(Algorithm::EdDsa).mint(),
        token("alice")
            .ttl(Duration::from_secs(600))
            .issued_at(1_000)
            .mint(),
        issuer.token("alice").audience("elsewhere").mint(),
        token("alice").forged().mint(),
        token("alice").header("kid", "nobody").mint(),
        token("alice").claim("iss", "https://evil.example").mint(),
        format!("Bearer {good}"),
    ];
    let lines = tokens.join("\r\n");
    let answer = check(&[], folder.path(), lines.as_bytes());
    assert_eq!(
        answer.verdicts(),
        [
            "valid",
            "valid",
            "expired",
            "wrong_audience",
            "bad_signature",
            "unknown_key",
            "unknown_issuer",
            "token_encoding",
        ],
        "{}",
        answer.stderr
    );
    let first = &answer.lines[0];
    assert_eq!(first["subject"], "alice");
    assert_eq!(first["account"], "acme");
    assert_eq!(first["issuer"], issuer.url());
    assert_eq!(first["claims"]["aud"], "api");
    assert_eq!(answer.lines[3]["unverified_claims"]["aud"], "elsewhere");
    assert_eq!(answer.lines[3]["verdict"], "invalid");
    // At the moment at which it held, and all valid: exit code 0.
    let at = check(&["--at", "1300", &tokens[2]], folder.path(), b"");
    assert_eq!((at.verdicts(), at.code), (vec!["valid"], Some(0)));
}

#[test]
fn without_the_issuers_keys_nothing_is_decided() {
    let issuer = Issuer::start().unwrap();
    issuer.set_fault(Fault::Down);
    let folder = TempDir::new().unwrap();
    let policy = format!(
        "tollgate: 1
origin: http://127.0.0.1:9000
identity: {{issuers: [{{issuer: '{url}', audience: api}}]}}
routes: [GET /orders]
plans: {{free: {{}}}}
default_plan: free
",
        url = issuer.url()
    );
    file(&folder, "tollgate.yaml", &policy);
    let token = issuer.token("alice").audience("api").mint();
    let answer = check(&[&token], folder.path(), b"");
    assert_eq!(answer.verdicts(), ["keys_unavailable"], "{}", answer.stderr);
    assert_eq!(answer.lines[0]["verdict"], "undecided");
    assert_eq!(answer.code, Some(1));
}

#[test]
fn keys_of_a_file_check_claims_too_and_say_what_they_take_on_trust() {
    let issuer = Issuer::start().unwrap();
    let folder = TempDir::new().unwrap();
    file(&folder, "jwks.json", &issuer.jwks().to_string());
    let good = issuer.token("alice").audience("api").mint();
    let nameless = issuer.token("alice").without_claim("iss").mint();
    let stale = issuer.token("alice").issued_at(1_000).mint();
    let answer = check(
        &["--jwks", "jwks.json", &good, &nameless, &stale],
        folder.path(),
        b"",
    );
    assert_eq!(answer.verdicts(), ["valid", "issuer_missing", "expired"]);
    assert!(answer.stderr.contains("its own word"), "{}", answer.stderr);
    for (iss, aud, verdict) in [
        (issuer.url(), "api", "valid"),
        (issuer.url(), "other", "wrong_audience"),
        ("https://other.example", "api", "unknown_issuer"),
    ] {
        let pinned = ["--jwks", "jwks.json", "--issuer", iss, "--audience", aud];
        let answer = check(&pinned, folder.path(), format!("{good}\n").as_bytes());
        assert_eq!(answer.verdicts(), [verdict]);
        assert!(!answer.stderr.contains("note:"), "{}", answer.stderr);
    }
}

#[test]
fn any_bytes_on_standard_input_give_a_line_each() {
    let folder = TempDir::new().unwrap();
    file(&folder, "jwks.json", r#"{"keys": []}"#);
    let mut input = vec![b'a'; 3_000_000];
    input.extend(b"\n\xff\xfe\na.b.c\n\n");
    let answer = check(&["--jwks", "jwks.json", "--jws"], folder.path(), &input);
    assert_eq!(
        answer.verdicts(),
        [
            "token_too_large",
            "token_encoding",
            "token_encoding",
            "token_malformed"
        ]
    );
}

#[test]
fn a_file_that_is_no_key_set_is_said_to_be_none() {
    let folder = TempDir::new().unwrap();
    for (text, says) in [
        ("[]", "not a JSON object"),
        ("{}", "no array `keys`"),
        (r#"{"keys": 1}"#, "no array `keys`"),
    ] {
        file(&folder, "jwks.json", text);
        let answer = check(&["--jwks", "jwks.json", "--jws", "t"], folder.path(), b"");
        assert_eq!(answer.code, Some(4));
        assert!(answer.stderr.contains(says), "{}", answer.stderr);
        assert!(answer.stderr.contains("jwks.json"), "{}", answer.stderr);
    }
    let answer = check(&["--jwks", "none.json", "t"], folder.path(), b"");
    assert_eq!(answer.code, Some(4));
    assert!(answer.stderr.contains("none.json"), "{}", answer.stderr);
}
