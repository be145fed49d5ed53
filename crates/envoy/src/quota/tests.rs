//! Streams of real clients in memory: shares, their bounds, and what ends a stream.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::unfold;
use tokio::sync::mpsc;
use tonic::Streaming;

use super::divider::HOLDERS_MAX;
use super::held::{BUCKETS_PER_STREAM_MAX, NAME_BYTES_MAX};
use super::parts::PARTS_MAX;
use crate::messages::proto;
use crate::messages::quota::{
    BucketAction, BucketId, BucketQuotaUsage, RateLimitQuotaResponse, RateLimitQuotaServiceClient,
    RateLimitQuotaUsageReports, bucket_action, rate_limit_strategy,
};
use crate::testing::{Bench, policy};

const POLICY: &str = r#"identity: {anonymous: {plan: anonymous}}
plans:
  anonymous: {limits: [{name: calls, rate: 1/s}]}
  standard: {limits: [{name: calls, rate: 100/s, burst: 200}]}
  paid: {limits: [{name: day, quota: 50/day, on_exceed: block}]}
default_plan: standard
grpc:
  domains:
    edge: {identity: token}
    apis: {identity: verified}
    rules:
      descriptors:
        - {key: tenant, rate_limit: {unit: minute, requests_per_unit: 60}}
        - {key: path, value: "/b*", share_threshold: true, rate_limit: {unit: second, requests_per_unit: 100}}
"#;

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

fn usage(bucket: BucketId, requests: u64, elapsed_s: i64) -> BucketQuotaUsage {
    BucketQuotaUsage {
        bucket_id: Some(bucket),
        time_elapsed: Some(proto::Duration {
            seconds: elapsed_s,
            nanos: 0,
        }),
        num_requests_allowed: requests,
        num_requests_denied: 0,
    }
}

/// So many buckets, of one rule's one rate in the domain `rules`.
fn usages(count: usize) -> Vec<BucketQuotaUsage> {
    let path = |index| format!("/b{index}");
    let one = |index| usage(bucket(&[("path", &path(index))]), 500, 5);
    (0..count).map(one).collect()
}

