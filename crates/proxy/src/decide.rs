//! Asking the engine: the frontend's only calls to it before the answer.

use std::time::Instant;

use http::request::Parts;
use tollgate_engine::limiter::Clock;
use tollgate_engine::{Decision, Engine, KEY_WAIT_MAX, KeyWait, Outcome, RequestHead};

use crate::context::ConnContext;

/// The engine's view of a head.
pub(crate) fn head<'a>(parts: &'a Parts, conn: &'a ConnContext) -> RequestHead<'a> {
    RequestHead {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &parts.headers,
        peer: conn.peer.ip(),
        certificate: conn.certificate.as_ref(),
    }
}

/// The decision on a request; waits only for the keys of an issuer that nobody has seen yet.
///
/// `started` is when the request began; what passes from then to the verdict is observed as the
/// decision's time.
pub(crate) async fn decide(parts: &Parts, conn: &ConnContext, started: Instant) -> Decision {
    let engine: &Engine = &conn.shared.engine;
    let clock = &conn.shared.clock;
    let head = head(parts, conn);
    let decision = match engine.decide(&head, clock.now()) {
        Outcome::Decided(decision) => decision,
        // Boxed: rare, and its future would make every request's larger.
        Outcome::AwaitKeys(keys) => Box::pin(decide_late(engine, conn, &head, keys)).await,
    };
    engine.observe(&decision, started.elapsed());
    decision
}

async fn decide_late(
    engine: &Engine,
    conn: &ConnContext,
    head: &RequestHead<'_>,
    keys: KeyWait,
) -> Decision {
    // Whether the keys came or the time ran out, what is known now decides.
    let _ = tokio::time::timeout(KEY_WAIT_MAX, keys.wait()).await;
    engine.decide_final(head, conn.shared.clock.now())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use http::Request;
    use http::header::AUTHORIZATION;
    use tollgate_engine::Verdict;
    use tollgate_testkit::{Algorithm, SigningKey};

    use super::*;
    use crate::observe::Unobserved;

    const POLICY: &str = "
tollgate: 1
origin: http://127.0.0.1:9
identity:
  issuers:
    - {issuer: https://i, audience: us, algorithms: [EdDSA], jwks: https://i/jwks}
plans: {standard: {limits: [{name: burst, rate: 1/s}]}}
default_plan: standard
";

    /// A connection to a gateway whose issuer's keys nobody has fetched yet.
    fn conn() -> ConnContext {
        ConnContext::under(POLICY, Arc::new(Unobserved))
    }

    fn request(conn: &ConnContext, key: &SigningKey, kid: &str) -> Parts {
        let exp = conn.shared.clock.now().unix_s() + 60;
        let claims = format!(r#"{{"iss":"https://i","aud":"us","sub":"alice","exp":{exp}}}"#);
        let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#);
        let value = |text: &str| text.parse().unwrap();
        let token = key.sign_compact(&value(&header), &value(&claims));
        let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {token}"));
        request.body(()).unwrap().into_parts().0
    }

    fn install(conn: &ConnContext, key: &SigningKey) {
        let jwks = format!(r#"{{"keys":[{}]}}"#, key.jwk());
        let snapshot = conn.shared.engine.snapshot();
        let holder = &snapshot.key_sources()[0].holder;
        holder.install(jwks.as_bytes()).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn case_044_a_request_waits_200_ms_for_keys_and_no_longer() {
        let (conn, key) = (conn(), SigningKey::generate("k", Algorithm::EdDsa));
        let parts = request(&conn, &key, "k");
        let began = tokio::time::Instant::now();
        let decision = decide(&parts, &conn, Instant::now()).await;
        let waited = began.elapsed();
        assert!(matches!(decision.verdict, Verdict::Unavailable), "503");
        // The timer ticks in milliseconds.
        let tick = Duration::from_millis(1);
        assert!(
            waited >= KEY_WAIT_MAX && waited <= KEY_WAIT_MAX + tick,
            "{waited:?}"
        );
        assert_eq!(KEY_WAIT_MAX, Duration::from_millis(200));
    }

    #[tokio::test(start_paused = true)]
    async fn case_044_the_wait_ends_when_the_keys_come_and_holds_up_nobody_else() {
        let (conn, key) = (conn(), SigningKey::generate("k", Algorithm::EdDsa));
        let (known, unknown) = (request(&conn, &key, "k"), request(&conn, &key, "other"));
        let garbage = Request::get("/").header(AUTHORIZATION, "Bearer garbage");
        let garbage = garbage.body(()).unwrap().into_parts().0;
        let began = tokio::time::Instant::now();
        let at_ms = || began.elapsed().as_millis();
        let of = async |parts: &Parts| {
            let decision = decide(parts, &conn, Instant::now()).await;
            (decision.verdict, at_ms())
        };
        let fetch = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            install(&conn, &key);
        };
        // One thread: whoever held it up would hold up all.
        let (known, unknown, garbage, ()) =
            tokio::join!(of(&known), of(&unknown), of(&garbage), fetch);
        assert!(matches!(known, (Verdict::Allow, 50..=52)), "{known:?}");
        let refused = matches!(unknown, (Verdict::Unauthenticated(_), 50..=52));
        assert!(
            refused,
            "401, for the keys are there and lack it: {unknown:?}"
        );
        let at_once = matches!(garbage, (Verdict::Unauthenticated(_), 0));
        assert!(at_once, "needs no key: {garbage:?}");
    }
}
