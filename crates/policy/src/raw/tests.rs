//! `tests`: requests at given times, and what must come of them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::section::section;
use super::values::{
    ClientAddress, LimitName, Moment, PlanName, RequestLine, RouteName, SendLine, ShortText, Units,
    Whole, Word,
};
use crate::expectation::{ExpectedVerdict, TEST_REQUESTS_MAX};
use crate::findings::Findings;
use crate::limit::BURST_MAX;
use crate::node::{At, FromNode, Given, Node, Value};

section! {
    /// A test: either `send`, or `steps`.
    RawTest("a test") {
        /// Its name. Default: `test 1`, `test 2`, …
        name: Option<ShortText>,
        /// Who sends: `{sub: …}` for a verified user, `{anonymous: <address>}` or `anonymous` for a caller without a
        /// token.
        r#as: At<RawCaller>,
        /// `[<count> x] METHOD /path [in <duration>]`: so many requests, spread evenly over the duration, the first at
        /// its beginning.
        send: Option<Given<SendLine>>,
        /// Requests one by one, in the order of time.
        steps: Option<Given<Vec<RawStep>>>,
        /// What must come of all of them together.
        expect: Option<Given<RawTotals>>,
    }
}

section! {
    /// Who sends.
    RawCallerSection("a caller") {
        /// The subject of a verified user.
        sub: Option<ShortText>,
        /// The account of the user. Default: none.
        account: Option<ShortText>,
        /// The plan that the user's token names. Default: none.
        plan: Option<At<PlanName>>,
        /// The issuer of the user's token, or `urn:tollgate:api-key` for one with an API key. Default: the first one
        /// configured.
        issuer: Option<At<ShortText>>,
        /// The address of a caller without a token.
        anonymous: Option<ClientAddress>,
    }
}

section! {
    /// Requests at one moment, or from it on.
    RawStep("a step") {
        /// Time since the test's start. Default: that of the step before, or `0s`.
        at: Option<At<Moment>>,
        /// `METHOD /path`, as sent.
        request: RequestLine,
        /// How many such requests, one after the other, 1 to 100,000. Default: 1.
        times: Option<Whole<1, { TEST_REQUESTS_MAX as u64 }>>,
        /// The time over which they are spread evenly. Default: `0s`, all at once.
        over: Option<Moment>,
        /// What each request costs, 1 to 2^32. Default: the limits' own costs.
        cost: Option<Units>,
        /// Who sends this step. Default: who sends the test.
        r#as: Option<At<RawCaller>>,
        /// What must come of the step's last request.
        expect: Option<RawExpect>,
    }
}

section! {
    /// What must come of a request. What is not written does not matter.
    RawExpect("an expectation") {
        /// `allow`, `limit` (429), `unauthenticated` (401), `bad_request` (400), `forbidden` (403) or `unavailable`
        /// (503).
        verdict: Option<Word<ExpectedVerdict>>,
        /// What is left of `limit`, or the least over all limits consulted; 0 to 2^32.
        remaining: Option<Whole<0, BURST_MAX>>,
        /// When a refused caller may come back, exactly.
        retry_after: Option<Moment>,
        /// The limit that refused, or that `remaining` is about.
        limit: Option<At<LimitName>>,
        /// The route of the request.
        route: Option<At<RouteName>>,
    }
}

section! {
    /// What must come of all requests of a test together.
    RawTotals("totals") {
        /// How many are let through.
        allowed: Option<Whole<0, { TEST_REQUESTS_MAX as u64 }>>,
        /// How many are refused with 429.
        limited: Option<Whole<0, { TEST_REQUESTS_MAX as u64 }>>,
    }
}

/// `anonymous`, or a section.
#[derive(Debug, Clone)]
pub(crate) enum RawCaller {
    Anonymous,
    Section(RawCallerSection),
}

impl FromNode for RawCaller {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text == "anonymous" => Some(RawCaller::Anonymous),
            _ => RawCallerSection::from_node(node, findings).map(RawCaller::Section),
        }
    }
}

impl JsonSchema for RawCaller {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawCaller".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let section = generator.subschema_for::<RawCallerSection>();
        json_schema!({ "anyOf": [{ "const": "anonymous" }, section] })
    }
}
