//! An issuer, an origin and a gateway that is asked, and where a proxy listens before them.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, RequestBuilder, Response};
use tempfile::NamedTempFile;
use tollgate_testkit::peers::{Gateway, Peer, Signal, free_address, workspace_root};
use tollgate_testkit::{Algorithm, Issuer, Origin};

const AUDIENCE: &str = "https://api.example.com";
/// A proxy may take so long to say that it was not told in time.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a proxy waits for Tollgate in a file of `docs/integrations`, and how long in a test: there a machine that
/// stands still for a second is no Tollgate that does not answer. HAProxy asks four times by itself.
const WAITS: [(&str, &str, &str); 11] = [
    (
        "nginx/nginx.conf",
        "proxy_connect_timeout 250ms",
        "proxy_connect_timeout 5s",
    ),
    (
        "nginx/nginx.conf",
        "proxy_read_timeout 1s",
        "proxy_read_timeout 5s",
    ),
    ("caddy/Caddyfile", "dial_timeout 250ms", "dial_timeout 5s"),
    (
        "caddy/Caddyfile",
        "response_header_timeout 1s",
        "response_header_timeout 5s",
    ),
    ("envoy/ext-authz.yaml", "timeout: 0.5s", "timeout: 5s"),
    (
        "envoy/ext-authz.yaml",
        "connect_timeout: 0.25s",
        "connect_timeout: 5s",
    ),
    (
        "envoy/ext-authz.yaml",
        "interval: 5s, timeout: 1s",
        "interval: 5s, timeout: 10s",
    ),
    ("envoy/rls.yaml", "timeout: 0.5s", "timeout: 5s"),
    (
        "envoy/rls.yaml",
        "connect_timeout: 0.25s",
        "connect_timeout: 5s",
    ),
    (
        "envoy/rls.yaml",
        "interval: 5s, timeout: 1s",
        "interval: 5s, timeout: 10s",
    ),
    (
        "envoy/rlqs.yaml",
        "connect_timeout: 0.25s",
        "connect_timeout: 5s",
    ),
];

/// Of bucket ids.
const RING: &str = "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 0 - current\n";

const PLANS: &str = "
routes: [GET /orders, 'GET /orders/{order_id}', POST /orders, GET /billing, GET /headers]
plans:
  standard:
    upgrade_url: https://example.com/upgrade
    limits: [{name: burst, rate: 1/1h, burst: 3}]
    routes:
      GET /billing: [{name: burst, rate: 1000/s}]
      GET /headers: [{name: burst, rate: 1000/s}]
default_plan: standard
edge: {after: true}
";

/// Everything but the proxy.
pub(crate) struct Stage {
    pub(crate) issuer: Issuer,
    pub(crate) origin: Origin,
    /// Where the proxy under test listens.
    pub(crate) front: SocketAddr,
    pub(crate) client: Client,
    gateway: Option<Peer>,
    plans: &'static str,
    ring: NamedTempFile,
    listen: SocketAddr,
    admin: SocketAddr,
    check: SocketAddr,
    grpc: SocketAddr,
}

impl Stage {
    pub(crate) fn start() -> Self {
        Self::with_plans(PLANS)
    }

    /// With these routes and plans.
    pub(crate) fn with_plans(plans: &'static str) -> Self {
        let address = || free_address().unwrap();
        let mut ring = NamedTempFile::new().unwrap();
        ring.write_all(RING.as_bytes()).unwrap();
        let mut stage = Self {
            issuer: Issuer::with_keys(&[Algorithm::Es256]).unwrap(),
            origin: Origin::start().unwrap(),
            front: address(),
            client: Client::builder()
                .no_proxy()
                .timeout(PATIENCE)
                .build()
                .unwrap(),
            gateway: None,
            plans,
            ring,
            listen: address(),
            admin: address(),
            check: address(),
            grpc: address(),
        };
        stage.come_up();
        stage
    }

    fn policy(&self) -> String {
        format!(
            "tollgate: 1
listen: {}
admin: {}
check: {{listen: {}}}
grpc: {{listen: {}, domains: {{apis: {{identity: verified}}}}}}
origin: {}
identity:
  bucket_keys: {}
  issuers:
    - {{issuer: '{}', audience: '{AUDIENCE}', jwks: '{}', algorithms: [ES256]}}
counting: {{snapshot: counts.bin}}
{}",
            self.listen,
            self.admin,
            self.check,
            self.grpc,
            self.origin.url(),
            self.ring.path().display(),
            self.issuer.url(),
            self.issuer.jwks_url(),
            self.plans,
        )
    }

