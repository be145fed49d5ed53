//! The demo's stage: issuer, origin and gateway on loopback, and the policy on disk.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread::JoinHandle;

use tokio_util::sync::CancellationToken;
use tollgate_policy::Policy;
use tollgate_testkit::{Algorithm, Issuer, Origin, TestkitError};

use crate::cli::DemoArgs;
use crate::failure::Failure;
use crate::serve::Gateway;

/// Who the demo's tokens are for.
pub(super) const AUDIENCE: &str = "https://api.demo.invalid";

/// Everything that runs during the demo. Ends when dropped.
pub(super) struct Stage {
    pub(super) issuer: Issuer,
    pub(super) origin: Origin,
    pub(super) policy_file: PathBuf,
    address: SocketAddr,
    admin: SocketAddr,
    stop: CancellationToken,
    gateway: Option<JoinHandle<Result<(), Failure>>>,
}

// === impl Stage ===

impl Stage {
    pub(super) fn set(args: &DemoArgs) -> Result<Self, Failure> {
        let started = |error: TestkitError| Failure::NotHeld(error.to_string());
        let issuer = Issuer::with_keys(&[Algorithm::EdDsa]).map_err(started)?;
        let origin = Origin::start().map_err(started)?;
        let address = free_address(args.port)?;
        let admin = free_address(None)?;
        let policy_file = write_policy(args, &issuer, &origin, address, admin)?;
        let policy = Policy::load(&policy_file).map_err(Failure::Policy)?;
        let gateway = Gateway::start(&policy_file, policy, Some(1))?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let gateway = std::thread::Builder::new()
            .name("control-plane".to_owned())
            .spawn(move || gateway.run(&stopped))
            .map_err(Failure::system("start the gateway's thread"))?;
        Ok(Self {
            issuer,
            origin,
            policy_file,
            address,
            admin,
            stop,
            gateway: Some(gateway),
        })
    }

    pub(super) fn gateway_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// Ends the show and drains the gateway.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.stop.cancel();
        self.join()
    }

    /// Waits for Ctrl-C, which the gateway hears itself.
    pub(super) fn wait(mut self) -> Result<(), Failure> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Failure> {
        match self.gateway.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(failure))) => Err(failure),
            Some(Err(_)) => Err(Failure::NotHeld("the gateway's thread panicked".to_owned())),
        }
    }
}

/// A port that nobody listens on now.
fn free_address(port: Option<u16>) -> Result<SocketAddr, Failure> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
    let listener = TcpListener::bind(wanted).map_err(Failure::system(format!(
        "listen on {wanted} for the demo's gateway"
    )))?;
    listener
        .local_addr()
        .map_err(Failure::system("read a listener's address"))
}

fn write_policy(
    args: &DemoArgs,
    issuer: &Issuer,
    origin: &Origin,
    address: SocketAddr,
    admin: SocketAddr,
) -> Result<PathBuf, Failure> {
    let folder = args.dir.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("tollgate-demo-{}", std::process::id()))
    });
    let doing = format!("create {}", folder.display());
    std::fs::create_dir_all(&folder).map_err(Failure::system(doing))?;
    let text = include_str!("policy.yaml")
        .replace("{{listen}}", &address.to_string())
        .replace("{{admin}}", &admin.to_string())
        .replace("{{origin}}", origin.url())
        .replace("{{issuer}}", issuer.url())
        .replace("{{audience}}", AUDIENCE)
        .replace("{{jwks}}", &issuer.jwks_url());
    let file = folder.join("tollgate.yaml");
    let doing = format!("write {}", file.display());
    std::fs::write(&file, text).map_err(Failure::system(doing))?;
    Ok(file)
}
