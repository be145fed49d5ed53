//! What each rung of the ladder costs, in ns a token: `cargo bench -p tollgate-identity`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints and may panic"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use serde_json::json;
use support::*;
use tollgate_identity::{Algorithm, Verifier, VerifierConfig};

const RUN: Duration = Duration::from_millis(700);
/// About the size of a token of a large identity provider.
const TOKEN_BYTES: usize = 800;

fn main() {
    let cached = || new_verifier(100_000);
    let uncached = new_verifier(0);
    let users: Vec<String> = (0..1000)
        .map(|n| token(&KEYS.ed, Algorithm::EdDSA, "ed", n))
        .collect();
    println!("token: {} bytes", users[0].len());

    let verifier = cached();
    report("valid, cached, 1 user", &measure(&verifier, &users[..1], 1));
    report("valid, cached, 1000 users", &measure(&verifier, &users, 1));
    report(
        "valid, cached, 1000 users, 2 threads",
        &measure(&verifier, &users, 2),
    );
    report(
        "valid, cached, 1 user, 2 threads",
        &measure(&verifier, &users[..1], 2),
    );

    let forged: Vec<String> = users.iter().map(|token| forge(token)).collect();
    report(
        "forged, cached, 1000 tokens",
        &measure(&cached(), &forged, 1),
    );
    report(
        "no shape",
        &measure(&verifier, &["x".repeat(TOKEN_BYTES)], 1),
    );
    let noise = format!("{}.{}.{}", b64([1; 40]), b64([2; 400]), b64([3; 64]));
    report("noise, not cached", &measure(&uncached, &[noise], 1));
    let expired = ed_token(&claims_with(
        json!({"exp": 1, "iat": null, "pad": "x".repeat(480)}),
    ));
    report("expired, not cached", &measure(&uncached, &[expired], 1));
    for (algorithm, key, kid) in [
        (Algorithm::EdDSA, &KEYS.ed, "ed"),
        (Algorithm::Es256, &KEYS.p256, "p256"),
        (Algorithm::Es384, &KEYS.p384, "p384"),
        (Algorithm::Rs256, &KEYS.rsa, "rsa"),
        (Algorithm::Ps256, &KEYS.rsa, "rsa"),
    ] {
        let token = [token(key, algorithm, kid, 0)];
        report(
            &format!("{algorithm}, not cached"),
            &measure(&uncached, &token, 1),
        );
    }
}

fn new_verifier(cache_entries: usize) -> Verifier {
    let issuers = vec![rules(ISSUER, holder(&all_keys()))];
    Verifier::new(VerifierConfig {
        issuers,
        cache_entries,
        negative_ttl_s: 60,
        hash_key: [9; 16],
    })
    .unwrap()
}

fn token(key: &SigningKey, algorithm: Algorithm, kid: &str, user: usize) -> String {
    let header = json!({"alg": algorithm.as_str(), "kid": kid}).to_string();
    let sized = |pad: usize| {
        let claims = claims_with(json!({"sub": format!("user{user:04}"), "pad": "x".repeat(pad)}));
        sign_raw(key, algorithm, &header, claims.to_string().as_bytes())
    };
    let room = TOKEN_BYTES.saturating_sub(sized(0).len());
    sized(room * 3 / 4)
}

fn forge(token: &str) -> String {
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.{}", b64([1; 64]))
}

/// Nanoseconds a token, of each of three runs.
fn measure(verifier: &Verifier, tokens: &[String], threads: usize) -> Vec<f64> {
    tokens
        .iter()
        .for_each(|token| drop(verifier.verify(token, NOW_S)));
    (0..3).map(|_| run(verifier, tokens, threads)).collect()
}

fn run(verifier: &Verifier, tokens: &[String], threads: usize) -> f64 {
    let work = || {
        let (start, mut count) = (Instant::now(), 0_u32);
        while start.elapsed() < RUN {
            for token in tokens.iter().cycle().take(tokens.len().max(64)) {
                black_box(verifier.verify(black_box(token), NOW_S));
                count += 1;
            }
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(count)
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let each: Vec<f64> = running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        each.iter().sum::<f64>() / f64::from(u32::try_from(threads).unwrap())
    })
}

fn report(what: &str, runs: &[f64]) {
    let runs: Vec<_> = runs.iter().map(|ns| format!("{ns:>9.0}")).collect();
    println!("{what:<40} {} ns", runs.join(" "));
}
