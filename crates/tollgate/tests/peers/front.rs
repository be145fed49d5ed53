//! The gateway that a test looks at, with an issuer beside it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, Response};
use tollgate_testkit::peers::{Gateway, Peer, free_address};
use tollgate_testkit::{Algorithm, Issuer, TokenBuilder};

/// Longest wait for what another process does in its own time.
const PATIENCE: Duration = Duration::from_secs(20);

/// Files of a listener's certificate in the gateway's folder.
pub(crate) const CERT_FILE: &str = "cert.pem";
pub(crate) const KEY_FILE: &str = "key.pem";

/// A running gateway and its issuer.
pub(crate) struct Front {
    pub(crate) issuer: Issuer,
    pub(crate) gateway: Peer,
    /// The listener with a certificate, if there is one.
    tls: Option<SocketAddr>,
    admin: SocketAddr,
}

/// A self-signed certificate for loopback, as PEM.
pub(crate) struct Certificate {
    pub(crate) cert: String,
    pub(crate) key: String,
}

// === impl Certificate ===

impl Certificate {
    pub(crate) fn make() -> Certificate {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        Certificate {
            cert: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        }
    }
}

// === impl Front ===

impl Front {
    /// A gateway in front of `origin` (the policy's value for it) under the policy `rest`, which
    /// begins inside `identity`.
    pub(crate) fn start(origin: &str, rest: &str) -> Front {
        Front::launch(origin, rest, None)
    }

    /// The same, with a second listener that shows `certificate`.
    pub(crate) fn with_tls(origin: &str, rest: &str, certificate: &Certificate) -> Front {
        Front::launch(origin, rest, Some(certificate))
    }

    fn launch(origin: &str, rest: &str, certificate: Option<&Certificate>) -> Front {
        let issuer = Issuer::with_keys(&[Algorithm::Rs256]).unwrap();
        let (listen, admin) = (free_address().unwrap(), free_address().unwrap());
        let tls = certificate.map(|_| free_address().unwrap());
        let policy = policy(&issuer, origin, rest, listen, tls, admin);
        let files = certificate.map(|made| {
            [
                (CERT_FILE, made.cert.as_str()),
                (KEY_FILE, made.key.as_str()),
            ]
        });
        let gateway = Gateway {
            binary: Path::new(env!("CARGO_BIN_EXE_tollgate")),
            policy: &policy,
            files: files.as_ref().map_or(&[], |files| files.as_slice()),
            address: listen,
            workers: 2,
        }
        .launch()
        .unwrap_or_else(|error| panic!("{error}"));
        let front = Front {
            issuer,
            gateway,
            tls,
            admin,
        };
        front.eventually("ready", || front.admin("/readyz").status() == 200);
        front
    }

    /// `http://127.0.0.1:PORT` and `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.gateway.url())
    }

    /// `https://127.0.0.1:PORT` and `path`.
    pub(crate) fn tls_url(&self, path: &str) -> String {
        format!("https://{}{path}", self.tls.unwrap())
    }

    /// The certificate's file, for clients that trust it.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.gateway.folder().join(CERT_FILE)
    }

    pub(crate) fn token(&self, subject: &str) -> String {
        TokenBuilder::mint(self.issuer.token(subject))
    }

    pub(crate) fn admin(&self, path: &str) -> Response {
        let client = Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}{path}", self.admin);
        client.get(url).send().unwrap()
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

fn policy(
    issuer: &Issuer,
    origin: &str,
    rest: &str,
    listen: SocketAddr,
    tls: Option<SocketAddr>,
    admin: SocketAddr,
) -> String {
    let tls = tls.map_or_else(String::new, |address| {
        format!("  - {{address: '{address}', tls: {{cert: {CERT_FILE}, key: {KEY_FILE}}}}}\n")
    });
    format!(
        "tollgate: 1
listen:
  - {listen}
{tls}admin: {admin}
origin: {origin}
identity:
  issuers:
    - issuer: {issuer}
      audience: {audience}
      jwks: {jwks}
      algorithms: [RS256]
      refresh: 1min
{rest}",
        issuer = issuer.url(),
        audience = Issuer::AUDIENCE,
        jwks = issuer.jwks_url(),
    )
}
