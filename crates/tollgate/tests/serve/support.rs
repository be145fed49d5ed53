//! A gateway in front of the test origin, with an issuer over HTTP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, Response};
use rustix::process::Signal;
use tollgate_testkit::peers::{Busy, Gateway, Peer, free_address};
use tollgate_testkit::{Algorithm, Issuer, Origin};

pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// By when a change is in force: what the pages on plans promise.
const IN_FORCE_MAX: Duration = Duration::from_secs(1);

/// The longest wait for what another process does in its own time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Those who load the machine have it for themselves; those who measure times share it with each other only.
static MACHINE: RwLock<()> = RwLock::new(());

pub(crate) struct Running {
    pub(crate) issuer: Issuer,
    pub(crate) origin: Origin,
    pub(crate) gateway: Peer,
    pub(crate) client: Client,
    listen: SocketAddr,
    admin: SocketAddr,
    rest: String,
}

pub(crate) const PLANS: &str = "
routes: [GET /orders, POST /orders, 'GET /orders/{id}']
plans:
  standard: {limits: [{name: burst, rate: 1/1h, burst: 3}]}
default_plan: standard
";

impl Running {
    pub(crate) fn start(rest: &str) -> Self {
        let issuer = Issuer::with_keys(&[Algorithm::EdDsa]).unwrap();
        let origin = Origin::start().unwrap();
        let (listen, admin) = (free_address().unwrap(), free_address().unwrap());
        let policy = policy(&issuer, &origin, listen, admin, rest);
        let gateway = gateway(&policy, listen).launch().unwrap();
        let running = Self {
            issuer,
            origin,
            gateway,
            client: Client::builder().no_proxy().build().unwrap(),
            listen,
            admin,
            rest: rest.to_owned(),
        };
        running.wait_ready();
        running
    }

    /// Ends the gateway by `signal` and starts it again, between the same issuer and origin.
    pub(crate) fn restart(&mut self, signal: Signal) {
        self.end(signal);
        self.begin();
        self.wait_ready();
    }

    /// Ends the gateway by `signal`.
    pub(crate) fn end(&mut self, signal: Signal) {
        self.gateway.signal(signal);
        let ended = self.gateway.wait_ended(PATIENCE);
        assert!(ended.is_some(), "{}", self.gateway.output());
    }

    /// Starts the gateway again after its end, and does not wait for it.
    pub(crate) fn begin(&mut self) {
        let (listen, admin) = (self.listen, self.admin);
        let policy = policy(&self.issuer, &self.origin, listen, admin, &self.rest);
        self.gateway = gateway(&policy, listen).start().unwrap();
    }

    /// Waits until it serves.
    pub(crate) fn wait_ready(&self) {
        self.eventually("ready", || {
            let ready = self.try_admin("/readyz");
            ready.is_ok_and(|answer| answer.status() == 200)
        });
    }

    /// The policy's file.
    pub(crate) fn config(&self) -> PathBuf {
        self.gateway.folder().join("tollgate.yaml")
    }

    /// Another gateway between the same issuer and origin, with this part of a policy, and where it listens.
    pub(crate) fn beside(&self, rest: &str) -> (Peer, SocketAddr) {
        self.beside_with(rest, &[])
    }

    /// The same, with further arguments.
    pub(crate) fn beside_with(&self, rest: &str, arguments: &[&str]) -> (Peer, SocketAddr) {
        let (listen, admin) = (free_address().unwrap(), free_address().unwrap());
        let policy = policy(&self.issuer, &self.origin, listen, admin, rest);
        let gateway = gateway(&policy, listen).launch_with(arguments).unwrap();
        self.eventually("the other is ready", || {
            let ready = self.client.get(format!("http://{admin}/readyz")).send();
            ready.is_ok_and(|answer| answer.status() == 200)
        });
        (gateway, listen)
    }

    /// Replaces the policy's own part in the file, as an editor does: whole, by rename.
    pub(crate) fn rewrite(&mut self, rest: &str) {
        self.rest = rest.to_owned();
        let text = policy(&self.issuer, &self.origin, self.listen, self.admin, rest);
        self.replace(&text);
    }

