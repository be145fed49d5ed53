//! Envoy's messages: all that this crate takes of `envoy-types`, in one place.

/// The global rate limit service: `envoy.service.ratelimit.v3`.
pub mod rate_limit {
    pub use envoy_types::pb::envoy::service::ratelimit::v3::{RateLimitRequest, RateLimitResponse};
}

/// The quota service: `envoy.service.rate_limit_quota.v3`.
pub mod quota {
    pub use envoy_types::pb::envoy::service::rate_limit_quota::v3::{
        RateLimitQuotaResponse, RateLimitQuotaUsageReports,
    };
}
