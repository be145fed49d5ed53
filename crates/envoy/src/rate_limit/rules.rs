//! Questions in domains that have rules of their own.

use tollgate_engine::limiter::Now;
use tollgate_engine::policy::{DescriptorMode, WindowUnit};
use tollgate_engine::{Ruled, Ruling};
use tonic::Status;

use super::{decode, encode};
use crate::messages::proto::Duration;
use crate::messages::rate_limit::{
    DescriptorStatus, RateLimit, RateLimitRequest, RateLimitResponse,
};
use crate::services::Shared;

pub(super) fn decide(
    shared: &Shared,
    request: &RateLimitRequest,
) -> Result<RateLimitResponse, Status> {
    let descriptors = decode::descriptors(request)?;
    let now = shared.clock.now();
    let ruling = shared
        .engine
        .decide_descriptors(&request.domain, &descriptors, now)
        .map_err(|error| Status::resource_exhausted(error.to_string()))?;
    let counter = match ruling.admitted {
        true => &shared.stats.rate_limit_ok,
        false => &shared.stats.rate_limit_over_limit,
    };
    counter.one_more();
    Ok(answer(&ruling, now))
}

fn answer(ruling: &Ruling, now: Now) -> RateLimitResponse {
    let mut response = RateLimitResponse {
        overall_code: encode::code(!ruling.admitted),
        statuses: ruling.each.iter().map(|ruled| status(ruled, now)).collect(),
        ..RateLimitResponse::default()
    };
    if !ruling.admitted {
        let waits = ruling.each.iter().filter(|ruled| ruled.refuses());
        // One for which no wait helps makes the whole wait unknown.
        let waits = waits.map(|ruled| ruled.reading.retry_after());
        let wait = waits.reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b)));
        if let Some(wait) = wait.flatten() {
            let seconds = wait.as_secs_ceil().max(1);
            response
                .response_headers_to_add
                .push(encode::header("retry-after", seconds.to_string()));
        }
    }
    response.dynamic_metadata = metadata(ruling);
    response
}

fn status(ruled: &Ruled, now: Now) -> DescriptorStatus {
    let mut status = DescriptorStatus {
        code: encode::code(ruled.refuses()),
        ..DescriptorStatus::default()
    };
    let Some(limit) = &ruled.limit else {
        return status;
    };
    let Some(amount) = limit.amount else {
        // As envoyproxy/ratelimit says of what has no limit.
        status.limit_remaining = u32::MAX;
        return status;
    };
    status.current_limit = Some(RateLimit {
        name: limit.name.as_deref().unwrap_or_default().to_owned(),
        requests_per_unit: amount.requests,
        unit: decode::unit(amount.unit).into(),
    });
    status.limit_remaining = u32::try_from(ruled.reading.remaining).unwrap_or(u32::MAX);
    status.duration_until_reset = Some(until_reset(amount.unit, now));
    status
}

/// Whole seconds until the unit ends, as envoyproxy/ratelimit counts them.
fn until_reset(unit: WindowUnit, now: Now) -> Duration {
    let length_s = u64::from(unit.seconds());
    Duration {
        seconds: i64::try_from(length_s - now.unix_s() % length_s).unwrap_or(0),
        nanos: 0,
    }
}

/// Where rules want it: which descriptors, by their place, are above a limit that does not refuse.
fn metadata(ruling: &Ruling) -> Option<crate::messages::proto::Struct> {
    let is_above = |(place, ruled): (usize, &Ruled)| {
        let limit = ruled.limit.as_ref()?;
        (ruled.is_above && limit.mode == DescriptorMode::Quota).then_some(place)
    };
    let above: Vec<usize> = ruling
        .each
        .iter()
        .enumerate()
        .filter_map(is_above)
        .collect();
    (!above.is_empty()).then(|| encode::places("quotaModeViolations", &above))
}