    /// Replaces the whole file in the same way.
    pub(crate) fn replace(&self, text: &str) {
        let next = self.gateway.folder().join("next.yaml");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, self.config()).unwrap();
    }

    pub(crate) fn token(&self, sub: &str) -> String {
        self.issuer.token(sub).audience(AUDIENCE).mint()
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> Response {
        self.ask("GET", path, token)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, token: &str) -> Response {
        self.try_ask(method, path, token).unwrap()
    }

    pub(crate) fn try_get(&self, path: &str, token: &str) -> reqwest::Result<Response> {
        self.try_ask("GET", path, token)
    }

    /// Where its callers find this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listen)
    }

    fn try_ask(&self, method: &str, path: &str, token: &str) -> reqwest::Result<Response> {
        let url = self.url(path);
        let request = self.client.request(method.parse().unwrap(), url);
        request.bearer_auth(token).send()
    }

    pub(crate) fn admin(&self, path: &str) -> Response {
        self.try_admin(path).unwrap()
    }

    pub(crate) fn try_admin(&self, path: &str) -> reqwest::Result<Response> {
        let url = format!("http://{}{path}", self.admin);
        self.client.get(url).send()
    }

    pub(crate) fn metrics(&self) -> String {
        self.admin("/metrics").text().unwrap()
    }

    /// How long it takes from now until it holds; bounded.
    pub(crate) fn time_until(&self, what: &str, holds: impl FnMut() -> bool) -> Duration {
        let begun = Instant::now();
        self.eventually(what, holds);
        begun.elapsed()
    }

    /// Waits for what another process does in its own time; bounded.
    pub(crate) fn eventually(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            assert!(
                Instant::now() < deadline,
                "never came to pass: {what}\n{}",
                self.gateway.output()
            );
            std::thread::yield_now();
        }
    }
}

/// Holds that changes were in force in time, by the median: a machine that does much else may stop a process for
/// a second, but not time and again.
pub(crate) fn were_in_force_in_time(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    println!("{what}: in force after {took:?}");
    assert!(took[took.len() / 2] < IN_FORCE_MAX, "{what}: {took:?}");
}

/// For a test that loads the machine.
pub(crate) fn alone_on_the_machine() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// For a test that measures times.
pub(crate) fn without_load() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// Holds that the machine was under full load: 80 % of two processors, or of the one that there is; the rest is
/// waits for the disk, which no load fills.
pub(crate) fn was_under_full_load(busy: &Busy) {
    let (cores, of) = (
        busy.cores(),
        std::thread::available_parallelism().unwrap().get(),
    );
    println!("{cores:.2} of {of} processors were busy");
    let least = if of == 1 { 0.8 } else { 1.6 };
    assert!(cores >= least, "no full load: {cores:.2} of {of}");
}

/// What the gateway says as it does not start with this policy.
pub(crate) fn refused(rest: &str) -> String {
    let issuer = Issuer::with_keys(&[Algorithm::EdDsa]).unwrap();
    let origin = Origin::start().unwrap();
    let (listen, admin) = (free_address().unwrap(), free_address().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tollgate.yaml");
    std::fs::write(&file, policy(&issuer, &origin, listen, admin, rest)).unwrap();
    let mut serve = std::process::Command::new(env!("CARGO_BIN_EXE_tollgate"));
    let ended = serve
        .arg("serve")
        .arg("--config")
        .arg(file)
        .output()
        .unwrap();
    assert!(!ended.status.success());
    String::from_utf8(ended.stderr).unwrap()
}

fn gateway(policy: &str, address: SocketAddr) -> Gateway<'_> {
    Gateway {
        binary: Path::new(env!("CARGO_BIN_EXE_tollgate")),
        policy,
        files: &[],
        address,
        workers: 2,
    }
}

fn policy(
    issuer: &Issuer,
    origin: &Origin,
    listen: SocketAddr,
    admin: SocketAddr,
    rest: &str,
) -> String {
    format!(
        "tollgate: 1
listen: {listen}
admin: {admin}
origin: {origin}
identity:
  issuers:
    - issuer: {issuer}
      audience: {AUDIENCE}
      jwks: {jwks}
      algorithms: [EdDSA]
{rest}",
        origin = origin.url(),
        issuer = issuer.url(),
        jwks = issuer.jwks_url(),
    )
}
