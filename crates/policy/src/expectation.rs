//! The policy's own tests: requests at given times, and what must come of them.
//!
//! They are parsed here and run by the engine, with a clock of their own.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// Requests that one test may send.
pub const TEST_REQUESTS_MAX: u32 = 100_000;

/// One entry of `tests`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyTest {
    /// Its name; `test 1`, `test 2`, … where none is given.
    pub name: String,
    /// Who sends, where a step does not say otherwise.
    pub caller: TestCaller,
    /// What is sent, in the order of time.
    pub steps: Vec<TestStep>,
    /// What must come of all steps together.
    pub expect_total: Option<Totals>,
    /// Line in the policy file, from 1.
    pub line: usize,
}

/// Who sends a test's requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestCaller {
    /// A user whose token was verified.
    User {
        /// The subject.
        sub: String,
        /// The account.
        account: Option<String>,
        /// The plan claim.
        plan: Option<String>,
        /// The issuer; the first one configured unless given.
        issuer: Option<String>,
    },
    /// A caller without a token.
    Anonymous {
        /// Its address; any unless given.
        ip: Option<IpAddr>,
    },
}

/// How many requests were let through and refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Let through, if it matters.
    pub allowed: Option<u64>,
    /// Refused with 429, if it matters.
    pub limited: Option<u64>,
}

/// Some requests, at one moment or spread over a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestStep {
    /// Time of the first request, since the test's start.
    pub at: Duration,
    /// The time that the requests are spread over; zero for all at one moment.
    pub over: Duration,
    /// How many requests, one after the other; at least 1.
    pub count: u32,
    /// The method as sent.
    pub method: String,
    /// The path as sent, without the query.
    pub path: String,
    /// The query as sent, without its question mark.
    pub query: Option<String>,
    /// What each request costs, where it is not the limits' own cost.
    pub cost: Option<u64>,
    /// Who sends this step, where it is not the test's caller.
    pub caller: Option<TestCaller>,
    /// What must come of the last request of the step.
    pub expect: Option<TestExpect>,
    /// Line in the policy file, from 1.
    pub line: usize,
}

/// What must come of a request; what is `None` does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestExpect {
    /// The verdict.
    pub verdict: Option<ExpectedVerdict>,
    /// What is left: the least over the limits consulted, or of `limit` where that is given.
    pub remaining: Option<u64>,
    /// When a refused caller may come back, exactly.
    pub retry_after: Option<Duration>,
    /// The limit that refused, or that `remaining` is about.
    pub limit: Option<String>,
    /// The route, as the table displays it.
    pub route: Option<String>,
}

/// A verdict as a test names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedVerdict {
    /// Let through.
    Allow,
    /// 429.
    Limit,
    /// 401.
    Unauthenticated,
    /// 400.
    BadRequest,
    /// 403.
    Forbidden,
    /// 503.
    Unavailable,
}

impl TestStep {
    /// When request `number` (from 0) of the step is sent: the first at `at`, each further one
    /// `over / count` later, so that `60 x … in 1min` is one a second.
    #[must_use]
    pub fn time_of(&self, number: u32) -> Duration {
        let nanos = self.over.as_nanos() * u128::from(number) / u128::from(self.count.max(1));
        self.at + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl ExpectedVerdict {
    /// The word of the policy file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ExpectedVerdict::Allow => "allow",
            ExpectedVerdict::Limit => "limit",
            ExpectedVerdict::Unauthenticated => "unauthenticated",
            ExpectedVerdict::BadRequest => "bad_request",
            ExpectedVerdict::Forbidden => "forbidden",
            ExpectedVerdict::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for ExpectedVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
