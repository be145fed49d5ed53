//! Who takes part in which scenario.

mod start;

use tollgate_testkit::TestkitError;
use tollgate_testkit::peers::Tool;

use crate::configs;
use crate::scenario::Scenario;

pub(crate) use self::start::{Running, Surroundings};

/// One line of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contender {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) does: &'static str,
    /// Where it takes part.
    pub(crate) scenario: Scenario,
    start: fn(&Surroundings) -> Result<Running, TestkitError>,
}

impl Contender {
    /// Starts it.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub(crate) fn start(&self, surroundings: &Surroundings) -> Result<Running, TestkitError> {
        (self.start)(surroundings)
    }

    /// Whether the gateway's binary takes part.
    pub(crate) fn needs_gateway(&self) -> bool {
        self.name.contains("tollgate")
    }

    /// Whether one of these words, of `--only`, means it.
    pub(crate) fn is_meant(&self, words: &[String]) -> bool {
        let means = |word: &String| {
            self.name.contains(word.as_str()) || self.scenario.word() == word.as_str()
        };
        words.is_empty() || words.iter().any(means)
    }
}

/// Everybody.
pub(crate) const CONTENDERS: [Contender; 20] = [
    Contender {
        name: "bare-hyper",
        does: "plain proxy, hyper's floor",
        scenario: Scenario::Job,
        start: start::bare,
    },
    Contender {
        name: "haproxy-plain",
        does: "plain proxy",
        scenario: Scenario::Job,
        start: |with| start::haproxy(with, configs::haproxy_plain),
    },
    Contender {
        name: "nginx-limit",
        does: "limit_req on the raw header; verifies nothing",
        scenario: Scenario::Job,
        start: start::nginx,
    },
    Contender {
        name: "haproxy",
        does: "the job: jwt_verify, stick table on sub and path",
        scenario: Scenario::Job,
        start: |with| start::haproxy(with, configs::haproxy_job),
    },
    Contender {
        name: "envoy",
        does: "the job: jwt_authn with cache, local_ratelimit on sub and path",
        scenario: Scenario::Job,
        start: start::envoy,
    },
    Contender {
        name: "tollgate",
        does: "the job, two limits",
        scenario: Scenario::Job,
        start: |with| start::tollgate(with, configs::tollgate_job),
    },
    Contender {
        name: "haproxy",
        does: "jwt_verify, stick table",
        scenario: Scenario::Limited,
        start: |with| start::haproxy(with, configs::haproxy_refusing),
    },
    Contender {
        name: "tollgate",
        does: "two limits, one spent",
        scenario: Scenario::Limited,
        start: |with| start::tollgate(with, configs::tollgate_refusing),
    },
    Contender {
        name: "haproxy",
        does: "jwt_verify",
        scenario: Scenario::Garbage,
        start: |with| start::haproxy(with, configs::haproxy_job),
    },
    Contender {
        name: "tollgate",
        does: "the job's own configuration",
        scenario: Scenario::Garbage,
        start: |with| start::tollgate(with, configs::tollgate_job),
    },
    Contender {
        name: "tollgate-unbounded",
        does: "no budget of failures: every token is parsed",
        scenario: Scenario::Garbage,
        start: |with| start::tollgate(with, configs::tollgate_unbounded),
    },
    Contender {
        name: "haproxy",
        does: "jwt_verify",
        scenario: Scenario::Forged,
        start: |with| start::haproxy(with, configs::haproxy_job),
    },
    Contender {
        name: "tollgate",
        does: "the job's own configuration",
        scenario: Scenario::Forged,
        start: |with| start::tollgate(with, configs::tollgate_job),
    },
    Contender {
        name: "tollgate-unbounded",
        does: "no budget of failures: every signature is checked",
        scenario: Scenario::Forged,
        start: |with| start::tollgate(with, configs::tollgate_unbounded),
    },
    Contender {
        name: "envoy",
        does: "alone: jwt_authn with cache, local_ratelimit on sub and path",
        scenario: Scenario::Envoy,
        start: start::envoy,
    },
    Contender {
        name: "envoy-tollgate-rls",
        does: "jwt_authn with cache, then Tollgate's rate limit service: two limits",
        scenario: Scenario::Envoy,
        start: start::envoy_rls,
    },
    Contender {
        name: "envoy-tollgate-authz",
        does: "Tollgate by ext_authz (gRPC): token and two limits",
        scenario: Scenario::Envoy,
        start: start::envoy_authz,
    },
    Contender {
        name: "rls-limitador",
        does: "limitador's library behind a server of ours: one limit on subject and path",
        scenario: Scenario::Rls,
        start: start::rls_limitador,
    },
    Contender {
        name: "rls-tollgate-rules",
        does: "the same limit, as a domain's own rule",
        scenario: Scenario::Rls,
        start: start::rls_tollgate,
    },
    Contender {
        name: "rls-tollgate-policy",
        does: "the policy: caller, route, plan, two limits, fields for the answer",
        scenario: Scenario::Rls,
        start: start::rls_tollgate,
    },
];

/// Versions of the programs that take part, for the report.
pub(crate) fn versions(surroundings: &Surroundings) -> Vec<String> {
    let peers = ["nginx", "haproxy", "envoy", "wrk"].into_iter();
    let peers = peers.filter_map(|name| Tool::find(name).ok());
    let gateway = surroundings.gateway.as_ref().ok();
    let tools = peers.chain(gateway.map(|path| Tool::at("tollgate", path)));
    tools
        .map(|tool| format!("{}: {}", tool.name(), tool.version()))
        .collect()
}
