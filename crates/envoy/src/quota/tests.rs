//! Streams of real clients in memory: shares, their bounds, and what ends a stream.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::unfold;
use tokio::sync::mpsc;
use tonic::Streaming;

use crate::messages::proto;
use crate::messages::quota::{
    BucketId, BucketQuotaUsage, RateLimitQuotaResponse, RateLimitQuotaServiceClient,
    RateLimitQuotaUsageReports, bucket_action, rate_limit_strategy,
};
use crate::testing::Bench;

const POLICY: &str = "identity: {anonymous: {plan: anonymous}}
plans:
  anonymous: {limits: [{name: calls, rate: 1/s}]}
  standard: {limits: [{name: calls, rate: 100/s, burst: 200}]}
  paid: {limits: [{name: day, quota: 50/day, on_exceed: block}]}
default_plan: standard
grpc:
  domains:
    edge: {identity: token}
    apis: {identity: verified}
    rules: {descriptors: [{key: tenant, rate_limit: {unit: minute, requests_per_unit: 60}}]}
";

const ALICE: &[(&str, &str)] = &[
    ("issuer", "https://i"),
    ("subject", "alice"),
    ("method", "GET"),
    ("path", "/a"),
];

/// One data plane.
struct Plane {
    reports: mpsc::Sender<RateLimitQuotaUsageReports>,
    answers: Streaming<RateLimitQuotaResponse>,
    domain: &'static str,
}

/// What it was told.
#[derive(Debug, PartialEq)]
enum Told {
    AllowAll,
    DenyAll,
    /// Requests an hour, and at once.
    Share(u32, u32),
    Abandon,
}

fn bucket(entries: &[(&str, &str)]) -> BucketId {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    BucketId {
        bucket: entries.iter().map(owned).collect::<HashMap<_, _>>(),
    }
}

impl Plane {
    async fn connect(bench: &Bench, domain: &'static str) -> Self {
        let (reports, queue) = mpsc::channel(16);
        let mut client = RateLimitQuotaServiceClient::new(bench.services.clone());
        let queue = unfold(queue, |mut queue: mpsc::Receiver<_>| async move {
            queue.recv().await.map(|report| (report, queue))
        });
        let answers = client.stream_rate_limit_quotas(queue).await.unwrap();
        Self {
            reports,
            answers: answers.into_inner(),
            domain,
        }
    }

    async fn send(&self, entries: &[(&str, &str)], requests: u64, elapsed_s: i64) {
        let usage = BucketQuotaUsage {
            bucket_id: Some(bucket(entries)),
            time_elapsed: Some(proto::Duration {
                seconds: elapsed_s,
                nanos: 0,
            }),
            num_requests_allowed: requests,
            num_requests_denied: 0,
        };
        let reports = RateLimitQuotaUsageReports {
            domain: self.domain.to_owned(),
            bucket_quota_usages: vec![usage],
        };
        self.reports.send(reports).await.unwrap();
    }

    async fn told(&mut self) -> Told {
        let answer = self.answers.next().await.unwrap().unwrap();
        let action = answer.bucket_action[0].bucket_action.unwrap();
        let bucket_action::BucketAction::QuotaAssignmentAction(assigned) = action else {
            return Told::Abandon;
        };
        assert!(assigned.assignment_time_to_live.unwrap().seconds >= 15);
        match assigned.rate_limit_strategy.unwrap().strategy.unwrap() {
            rate_limit_strategy::Strategy::BlanketRule(0) => Told::AllowAll,
            rate_limit_strategy::Strategy::BlanketRule(_) => Told::DenyAll,
            rate_limit_strategy::Strategy::TokenBucket(bucket) => {
                Told::Share(bucket.tokens_per_fill.unwrap().value, bucket.max_tokens)
            }
            other => panic!("{other:?}"),
        }
    }

    async fn report(&mut self, entries: &[(&str, &str)], requests: u64) -> Told {
        self.send(entries, requests, 5).await;
        self.told().await
    }

    async fn error(&mut self) -> tonic::Status {
        self.answers.next().await.unwrap().unwrap_err()
    }
}