    /// Starts the gateway and waits until it serves.
    pub(crate) fn come_up(&mut self) {
        let policy = self.policy();
        let gateway = Gateway {
            binary: Path::new(env!("CARGO_BIN_EXE_tollgate")),
            policy: &policy,
            files: &[],
            address: self.check,
            workers: 2,
        };
        self.gateway = Some(gateway.launch().unwrap());
        let ready = format!("http://{}/readyz", self.admin);
        eventually("ready", || {
            let answer = self.client.get(&ready).send();
            answer.is_ok_and(|answer| answer.status() == 200)
        });
    }

    /// The gateway is gone at once.
    pub(crate) fn go_down(&mut self) {
        self.gateway = None;
    }

    /// Where Envoy asks.
    pub(crate) fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    pub(crate) fn gateway(&mut self) -> &mut Peer {
        self.gateway.as_mut().unwrap()
    }

    /// The gateway stands still, all threads of it.
    pub(crate) fn stand_still(&self) {
        let gateway = self.gateway.as_ref().unwrap();
        gateway.signal(Signal::STOP);
        let threads = format!("/proc/{}/task", gateway.pid());
        let stopped = |task: std::io::Result<std::fs::DirEntry>| {
            let status = std::fs::read_to_string(task.unwrap().path().join("status"));
            status.is_ok_and(|status| status.contains("State:\tT"))
        };
        eventually("all threads stopped", || {
            std::fs::read_dir(&threads).unwrap().all(stopped)
        });
    }

    /// It goes on.
    pub(crate) fn go_on(&self) {
        self.gateway.as_ref().unwrap().signal(Signal::CONT);
    }

    /// A file of `docs/integrations` with the addresses of this stage and [`WAITS`] in the place of its own.
    pub(crate) fn config(&self, file: &str) -> String {
        self.config_for(file, self.front, self.grpc)
    }

    /// As [`Stage::config`], for a proxy that listens at `front` and asks at `grpc`.
    pub(crate) fn config_for(&self, file: &str, front: SocketAddr, grpc: SocketAddr) -> String {
        let path = workspace_root().join("docs/integrations").join(file);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let port = |address: SocketAddr| format!("port_value: {}", address.port());
        let replaced = [
            ("127.0.0.1:8082", self.check.to_string()),
            ("127.0.0.1:8081", grpc.to_string()),
            ("127.0.0.1:9000", self.origin.address().to_string()),
            ("127.0.0.1:9100", self.issuer.address().to_string()),
            ("https://login.example.com", self.issuer.url().to_owned()),
            ("port_value: 8081", port(grpc)),
            ("port_value: 9000", port(self.origin.address())),
            ("port_value: 9100", port(self.issuer.address())),
            ("port_value: 8000", port(front)),
            ("listen 8000", format!("listen {front}")),
            (":8000", format!(":{}", front.port())),
        ];
        let text = replaced
            .into_iter()
            .fold(text, |text, (from, to)| text.replace(from, &to));
        let waits = WAITS.iter().filter(|(of, ..)| *of == file);
        waits.fold(text, |text, (_, from, to)| {
            assert!(text.contains(from), "{file} says no `{from}` any more");
            text.replace(from, to)
        })
    }

    pub(crate) fn token(&self, subject: &str) -> String {
        self.issuer.token(subject).audience(AUDIENCE).mint()
    }

    /// A request through the proxy.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.front);
        self.client.request(method.parse().unwrap(), url)
    }

    pub(crate) fn get(&self, path: &str, subject: &str) -> Response {
        let request = self.request("GET", path).bearer_auth(self.token(subject));
        request.send().unwrap()
    }

    /// What became of several requests of one user, one after the other.
    pub(crate) fn statuses(&self, times: usize, path: &str, subject: &str) -> Vec<u16> {
        let status = |_| self.get(path, subject).status().as_u16();
        (0..times).map(status).collect()
    }
}

pub(crate) fn field<'a>(answer: &'a Response, name: &str) -> &'a str {
    let value = answer.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

/// Waits for what another process does in its own time; bounded.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never came to pass: {what}");
        std::thread::yield_now();
    }
}
