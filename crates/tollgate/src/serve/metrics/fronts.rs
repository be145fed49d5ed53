//! What other proxies asked: counters of the check endpoint and of the services for Envoy.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;
use tollgate_envoy::Stats;
use tollgate_tower::CheckService;

use super::super::fronts::Services;
use super::{counter, family, gauge};

/// Writes the counters of the services that there are.
pub(super) fn encode(services: &Services, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    if let Some(service) = &services.check {
        check(service, encoder)?;
    }
    if let Some(service) = &services.grpc {
        grpc(service.stats(), encoder)?;
    }
    Ok(())
}

fn check(check: &CheckService, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let stats = check.stats();
    let rows = stats.verdicts().map(|(dialect, verdict, count)| {
        let labels = vec![
            ("dialect", dialect.as_str().to_owned()),
            ("verdict", verdict.verdict().to_owned()),
            ("mode", verdict.mode().to_owned()),
        ];
        (labels, count)
    });
    family(
        encoder,
        "tollgate_check_verdicts",
        "Questions of other proxies and programs, by dialect and verdict",
        rows,
    )?;
    let row = |reason: &str, count| (vec![("reason", reason.to_owned())], count);
    family(
        encoder,
        "tollgate_check_refused",
        "Questions that were not decided: of peers that are not trusted, or about no clear request",
        [
            row("untrusted", stats.untrusted()),
            row("unclear", stats.unclear()),
        ],
    )?;
    counter(
        encoder,
        "tollgate_decide_expired",
        "Requests of the decision API whose end nobody told in time",
        stats.expired(),
    )?;
    gauge(
        encoder,
        "tollgate_decide_held",
        "Requests of the decision API whose end nobody has told yet",
        u64::try_from(check.held()).unwrap_or(u64::MAX),
    )
}

fn grpc(stats: &Stats, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let row = |result: &str, count| (vec![("result", result.to_owned())], count);
    family(
        encoder,
        "tollgate_rls_questions",
        "Questions of the global rate limit service, by what they were answered",
        [
            row("ok", stats.rate_limit_ok.get()),
            row("over_limit", stats.rate_limit_over_limit.get()),
            row("unauthenticated", stats.rate_limit_unauthenticated.get()),
            row("unavailable", stats.rate_limit_unavailable.get()),
            row("refused", stats.rate_limit_refused.get()),
            row("error", stats.rate_limit_errors.get()),
        ],
    )?;
    counter(
        encoder,
        "tollgate_rls_unknown_domain",
        "Questions of the global rate limit service that were answered OK since the policy has no such domain",
        stats.rate_limit_unknown_domain.get(),
    )?;
    counter(
        encoder,
        "tollgate_rls_unidentified",
        "Questions with a credential whose caller was taken for anonymous, as the policy says",
        stats.rate_limit_unidentified.get(),
    )?;
    family(
        encoder,
        "tollgate_ext_authz_questions",
        "Questions of external authorization, by what they were answered",
        [
            row("ok", stats.authz_ok.get()),
            row("limited", stats.authz_limited.get()),
            row("unauthenticated", stats.authz_unauthenticated.get()),
            row("unavailable", stats.authz_unavailable.get()),
            row("refused", stats.authz_refused.get()),
            row("error", stats.authz_errors.get()),
        ],
    )?;
    gauge(
        encoder,
        "tollgate_rlqs_streams",
        "Streams of the quota service under way",
        stats.quota_streams.get(),
    )?;
    gauge(
        encoder,
        "tollgate_rlqs_buckets",
        "Buckets that streams of the quota service have",
        stats.quota_buckets.get(),
    )?;
    let row = |event: &str, count| (vec![("event", event.to_owned())], count);
    family(
        encoder,
        "tollgate_rlqs_events",
        "What went over streams of the quota service",
        [
            row("report", stats.quota_reports.get()),
            row("assignment", stats.quota_assignments.get()),
            row("abandon", stats.quota_abandoned.get()),
            row("error", stats.quota_errors.get()),
        ],
    )
}
