//! `plans` and their limits.

use super::section::section;
use super::values::{
    ClassName, HeaderValue, LimitName, OnExceedWord, Percent, QuotaText, RateText, RouteName,
    ShortText, Units, WebUrl, Whole, Word, ZoneName,
};
use crate::findings::Findings;
use crate::limit::{Across, Mode, OnChange, Per};
use crate::node::{At, FromNode, Given, Named, Node, Value, wrong_kind};
use crate::raw::values::route_name;

section! {
    /// A plan: a named set of limits, and what its callers are told.
    RawPlan("a plan") {
        /// Limit class: 1 to 8 of `a-z0-9`, the beginning of its callers' bucket ids, one for each plan.
        /// Default: the first eight such letters of the plan's name, in lower case.
        class: Option<At<ClassName>>,
        /// The mode of all its limits, where the policy's is not less strict. Default: `enforce`.
        mode: Option<Word<Mode>>,
        /// Limits on every route, at most 16. Default: none.
        limits: Option<Vec<RawLimit>>,
        /// Limits on single routes, by `METHOD /template` (or `*` for what no template matches). A route's limit
        /// replaces the plan's limit of the same name; others are added.
        routes: Option<RouteLimits>,
        /// Where a customer can buy more, told in the 429 answer. Default: none.
        upgrade_url: Option<WebUrl>,
        /// Text told in the 429 answer. Default: a sentence that names the limit.
        message: Option<ShortText>,
        /// Extra header fields of the 429 answer. Default: none.
        headers: Option<Named<HeaderValue>>,
    }
}

section! {
    /// A limit: one of `rate` (with a burst), `window`, `quota` and `concurrency`.
    RawLimit("a limit") {
        /// Its name: 1 to 64 letters, digits, `_`, `-`, `.`; unique in its list.
        name: At<LimitName>,
        /// `<count>/<period>`, for example `100/s`, `5/min`, `1/10min`: from one in 366 days to 10,000,000 per second.
        rate: Option<Given<At<RateText>>>,
        /// How much may come at once, 1 to 2^32; with `rate`. Default: the count of the rate.
        burst: Option<At<Units>>,
        /// `<count>/<period>`, for example `100/10s`: as many in about any span of that length, estimated from two
        /// counters. 1 s to 366 days; at most 65,536 for a second, 262,144 for a minute, 2,097,152 for an hour,
        /// 16,777,216 for a day.
        window: Option<Given<At<RateText>>>,
        /// `<count>/<period>` with `minute`, `hour`, `day`, `week` or `month`, for example `50000/month`: as many in
        /// each period of the calendar, 1 to 2^32.
        quota: Option<Given<At<QuotaText>>>,
        /// Whose midnight ends the periods of a `quota`, for example `Europe/Berlin`. Default: `UTC`.
        time_zone: Option<At<ZoneName>>,
        /// The day of the month on which months of a `quota` begin, 1 to 31; in shorter months, the last. Default: 1.
        billing_day: Option<At<Whole<1, 31>>>,
        /// What happens beyond a `quota`: `notify` (goes on serving, and tells), `throttle` (goes on at the rate
        /// `throttle`) or `block` (429). Default: `notify`.
        on_exceed: Option<At<Word<OnExceedWord>>>,
        /// The rate beyond a `quota` with `on_exceed: throttle`, `<count>/<period>`; as many may come at once.
        throttle: Option<At<RateText>>,
        /// How much beyond a `quota` is served before it throttles or blocks, in percent of it, to `100%`.
        /// Default: `0%`.
        grace: Option<At<Percent>>,
        /// At which shares of a `quota` somebody is told, to `1000%`, at most 16. Default: `[75%, 90%, 100%]` for days,
        /// weeks and months, none for shorter ones.
        notify_at: Option<Vec<At<Percent>>>,
        /// The most that one user may use of a `quota` that is `per: account`, in percent, so that nobody uses up
        /// everybody's. Default: all of it.
        user_share: Option<At<Percent>>,
        /// How many requests may be under way at once, 1 to 2^32.
        concurrency: Option<Given<At<Units>>>,
        /// Whose requests share a bucket: `user` (an anonymous caller counts by its network), `account`, `network` or
        /// `global`. Default: `user`.
        per: Option<Word<Per>>,
        /// `each_route` for a bucket of its own on each route, `all_routes` for one bucket together.
        /// Default: `each_route`.
        across: Option<Word<Across>>,
        /// `enforce`, `shadow` (counts, never refuses) or `off`, where plan and policy are not less strict.
        /// Default: `enforce`.
        mode: Option<Word<Mode>>,
        /// What one request costs, 1 to the burst, window, quota or concurrency. Default: 1.
        cost: Option<At<Units>>,
        /// What becomes of what was spent when the limit changes, by a reload or another plan: `keep` (the same
        /// share), `as_is` (the same number) or `reset` (nothing). Another kind of limit has a bucket of its own.
        /// Default: `keep`.
        on_change: Option<Word<OnChange>>,
    }
}

/// Limits by the routes they are for.
#[derive(Debug, Clone)]
pub(crate) struct RouteLimits(pub(crate) Vec<(At<RouteName>, Vec<RawLimit>)>);

impl FromNode for RouteLimits {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            wrong_kind(node, "a section of routes with their limits", findings);
            return None;
        };
        let mut list = Vec::new();
        for (key, value) in entries {
            let limits = Vec::from_node(value, findings);
            match route_name(&key.value) {
                Ok(name) => list.push((
                    At {
                        span: key.span,
                        value: RouteName(name),
                    },
                    limits.unwrap_or_default(),
                )),
                Err(problem) => findings.push(problem.at(key.span)),
            }
        }
        Some(RouteLimits(list))
    }
}

impl schemars::JsonSchema for RouteLimits {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RouteLimits".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let limits = generator.subschema_for::<Vec<RawLimit>>();
        schemars::json_schema!({ "type": "object", "additionalProperties": limits })
    }
}