fn told(action: &BucketAction) -> Told {
    let action = action.bucket_action.unwrap();
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

fn denied(told: &[Told]) -> usize {
    told.iter().filter(|told| **told == Told::DenyAll).count()
}

/// Requests an hour, of all together.
fn shares(told: &[Told]) -> u32 {
    let share = |told: &Told| match told {
        Told::Share(share, _) => *share,
        _ => 0,
    };
    told.iter().map(share).sum()
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
        self.send_all(vec![usage(bucket(entries), requests, elapsed_s)])
            .await;
    }

    async fn send_all(&self, usages: Vec<BucketQuotaUsage>) {
        let reports = RateLimitQuotaUsageReports {
            domain: self.domain.to_owned(),
            bucket_quota_usages: usages,
        };
        self.reports.send(reports).await.unwrap();
    }

    async fn told(&mut self) -> Told {
        let answer = self.answers.next().await.unwrap().unwrap();
        told(&answer.bucket_action[0])
    }

    /// What so many buckets are told, however many messages it takes.
    async fn told_all(&mut self, buckets: usize) -> Vec<Told> {
        let mut all = Vec::new();
        while all.len() < buckets {
            let answer = self.answers.next().await.unwrap().unwrap();
            all.extend(answer.bucket_action.iter().map(told));
        }
        assert_eq!(all.len(), buckets);
        all
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
    let mut moving = Plane::connect(&bench, "apis").await;
    moving.report(ALICE, 1).await;
    moving.domain = "rules";
    moving.send(ALICE, 1, 5).await;
    assert!(moving.error().await.message().contains("one domain"));
    drop((edge, nameless, moving));
    let stats = bench.services.stats();
    assert_eq!(
        (stats.quota_streams.get(), stats.quota_buckets.get()),
        (0, 0)
    );
    assert_eq!(stats.quota_errors.get(), 3);
}

#[tokio::test]
async fn a_bucket_that_cannot_be_held_is_refused_by_itself_and_charged_to_nobody() {
    let bench = Bench::new(POLICY);
    let mut plane = Plane::connect(&bench, "apis").await;
    let paid = [ALICE, &[("plan", "paid")]].concat();
    let long = format!("/{}", "x".repeat(NAME_BYTES_MAX));
    let too_long = [&paid[..3], &[("path", &*long)], &paid[4..]].concat();
    let keys: Vec<String> = (0..33).map(|key| key.to_string()).collect();
    let too_many: Vec<_> = keys.iter().map(|key| (&**key, "x")).collect();
    let without_method = [&ALICE[..2], &ALICE[3..]].concat();
    for entries in [&too_long, &too_many, &Vec::new(), &without_method] {
        assert_eq!(plane.report(entries, 60).await, Told::DenyAll);
    }
    // Nobody asks for it any more.
    assert_eq!(plane.report(&too_long, 0).await, Told::Abandon);
    // The quota is 50: what was refused took nothing of it.
    assert_eq!(plane.report(&paid, 1).await, Told::AllowAll);
    // One bad bucket in a report with a good one.
    let both = vec![usage(bucket(&too_long), 1, 5), usage(bucket(ALICE), 500, 5)];
    plane.send_all(both).await;
    let told = plane.told_all(2).await;
    assert_eq!(told, [Told::DenyAll, Told::Share(360_000, 25)]);
    let stats = bench.services.stats();
    assert_eq!(stats.quota_errors.get(), 5);
    assert_eq!(stats.quota_streams.get(), 1);
}

#[tokio::test]
async fn one_bucket_more_than_there_is_room_for_is_refused_and_the_others_go_on() {
    let bench = Bench::new(POLICY);
    let mut plane = Plane::connect(&bench, "unheard-of").await;
    for _ in 0..2 {
        plane.send_all(usages(BUCKETS_PER_STREAM_MAX + 1)).await;
        let told = plane.told_all(BUCKETS_PER_STREAM_MAX + 1).await;
        assert_eq!(denied(&told), 1);
        assert_eq!(told.last(), Some(&Told::DenyAll));
    }
    let stats = bench.services.stats();
    assert_eq!(stats.quota_errors.get(), 2);
    // All streams together have as many as there may be.
    while stats.quota_buckets.enter(100_000) {}
    let mut other = Plane::connect(&bench, "unheard-of").await;
    assert_eq!(other.report(ALICE, 1).await, Told::DenyAll);
    stats.quota_buckets.leave();
    assert_eq!(other.report(ALICE, 1).await, Told::AllowAll);
}

#[tokio::test]
async fn all_buckets_of_one_rate_in_a_stream_divide_one_share_of_it() {
    let bench = Bench::new(POLICY);
    let mut first = Plane::connect(&bench, "rules").await;
    first.send_all(usages(10_000)).await;
    let told = first.told_all(10_000).await;
    assert_eq!(denied(&told), 10_000 - PARTS_MAX);
    let all = shares(&told);
    assert!((350_000..=360_000).contains(&all), "{all}");
    let mut second = Plane::connect(&bench, "rules").await;
    second.send_all(usages(1)).await;
    let Told::Share(share, _) = second.told().await else {
        panic!("a share");
    };
    assert!(share > 0);
    // The whole stream is told in one message, before it asks.
    let lowered = first.told_all(PARTS_MAX).await;
    assert!(shares(&lowered) + share <= 360_000);
}

#[tokio::test]
async fn a_rate_that_a_reload_lowers_is_told_to_all_at_the_next_report() {
    let bench = Bench::new(POLICY);
    let mut first = Plane::connect(&bench, "apis").await;
    let mut second = Plane::connect(&bench, "apis").await;
    first.report(ALICE, 500).await;
    second.report(ALICE, 500).await;
    assert_eq!(first.told().await, Told::Share(180_000, 12));
    let lower = POLICY.replace("rate: 100/s", "rate: 10/s");
    bench.engine.reload(policy(&lower)).unwrap();
    // It wants no more than it has.
    let Told::Share(share, _) = first.report(ALICE, 10).await else {
        panic!("a share");
    };
    let Told::Share(others, _) = second.told().await else {
        panic!("a share");
    };
    assert!(share + others <= 36_000, "{share} and {others}");
}

#[tokio::test]
async fn a_drain_ends_streams() {
    let bench = Bench::new(POLICY);
    let mut plane = Plane::connect(&bench, "apis").await;
    plane.report(ALICE, 500).await;
    bench.services.health().drain();
    assert!(plane.answers.next().await.is_none());
    assert_eq!(bench.services.stats().quota_streams.get(), 0);
    assert_eq!(bench.services.stats().quota_errors.get(), 0);
}

#[tokio::test]
async fn one_stream_more_than_divide_a_rate_is_refused_its_buckets_until_one_gives_up() {
    let bench = Bench::new(POLICY);
    let mut planes = Vec::new();
    for _ in 0..HOLDERS_MAX {
        let mut plane = Plane::connect(&bench, "apis").await;
        assert_ne!(plane.report(ALICE, 500).await, Told::Abandon);
        planes.push(plane);
    }
    let mut late = Plane::connect(&bench, "apis").await;
    assert_eq!(late.report(ALICE, 500).await, Told::DenyAll);
    assert_eq!(bench.services.stats().quota_errors.get(), 1);
    // It has other rates all the same.
    assert_ne!(late.report(&ALICE[2..], 500).await, Told::DenyAll);
    // One without a request for so long gives its share up.
    let mut gone = planes.pop().unwrap();
    gone.send(ALICE, 0, 3_600).await;
    while gone.told().await != Told::Abandon {}
    assert_ne!(late.report(ALICE, 500).await, Told::DenyAll);
}
