//! For tests: services under a policy, asked by a real client in memory.

use std::path::Path;
use std::sync::Arc;

use tollgate_engine::limiter::FakeClock;
use tollgate_engine::policy::Policy;
use tollgate_engine::{Engine, EngineOptions};
use tollgate_testkit::{Algorithm, SigningKey};

use crate::Services;
use crate::messages::rate_limit::{
    Code, Entry, RateLimitDescriptor, RateLimitRequest, RateLimitResponse, RateLimitServiceClient,
};

/// A whole minute, 2025-11-24T16:00:00Z.
pub(crate) const NOW_UNIX_S: u64 = 1_764_000_000;

pub(crate) struct Bench {
    pub(crate) services: Services,
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) key: SigningKey,
}

pub(crate) fn policy(rest: &str) -> Policy {
    let text = format!("tollgate: 1\norigin: http://127.0.0.1:9\n{rest}");
    Policy::parse("policy.yaml", &text, Path::new(".")).unwrap_or_else(|found| panic!("{found}"))
}

impl Bench {
    pub(crate) fn new(rest: &str) -> Self {
        let engine = Engine::new(policy(rest), EngineOptions::default()).unwrap();
        let clock = Arc::new(FakeClock::at_unix_ms(NOW_UNIX_S * 1_000));
        Self {
            services: Services::new(Arc::clone(&engine), clock.clone()),
            engine,
            clock,
            key: SigningKey::generate("k", Algorithm::EdDsa),
        }
    }

    /// Gives the first issuer this bench's key.
    pub(crate) fn with_keys(self) -> Self {
        let jwks = format!(r#"{{"keys":[{}]}}"#, self.key.jwk());
        let snapshot = self.engine.snapshot();
        snapshot.key_sources()[0]
            .holder
            .install(jwks.as_bytes())
            .unwrap();
        self
    }

    pub(crate) fn token(&self, subject: &str) -> String {
        let claims = serde_json::json!({
            "iss": "https://i", "aud": "us", "sub": subject, "exp": NOW_UNIX_S + 3_600,
        });
        let header = serde_json::json!({ "alg": "EdDSA", "kid": "k" });
        self.key.sign_compact(&header, &claims)
    }

    pub(crate) async fn try_ask(
        &self,
        request: RateLimitRequest,
    ) -> Result<RateLimitResponse, tonic::Status> {
        let mut client = RateLimitServiceClient::new(self.services.clone());
        client
            .should_rate_limit(request)
            .await
            .map(tonic::Response::into_inner)
    }

    pub(crate) async fn ask(
        &self,
        domain: &str,
        descriptors: &[&[(&str, &str)]],
    ) -> RateLimitResponse {
        self.try_ask(request(domain, descriptors)).await.unwrap()
    }

    /// How many of 20 are `OK`.
    pub(crate) async fn passed(&self, domain: &str, descriptor: &[(&str, &str)]) -> usize {
        let mut passed = 0;
        for _ in 0..20 {
            passed += usize::from(is_ok(&self.ask(domain, &[descriptor]).await));
        }
        passed
    }
}

pub(crate) fn descriptor(entries: &[(&str, &str)]) -> RateLimitDescriptor {
    let entry = |(key, value): &(&str, &str)| Entry {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
    };
    RateLimitDescriptor {
        entries: entries.iter().map(entry).collect(),
        ..RateLimitDescriptor::default()
    }
}

pub(crate) fn request(domain: &str, descriptors: &[&[(&str, &str)]]) -> RateLimitRequest {
    RateLimitRequest {
        domain: domain.to_owned(),
        descriptors: descriptors
            .iter()
            .map(|entries| descriptor(entries))
            .collect(),
        hits_addend: 0,
    }
}

pub(crate) fn is_ok(response: &RateLimitResponse) -> bool {
    response.overall_code == i32::from(Code::Ok)
}
