//! What goes through the gateway: how much of late, on which routes, by whom.

use serde::Serialize;
use utoipa::ToSchema;

/// Traffic of this process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Traffic {
    /// Requests by time, the oldest first: each entry since the one before it.
    pub series: Vec<TrafficPoint>,
    /// Until when `routes` and `callers` are known, in milliseconds since 1970: while a store is away they are not
    /// those of now.
    #[schema(example = 1_796_083_200_000_u64)]
    pub as_of_ms: u64,
    /// Of how many seconds until now `routes` and `callers` are.
    #[schema(example = 60)]
    pub window_s: u64,
    /// Routes, those with the most limited requests first, then those with the most.
    pub routes: Vec<RouteTraffic>,
    /// Callers on a route, likewise; anonymous callers of one route are one.
    pub callers: Vec<CallerTraffic>,
}

/// Requests within a while.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct TrafficPoint {
    /// Its end, in milliseconds since 1970.
    #[schema(example = 1_796_083_200_000_u64)]
    pub at_ms: u64,
    /// Its length in milliseconds.
    #[schema(example = 10_000)]
    pub length_ms: u64,
    /// Let through.
    pub admitted: u64,
    /// Refused by a limit.
    pub limited: u64,
    /// Refused for another reason: no valid credential, say.
    pub refused: u64,
}

/// Requests on one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RouteTraffic {
    /// The route; `*` where no template matches.
    #[schema(example = "GET /orders/{order_id}")]
    pub route: String,
    /// Let through.
    pub admitted: u64,
    /// Refused by a limit.
    pub limited: u64,
}

/// Requests of one caller on one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallerTraffic {
    /// Who vouches for the caller; none for anonymous ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://login.example.com")]
    pub issuer: Option<String>,
    /// Its subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "alice")]
    pub subject: Option<String>,
    /// Its account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "acme")]
    pub account: Option<String>,
    /// The plan that its credential names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "pro")]
    pub plan_claim: Option<String>,
    /// The plan that was in force.
    #[schema(example = "free")]
    pub plan: String,
    /// The route.
    #[schema(example = "GET /orders/{order_id}")]
    pub route: String,
    /// Let through.
    pub admitted: u64,
    /// Refused by a limit.
    pub limited: u64,
}
