//! The gateway that a test looks at, with an issuer beside it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, Response};
use tollgate_testkit::peers::{Gateway, Peer, free_address};
use tollgate_testkit::{Algorithm, Issuer, TokenBuilder};

/// Longest wait for what another process does in its own time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Files of a listener's certificate in the gateway's folder.
pub(crate) const CERT_FILE: &str = "cert.pem";
pub(crate) const KEY_FILE: &str = "key.pem";
/// The authority of its clients.
pub(crate) const CLIENT_CA_FILE: &str = "clients.pem";

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

/// What a listener with TLS shows and asks for.
struct Tls<'a> {
    certificate: &'a Certificate,
    /// Further keys of its `tls` section, with a comma before.
    options: &'a str,
    client_ca: Option<&'a str>,
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
        let tls = Tls {
            certificate,
            options: "",
            client_ca: None,
        };
        Front::launch(origin, rest, Some(&tls))
    }

    /// The same, and the listener asks for certificates of the authority `client_ca` (PEM), with
    /// `client_auth` as it says.
    pub(crate) fn with_client_ca(
        origin: &str,
        rest: &str,
        certificate: &Certificate,
        client_ca: &str,
        client_auth: &str,
    ) -> Front {
        let tls = Tls {
            certificate,
            options: &format!(", client_ca: {CLIENT_CA_FILE}, client_auth: {client_auth}"),
            client_ca: Some(client_ca),
        };
        Front::launch(origin, rest, Some(&tls))
    }

    fn launch(origin: &str, rest: &str, shown: Option<&Tls<'_>>) -> Front {
        let issuer = Issuer::with_keys(&[Algorithm::Rs256]).unwrap();
        let (listen, admin) = (free_address().unwrap(), free_address().unwrap());
        let tls = shown.map(|_| free_address().unwrap());
        let listener = tls.zip(shown).map_or_else(String::new, |(address, shown)| {
            let options = shown.options;
            format!("  - {{address: '{address}', tls: {{cert: {CERT_FILE}, key: {KEY_FILE}{options}}}}}\n")
        });
        let policy = policy(&issuer, origin, rest, listen, &listener, admin);
        let mut files = Vec::new();
        if let Some(shown) = shown {
            files.push((CERT_FILE, shown.certificate.cert.as_str()));
            files.push((KEY_FILE, shown.certificate.key.as_str()));
            files.extend(shown.client_ca.map(|ca| (CLIENT_CA_FILE, ca)));
        }
        let gateway = Gateway {
            binary: Path::new(env!("CARGO_BIN_EXE_tollgate")),
            policy: &policy,
            files: &files,
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
    tls: &str,
    admin: SocketAddr,
) -> String {
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
