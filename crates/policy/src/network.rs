//! Where Tollgate listens, and the origin that it stands in front of.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// One address that takes requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The address and port.
    pub address: SocketAddr,
    /// With it the listener speaks TLS, else plain HTTP/1.1 and h2c.
    pub tls: Option<Tls>,
}

/// Where the admin API and the console are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminApi {
    /// Address, and TLS if any; always TLS where other machines reach it.
    pub listener: Listener,
    /// The file of keys.
    pub keys: PathBuf,
}

/// Where other proxies ask about requests that they forward themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckEndpoint {
    /// Address, and TLS if any.
    pub listener: Listener,
    /// Who may say what the original request was; this machine unless configured.
    pub trusted_peers: Vec<IpNet>,
}

impl CheckEndpoint {
    /// True for a peer that may ask. An IPv4 address in an IPv6 coat is one.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_peers
            .iter()
            .any(|network| network.contains(&peer))
    }
}

/// Files of a server certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the chain, leaf first.
    pub cert: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
    /// Whose client certificates are asked for; none unless configured.
    pub clients: Option<ClientAuthority>,
}

/// The client certificates that a listener asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAuthority {
    /// PEM file of the authorities that sign them.
    pub ca: PathBuf,
    /// Whether a client may come without.
    pub auth: ClientAuth,
}

/// Whether a client has to show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// Without one there is no connection.
    #[default]
    Required,
    /// Without one the connection has no certificate; one that does not verify ends it all the same.
    Optional,
}

/// The service behind the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginConfig {
    /// Its endpoints, at least one, each once.
    pub endpoints: Vec<Endpoint>,
    /// What it speaks.
    pub protocol: OriginProtocol,
    /// Active health checks; without them endpoints are judged by their answers only.
    pub health: Option<HealthCheck>,
    /// 5 s unless configured.
    pub connect_timeout: Duration,
    /// Until the head of the answer; 60 s unless configured.
    pub response_timeout: Duration,
    /// Idle connections kept for each endpoint and worker; 128 unless configured.
    pub max_idle_per_endpoint: usize,
    /// Whether the client's `Host` is passed on; else the endpoint's own.
    pub pass_host: bool,
    /// PEM file of the authorities trusted for the origin's certificate; the platform's unless configured.
    pub ca: Option<PathBuf>,
}

/// One address of the origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// `scheme://host:port`, as written but without a trailing slash.
    pub url: String,
    /// Plain or TLS.
    pub scheme: Scheme,
    /// Host name or address; an IPv6 address without brackets.
    pub host: String,
    /// The port; 80 or 443 where the URL names none.
    pub port: u16,
}

/// Plain or TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// What the origin speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OriginProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: by ALPN over TLS, with prior knowledge without.
    Http2,
}

/// Active health checks of every endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// The path asked with GET; any 2xx is healthy.
    pub path: String,
    /// Between two checks; 5 s unless configured.
    pub interval: Duration,
    /// For one check; 2 s unless configured.
    pub timeout: Duration,
    /// Failures in a row that take an endpoint out; 3 unless configured.
    pub unhealthy_after: u32,
    /// Successes in a row that bring it back; 2 unless configured.
    pub healthy_after: u32,
}
