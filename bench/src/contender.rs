//! Who takes part in which scenario, and how each is started.

use std::net::SocketAddr;
use std::path::PathBuf;

use tollgate_testkit::TestkitError;
use tollgate_testkit::peers::{Gateway, Launch, Peer, Tool, envoy, free_address, haproxy, nginx};

use crate::configs;
use crate::load::Tokens;

/// What the clients do, and what comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scenario {
    /// Verified users within their limits: every request is forwarded.
    Job,
    /// Verified users over their limit: every request is 429.
    Limited,
    /// Garbage behind a token's header, each different: every request is 401, or 429 once its
    /// network failed too often.
    Garbage,
    /// Well-formed tokens that nobody signed, each different: likewise.
    Forged,
}

impl Scenario {
    /// All of them, in the order of the report.
    pub(crate) const ALL: [Scenario; 4] = [
        Scenario::Job,
        Scenario::Limited,
        Scenario::Garbage,
        Scenario::Forged,
    ];

    /// The heading of its table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Scenario::Job => "Verified users within their limits: forwarded",
            Scenario::Limited => "Verified users over their limit: refused with 429",
            Scenario::Garbage => "Garbage in a token's shape, each one new: refused",
            Scenario::Forged => "Well-formed tokens that nobody signed, each one new: refused",
        }
    }

    /// The statuses that its answers may have.
    pub(crate) fn statuses(self) -> &'static [u16] {
        match self {
            Scenario::Job => &[200],
            Scenario::Limited => &[429],
            Scenario::Garbage | Scenario::Forged => &[401, 429],
        }
    }
}

/// One line of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contender {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) does: &'static str,
    /// Where it takes part.
    pub(crate) scenario: Scenario,
    /// Whether the others' costs are given as ratios to its own.
    pub(crate) is_measure: bool,
    start: fn(&Surroundings) -> Result<Peer, TestkitError>,
}

/// What a contender is started with.
pub(crate) struct Surroundings {
    /// The origin that all forward to.
    pub(crate) origin: SocketAddr,
    /// The gateway's release binary, or why there is none.
    pub(crate) gateway: Result<PathBuf, String>,
    /// The keys to verify with.
    pub(crate) tokens: Tokens,
}

impl Contender {
    /// Starts it.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub(crate) fn start(&self, surroundings: &Surroundings) -> Result<Peer, TestkitError> {
        (self.start)(surroundings)
    }
}

/// Everybody.
pub(crate) const CONTENDERS: [Contender; 14] = [
    Contender {
        name: "bare-hyper",
        does: "plain proxy, hyper's floor",
        scenario: Scenario::Job,
        is_measure: false,
        start: start_bare,
    },
    Contender {
        name: "haproxy-plain",
        does: "plain proxy",
        scenario: Scenario::Job,
        is_measure: false,
        start: |with| start_haproxy(with, configs::haproxy_plain),
    },
    Contender {
        name: "nginx-limit",
        does: "limit_req on the raw header; verifies nothing",
        scenario: Scenario::Job,
        is_measure: false,
        start: start_nginx,
    },
    Contender {
        name: "haproxy",
        does: "the job: jwt_verify, stick table on sub and path",
        scenario: Scenario::Job,
        is_measure: true,
        start: |with| start_haproxy(with, configs::haproxy_job),
    },
    Contender {
        name: "envoy",
        does: "the job: jwt_authn with cache, local_ratelimit on sub and path",
        scenario: Scenario::Job,
        is_measure: false,
        start: start_envoy,
    },
    Contender {
        name: "tollgate",
        does: "the job, two limits",
        scenario: Scenario::Job,
        is_measure: false,
        start: |with| start_tollgate(with, configs::tollgate_job),
    },
    Contender {
        name: "haproxy",
        does: "jwt_verify, stick table",
        scenario: Scenario::Limited,
        is_measure: true,
        start: |with| start_haproxy(with, configs::haproxy_refusing),
    },
    Contender {
        name: "tollgate",
        does: "two limits, one spent",
        scenario: Scenario::Limited,
        is_measure: false,
        start: |with| start_tollgate(with, configs::tollgate_refusing),
    },
    Contender {
        name: "haproxy",
        does: "jwt_verify",
        scenario: Scenario::Garbage,
        is_measure: true,
        start: |with| start_haproxy(with, configs::haproxy_job),
    },
    Contender {
        name: "tollgate",
        does: "the job's own configuration",
        scenario: Scenario::Garbage,
        is_measure: false,
        start: |with| start_tollgate(with, configs::tollgate_job),
    },
    Contender {
        name: "tollgate-unbounded",
        does: "no budget of failures: every token is parsed",
        scenario: Scenario::Garbage,
        is_measure: false,
        start: |with| start_tollgate(with, configs::tollgate_unbounded),
    },
    Contender {
        name: "haproxy",
        does: "jwt_verify",
        scenario: Scenario::Forged,
        is_measure: true,
        start: |with| start_haproxy(with, configs::haproxy_job),
    },
    Contender {
        name: "tollgate",
        does: "the job's own configuration",
        scenario: Scenario::Forged,
        is_measure: false,
        start: |with| start_tollgate(with, configs::tollgate_job),
    },
    Contender {
        name: "tollgate-unbounded",
        does: "no budget of failures: every signature is checked",
        scenario: Scenario::Forged,
        is_measure: false,
        start: |with| start_tollgate(with, configs::tollgate_unbounded),
    },
];

type Config = fn(SocketAddr, SocketAddr) -> String;

fn start_bare(with: &Surroundings) -> Result<Peer, TestkitError> {
    let address = free_address()?;
    let own = std::env::current_exe().map_err(|source| TestkitError::Spawn {
        program: PathBuf::from("tollgate-bench"),
        source,
    })?;
    Peer::launch(&Launch {
        name: "bare-hyper",
        program: &own,
        arguments: &["bare", &address.to_string(), &with.origin.to_string()],
        files: &[],
        address,
    })
}

fn start_haproxy(with: &Surroundings, config: Config) -> Result<Peer, TestkitError> {
    let address = free_address()?;
    let files = [("rs.pub.pem", with.tokens.pem.as_str())];
    haproxy(&config(address, with.origin), &files, address)
}

fn start_nginx(with: &Surroundings) -> Result<Peer, TestkitError> {
    let address = free_address()?;
    nginx(&configs::nginx_limit(address, with.origin), address)
}

fn start_envoy(with: &Surroundings) -> Result<Peer, TestkitError> {
    let address = free_address()?;
    let files = [("jwks.json", with.tokens.jwks.as_str())];
    envoy(&configs::envoy_job(address, with.origin), &files, address)
}

fn start_tollgate(with: &Surroundings, config: Config) -> Result<Peer, TestkitError> {
    let binary = with
        .gateway
        .as_ref()
        .map_err(|why| TestkitError::ToolMissing {
            program: "tollgate".to_owned(),
            remedy: why.clone(),
        })?;
    let address = free_address()?;
    let gateway = Gateway {
        binary,
        policy: &config(address, with.origin),
        files: &[("jwks.json", with.tokens.jwks.as_str())],
        address,
        workers: 1,
    };
    gateway.launch()
}

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
