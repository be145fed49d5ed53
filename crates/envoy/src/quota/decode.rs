//! Reports to what the engine divides.

use std::net::IpAddr;
use std::time::Duration;

use smallvec::SmallVec;
use tollgate_engine::policy::AskedIdentity;
use tollgate_engine::{Descriptor, Divisible, DomainMeaning};
use tonic::Status;

use crate::messages::proto;
use crate::messages::quota::{BucketId, BucketQuotaUsage};
use crate::messages::rate_limit::{Entry, RateLimitDescriptor};
use crate::question::{Misread, Question};
use crate::services::Shared;

/// The longest that a report may speak of: a stream was away for so long, or its clock is wrong.
const ELAPSED_MAX: Duration = Duration::from_secs(3_600);

/// A report of one bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    pub(super) elapsed: Duration,
    pub(super) allowed: u64,
    pub(super) denied: u64,
}

impl Usage {
    pub(super) fn of(report: &BucketQuotaUsage) -> Self {
        let elapsed = report.time_elapsed.as_ref().map_or(Duration::ZERO, span);
        Self {
            elapsed: elapsed.min(ELAPSED_MAX),
            allowed: report.num_requests_allowed,
            denied: report.num_requests_denied,
        }
    }

    /// Requests that wanted to pass.
    pub(super) fn requests(&self) -> u64 {
        self.allowed.saturating_add(self.denied)
    }

    /// Requests a second, in millionths, that wanted to pass. The time is in whole seconds, rounded down
    /// by Envoy: less than one counts as one.
    pub(super) fn demand(&self) -> u64 {
        let requests = u128::from(self.allowed) + u128::from(self.denied);
        let micro = requests * 1_000_000_000 / self.elapsed.as_millis().max(1_000);
        u64::try_from(micro).unwrap_or(u64::MAX)
    }
}

fn span(span: &proto::Duration) -> Duration {
    Duration::from_secs(u64::try_from(span.seconds).unwrap_or(0))
}

/// Why nothing of a bucket can be divided.
#[derive(Debug)]
pub(super) enum Unfit {
    /// The domain is none for quotas: there is nothing that the stream could say.
    Domain(Status),
    /// The bucket is none that the domain can have. Its name may hold what a client wrote.
    Bucket,
}

/// What of a bucket may be divided, after its usage was charged.
///
/// # Errors
/// A domain, or a bucket of it, that has no quotas; nothing was charged.
pub(super) fn divisible(
    shared: &Shared,
    domain: &str,
    bucket: &BucketId,
    usage: Usage,
    peer: IpAddr,
) -> Result<Divisible, Unfit> {
    let engine = &shared.engine;
    match engine.snapshot().meaning_of(domain) {
        DomainMeaning::Unknown => Ok(Divisible::Everything),
        DomainMeaning::Rules => {
            let mut entries: SmallVec<[(&str, &str); 4]> = bucket
                .bucket
                .iter()
                .map(|(key, value)| (&**key, &**value))
                .collect();
            // A map has no order: rules for several entries are found by the order of their keys.
            entries.sort_unstable();
            let descriptor = Descriptor {
                entries,
                ..Descriptor::default()
            };
            Ok(engine.divisible_descriptor(domain, &descriptor))
        }
        DomainMeaning::Policy(AskedIdentity::Token) => {
            Err(Unfit::Domain(Status::invalid_argument(
                "quotas are for domains with `identity: verified` or with rules: a token would be a \
                 bucket's name",
            )))
        }
        DomainMeaning::Policy(identity @ AskedIdentity::Verified) => {
            let entries = bucket.bucket.iter();
            let descriptor = RateLimitDescriptor {
                entries: entries
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        value: value.clone(),
                    })
                    .collect(),
                ..RateLimitDescriptor::default()
            };
            let question = match Question::read(&descriptor, 1, identity, engine) {
                Ok(question) => question,
                Err(Misread::Configuration(_)) => return Err(Unfit::Bucket),
                Err(Misread::Request) => return Ok(Divisible::Nothing),
            };
            let (head, asked) = (question.head(peer), question.asked());
            let now = shared.clock.now();
            Ok(engine.divisible(&head, asked, usage.allowed, now))
        }
    }
}
