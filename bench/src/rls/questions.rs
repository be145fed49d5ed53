//! What is asked: one question for each user and path, encoded as it is sent.

use envoy_types::pb::envoy::extensions::common::ratelimit::v3::RateLimitDescriptor;
use envoy_types::pb::envoy::extensions::common::ratelimit::v3::rate_limit_descriptor::Entry;
use envoy_types::pb::envoy::service::ratelimit::v3::RateLimitRequest;
use prost::Message;

use crate::configs::{APIS, ONCE, RULES};
use crate::load::{ISSUER, PATHS, USERS};

/// What descriptors are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Questions {
    /// Subject and path, which a rule of the domain's own counts.
    Rules,
    /// A request of a caller whom Envoy has verified, as `docs/integrations/envoy/rls.yaml` describes it.
    Policy,
}

// === impl Questions ===

impl Questions {
    /// One for each user and path, with the five bytes before that gRPC has.
    pub(crate) fn encoded(self) -> Vec<Vec<u8>> {
        let users = (0..USERS).map(|user| format!("user_{user:04}"));
        let pairs = users.flat_map(|user| PATHS.map(|path| (user.clone(), path)));
        let questions = pairs.map(|(user, path)| framed(&self.about(&user, path)));
        questions.collect()
    }

    /// A question within the limits.
    pub(crate) fn about(self, subject: &str, path: &str) -> RateLimitRequest {
        match self {
            Questions::Rules => question(RULES, &[("subject", subject), ("path", path)]),
            Questions::Policy => question(APIS, &requested(subject, path)),
        }
    }

    /// A question that is answered with OK once.
    pub(crate) fn about_spent(self) -> RateLimitRequest {
        let (subject, path) = ("spender", PATHS[0]);
        match self {
            Questions::Rules => question(ONCE, &[("subject", subject), ("path", path)]),
            Questions::Policy => {
                let plan = ("plan", ONCE);
                question(APIS, &[&requested(subject, path)[..], &[plan]].concat())
            }
        }
    }
}

fn requested<'a>(subject: &'a str, path: &'a str) -> [(&'static str, &'a str); 5] {
    [
        ("issuer", ISSUER),
        ("subject", subject),
        ("method", "GET"),
        ("path", path),
        ("remote_address", "192.0.2.7"),
    ]
}

fn question(domain: &str, entries: &[(&str, &str)]) -> RateLimitRequest {
    let entries = entries.iter().map(|(key, value)| Entry {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
    });
    let descriptor = RateLimitDescriptor {
        entries: entries.collect(),
        ..RateLimitDescriptor::default()
    };
    RateLimitRequest {
        domain: domain.to_owned(),
        descriptors: vec![descriptor],
        hits_addend: 0,
    }
}

/// A message after a flag (0: as it is) and its length (gRPC over HTTP/2, "Length-Prefixed-Message").
fn framed(message: &RateLimitRequest) -> Vec<u8> {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut framed = vec![0];
    framed.extend(length.to_be_bytes());
    framed.extend(message);
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_asks_for_each_path() {
        for questions in [Questions::Rules, Questions::Policy] {
            let mut encoded = questions.encoded();
            let first = RateLimitRequest::decode(&encoded[0][5..]).unwrap();
            assert_eq!(first, questions.about("user_0000", PATHS[0]));
            encoded.sort_unstable();
            encoded.dedup();
            assert_eq!(encoded.len(), USERS * PATHS.len());
        }
    }
}
