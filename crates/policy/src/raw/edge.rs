//! `edge`: bucket ids and passes for limiters outside the process.

use super::identity::RawBudget;
use super::section::section;
use super::values::{CookieName, HeaderName, OffOr, PathText, Period, PlanName, Word};
use crate::edge::CountBy;
use crate::node::At;

section! {
    /// What limiters outside the process are given. Needs `identity.bucket_keys`.
    RawEdge("edge rules") {
        /// Header field with a bucket id. A client's own never reaches the origin. Default: `x-ratelimit-user-id`.
        id_header: Option<At<HeaderName>>,
        /// Whether a forwarded request carries the bucket id of its user and route, for a limiter between the gateway
        /// and the origin. Default: false.
        after: Option<bool>,
        /// Users present their own bucket ids, for a limiter before the gateway.
        before: Option<RawBefore>,
        /// Verified users get a pass, for an edge that can verify HMAC only.
        pass: Option<RawPass>,
    }
}

section! {
    /// How users get their bucket ids and present them.
    RawBefore("rules for ids") {
        /// The path where a user gets its ids, free of charge. Default: `/ratelimit-user-id`.
        path: Option<At<PathText>>,
        /// How often a client network may ask there: a rate, `{rate: …, burst: …}`, or `off`.
        /// Default: `{rate: 5/s, burst: 50}`.
        per_network: Option<OffOr<RawBudget>>,
        /// Cookie that may hold an id instead of the header field. Default: none.
        cookie: Option<At<CookieName>>,
        /// The plan of a user who presents no id. Default: 403.
        without_id: Option<At<PlanName>>,
        /// What the web ACL of `tollgate compile aws --variant before` counts: `id`, or `id_and_address`, by which a
        /// copied id does not use up its user's rate from another address, and a user has the rate at each of its
        /// addresses. Default: `id`.
        count_by: Option<Word<CountBy>>,
    }
}

section! {
    /// The edge pass: an HS256 token of the gateway's own, signed with the current key of `identity.bucket_keys`.
    RawPass("a pass") {
        /// Header field of answers and requests, or `off`. Default: `x-tollgate-pass`.
        header: Option<OffOr<At<HeaderName>>>,
        /// Cookie of answers and requests. Default: none.
        cookie: Option<At<CookieName>>,
        /// How long a pass is valid, 30 s to 24 h, and never longer than the token that proved the user.
        /// Default: `5min`.
        lifetime: Option<At<Period>>,
    }
}
