//! How each contender is started.

use std::net::SocketAddr;
use std::path::PathBuf;

use tollgate_testkit::TestkitError;
use tollgate_testkit::peers::{self, Gateway, Launch, Peer, free_address};

use crate::configs;
use crate::load::Tokens;

/// What a contender is started with.
pub(crate) struct Surroundings {
    /// The origin that all forward to.
    pub(crate) origin: SocketAddr,
    /// The gateway's release binary, or why there is none.
    pub(crate) gateway: Result<PathBuf, String>,
    /// The keys to verify with.
    pub(crate) tokens: Tokens,
}

/// A contender's processes.
pub(crate) struct Running {
    /// Which answers the load.
    pub(crate) front: Peer,
    /// Which the first asks about each request.
    pub(crate) behind: Option<Peer>,
}

type Config = fn(SocketAddr, SocketAddr) -> String;

// === impl Running ===

impl Running {
    fn alone(front: Peer) -> Running {
        let behind = None;
        Running { front, behind }
    }

    /// CPU time of the process behind, in µs.
    pub(crate) fn cpu_us_behind(&self) -> u64 {
        self.behind.as_ref().map_or(0, Peer::cpu_us)
    }

    /// CPU time of all of it, in µs.
    pub(crate) fn cpu_us(&self) -> u64 {
        self.front.cpu_us() + self.cpu_us_behind()
    }

    /// Memory of all of it, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let behind = self.behind.as_ref().map_or(0, Peer::resident_bytes);
        self.front.resident_bytes() + behind
    }
}

pub(super) fn bare(with: &Surroundings) -> Result<Running, TestkitError> {
    ourselves("bare", "bare-hyper", &[&with.origin.to_string()])
}

/// Its library behind our server: see [`crate::rls`].
pub(super) fn rls_limitador(_: &Surroundings) -> Result<Running, TestkitError> {
    ourselves("rls-limitador", "rls-limitador", &[])
}

/// A server that this program has within itself: a subcommand that is told where to listen.
fn ourselves(command: &str, name: &'static str, further: &[&str]) -> Result<Running, TestkitError> {
    let address = free_address()?;
    let own = std::env::current_exe().map_err(|source| TestkitError::Spawn {
        program: PathBuf::from("tollgate-bench"),
        source,
    })?;
    let peer = Peer::launch(&Launch {
        name,
        program: &own,
        arguments: &[&[command, &address.to_string()], further].concat(),
        files: &[],
        address,
    })?;
    Ok(Running::alone(peer))
}

pub(super) fn haproxy(with: &Surroundings, config: Config) -> Result<Running, TestkitError> {
    let address = free_address()?;
    let files = [("rs.pub.pem", with.tokens.pem.as_str())];
    let peer = peers::haproxy(&config(address, with.origin), &files, address)?;
    Ok(Running::alone(peer))
}

pub(super) fn nginx(with: &Surroundings) -> Result<Running, TestkitError> {
    let address = free_address()?;
    let peer = peers::nginx(&configs::nginx_limit(address, with.origin), address)?;
    Ok(Running::alone(peer))
}

pub(super) fn envoy(with: &Surroundings) -> Result<Running, TestkitError> {
    let address = free_address()?;
    let files = [("jwks.json", with.tokens.jwks.as_str())];
    let peer = peers::envoy(&configs::envoy_job(address, with.origin), &files, address)?;
    Ok(Running::alone(peer))
}

pub(super) fn tollgate(with: &Surroundings, config: Config) -> Result<Running, TestkitError> {
    let address = free_address()?;
    let peer = gateway(with, &config(address, with.origin), address)?;
    Ok(Running::alone(peer))
}

/// The services for Envoy, on their own.
pub(super) fn rls_tollgate(with: &Surroundings) -> Result<Running, TestkitError> {
    services(with).map(Running::alone)
}

pub(super) fn envoy_rls(with: &Surroundings) -> Result<Running, TestkitError> {
    envoy_before(with, configs::envoy_rls)
}

pub(super) fn envoy_authz(with: &Surroundings) -> Result<Running, TestkitError> {
    envoy_before(with, configs::envoy_authz)
}

/// Envoy, and the gateway's services behind it.
fn envoy_before(
    with: &Surroundings,
    config: fn(SocketAddr, SocketAddr, SocketAddr) -> String,
) -> Result<Running, TestkitError> {
    let services = services(with)?;
    let address = free_address()?;
    let files = [("jwks.json", with.tokens.jwks.as_str())];
    let config = config(address, with.origin, services.address());
    Ok(Running {
        front: peers::envoy(&config, &files, address)?,
        behind: Some(services),
    })
}

fn services(with: &Surroundings) -> Result<Peer, TestkitError> {
    let (listen, grpc) = (free_address()?, free_address()?);
    let policy = configs::tollgate_services(listen, with.origin, grpc);
    gateway(with, &policy, grpc)
}

/// The gateway with one worker, asked at `address`.
fn gateway(with: &Surroundings, policy: &str, address: SocketAddr) -> Result<Peer, TestkitError> {
    let binary = with
        .gateway
        .as_ref()
        .map_err(|why| TestkitError::ToolMissing {
            program: "tollgate".to_owned(),
            remedy: why.clone(),
        })?;
    let gateway = Gateway {
        binary,
        policy,
        files: &[("jwks.json", with.tokens.jwks.as_str())],
        address,
        workers: 1,
    };
    gateway.launch()
}
