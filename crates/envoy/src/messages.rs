//! Envoy's messages: all that this crate takes of `envoy-types`, in one place.

/// `google.protobuf` values in messages.
pub mod proto {
    pub use envoy_types::pb::google::protobuf::{
        Duration, ListValue, Struct, UInt32Value, UInt64Value, Value, value::Kind,
    };
}

/// External authorization: `envoy.service.auth.v3`.
pub mod authz {
    pub use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
    pub use envoy_types::pb::envoy::config::core::v3::{
        Address, HeaderMap, HeaderValue, HeaderValueOption, SocketAddress, address,
    };
    pub use envoy_types::pb::envoy::service::auth::v3::attribute_context::{
        HttpRequest, Peer, Request,
    };
    pub use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
    pub use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
    pub use envoy_types::pb::envoy::service::auth::v3::{
        AttributeContext, CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse,
    };
    pub use envoy_types::pb::envoy::r#type::v3::HttpStatus;
    pub use envoy_types::pb::google::protobuf::BoolValue;
    pub use envoy_types::pb::google::rpc::Status;

    /// Where it is called.
    pub const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";
}

/// The global rate limit service: `envoy.service.ratelimit.v3`.
pub mod rate_limit {
    pub use envoy_types::pb::envoy::config::core::v3::HeaderValue;
    pub use envoy_types::pb::envoy::extensions::common::ratelimit::v3::RateLimitDescriptor;
    pub use envoy_types::pb::envoy::extensions::common::ratelimit::v3::rate_limit_descriptor::{
        Entry, RateLimitOverride,
    };
    pub use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_response::{
        Code, DescriptorStatus, RateLimit, rate_limit::Unit,
    };
    pub use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_service_client::RateLimitServiceClient;
    pub use envoy_types::pb::envoy::service::ratelimit::v3::{RateLimitRequest, RateLimitResponse};

    /// Where it is called.
    pub const PATH: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
}

/// The quota service: `envoy.service.rate_limit_quota.v3`.
pub mod quota {
    pub use envoy_types::pb::envoy::service::rate_limit_quota::v3::rate_limit_quota_response::{
        BucketAction, bucket_action,
    };
    pub use envoy_types::pb::envoy::service::rate_limit_quota::v3::rate_limit_quota_service_client::RateLimitQuotaServiceClient;
    pub use envoy_types::pb::envoy::service::rate_limit_quota::v3::rate_limit_quota_service_server::{
        RateLimitQuotaService, RateLimitQuotaServiceServer,
    };
    pub use envoy_types::pb::envoy::service::rate_limit_quota::v3::rate_limit_quota_usage_reports::BucketQuotaUsage;
    pub use envoy_types::pb::envoy::service::rate_limit_quota::v3::{
        BucketId, RateLimitQuotaResponse, RateLimitQuotaUsageReports,
    };
    pub use envoy_types::pb::envoy::r#type::v3::{
        RateLimitStrategy, TokenBucket, rate_limit_strategy,
    };

    /// Where it is called.
    pub const PATH: &str =
        "/envoy.service.rate_limit_quota.v3.RateLimitQuotaService/StreamRateLimitQuotas";
}