#[tokio::test]
async fn the_streams_of_one_user_divide_its_rate() {
    let bench = Bench::new(POLICY);
    let mut first = Plane::connect(&bench, "apis").await;
    assert_eq!(first.report(ALICE, 500).await, Told::Share(360_000, 25));
    let mut second = Plane::connect(&bench, "apis").await;
    assert_eq!(second.report(ALICE, 500).await, Told::Share(180_000, 12));
    // The first is told before it asks, and asks in vain for more.
    assert_eq!(first.told().await, Told::Share(180_000, 12));
    assert_eq!(first.report(ALICE, 500).await, Told::Share(180_000, 12));
    let bob: Vec<_> = ALICE
        .iter()
        .map(|entry| match *entry {
            ("subject", _) => ("subject", "bob"),
            other => other,
        })
        .collect();
    assert_eq!(second.report(&bob, 500).await, Told::Share(360_000, 25));
    let stats = bench.services.stats();
    assert_eq!(
        (stats.quota_streams.get(), stats.quota_buckets.get()),
        (2, 3)
    );
    assert_eq!(stats.quota_reports.get(), 4);
}

#[tokio::test]
async fn a_stream_that_ends_keeps_its_share_from_others_until_its_time_is_over() {
    let bench = Bench::new(POLICY);
    let (mut first, mut second) = (
        Plane::connect(&bench, "apis").await,
        Plane::connect(&bench, "apis").await,
    );
    first.report(ALICE, 500).await;
    second.report(ALICE, 500).await;
    drop(first);
    while bench.services.stats().quota_streams.get() > 1 {
        tokio::task::yield_now().await;
    }
    bench.clock.advance(Duration::from_secs(14));
    assert_eq!(second.report(ALICE, 500).await, Told::Share(180_000, 12));
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(second.report(ALICE, 500).await, Told::Share(360_000, 25));
}

#[tokio::test]
async fn rules_quotas_and_strangers_are_assigned_what_holds_for_them() {
    let bench = Bench::new(POLICY);
    let mut rules = Plane::connect(&bench, "rules").await;
    assert_eq!(
        rules.report(&[("tenant", "t")], 9).await,
        Told::Share(3_600, 1)
    );
    assert_eq!(rules.report(&[("other", "t")], 9).await, Told::AllowAll);
    let mut unknown = Plane::connect(&bench, "unheard-of").await;
    assert_eq!(unknown.report(&[("a", "b")], 9).await, Told::AllowAll);
    let mut apis = Plane::connect(&bench, "apis").await;
    let paid = [ALICE, &[("plan", "paid")]].concat();
    assert_eq!(apis.report(&paid, 49).await, Told::AllowAll);
    assert_eq!(
        apis.report(&paid, 3).await,
        Told::DenyAll,
        "the quota is used up"
    );
    let strange = [&ALICE[..3], &[("path", "/%2e%2e%2f")]].concat();
    assert_eq!(apis.report(&strange, 1).await, Told::DenyAll);
}

#[tokio::test]
async fn a_bucket_without_requests_is_abandoned() {
    let bench = Bench::new(POLICY);
    let mut plane = Plane::connect(&bench, "apis").await;
    plane.report(ALICE, 500).await;
    plane.send(ALICE, 0, 100).await;
    assert!(matches!(plane.told().await, Told::Share(..)));
    plane.send(ALICE, 0, 20).await;
    assert_eq!(plane.told().await, Told::Abandon);
    let stats = bench.services.stats();
    assert_eq!(
        (stats.quota_buckets.get(), stats.quota_abandoned.get()),
        (0, 1)
    );
    let mut other = Plane::connect(&bench, "apis").await;
    assert_eq!(other.report(ALICE, 1).await, Told::Share(360_000, 25));
}

#[tokio::test]
async fn what_a_stream_may_not_say_ends_it() {
    let bench = Bench::new(POLICY);
    let mut edge = Plane::connect(&bench, "edge").await;
    edge.send(&[("token", "x")], 1, 5).await;
    assert!(edge.error().await.message().contains("identity: verified"));
    let mut nameless = Plane::connect(&bench, "").await;
    nameless.send(ALICE, 1, 5).await;
    assert!(nameless.error().await.message().contains("no domain"));
    let mut empty = Plane::connect(&bench, "apis").await;
    empty.send(&[], 1, 5).await;
    assert!(empty.error().await.message().contains("1 to 32 entries"));
    let mut moving = Plane::connect(&bench, "apis").await;
    moving.report(ALICE, 1).await;
    moving.domain = "rules";
    moving.send(ALICE, 1, 5).await;
    assert!(moving.error().await.message().contains("one domain"));
    drop((edge, nameless, empty, moving));
    let stats = bench.services.stats();
    assert_eq!(
        (stats.quota_streams.get(), stats.quota_buckets.get()),
        (0, 0)
    );
    assert_eq!(stats.quota_errors.get(), 4);
}
