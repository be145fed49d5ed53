//! Where the check endpoint listens, and whom it believes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use super::Check;
use super::plans::Plans;
use super::serving::is_taken;
use crate::codes;
use crate::findings::Finding;
use crate::network::{CheckEndpoint, Listener};
use crate::node::At;
use crate::raw::{Network, RawCheckEndpoint};

const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8082);

impl Check<'_, '_> {
    /// `taken` are the listeners beside it.
    pub(super) fn check_endpoint(
        &mut self,
        raw: Option<RawCheckEndpoint>,
        taken: &[Listener],
        plans: &Plans,
    ) -> Option<CheckEndpoint> {
        let raw = raw?;
        let (span, address) = match raw.listen {
            Some(At { span, value }) => (span, value.0),
            None => (raw.span, LISTEN_DEFAULT),
        };
        if is_taken(address, taken) {
            self.error(
                Finding::error(
                    codes::ADDRESS,
                    span,
                    format!("address `{address}` is listened on already"),
                )
                .label("by another listener of this policy")
                .help("give `check` a port of its own: `listen: 127.0.0.1:8083`"),
            );
        }
        if raw.tls.is_none() && !address.ip().is_loopback() {
            self.findings.push(
                Finding::warning(
                    codes::CONFLICT,
                    span,
                    "callers' tokens cross a network in the clear",
                )
                .label("proxies on other machines ask here, and show what callers sent")
                .help("add `tls: {cert: chain.pem, key: key.pem, client_ca: proxies.pem}`, or listen on `127.0.0.1:8082`"),
            );
        }
        if self.whole {
            self.nothing_ends(raw.span, plans, "other proxies");
        }
        let is_default = raw.trusted_peers.is_none();
        if is_default && !address.ip().is_loopback() {
            self.findings.push(
                Finding::warning(codes::NETWORK, span, "only this machine may ask")
                    .label("every proxy on another machine gets 403")
                    .help("name the proxies: `trusted_peers: [10.0.0.5]`"),
            );
        }
        let trusted_peers = match raw.trusted_peers {
            None => vec![
                IpNet::from(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST)),
            ],
            Some(At { span, value }) if value.is_empty() => {
                self.error(
                    Finding::error(codes::RANGE, span, "nobody may ask the check endpoint")
                        .help("name the proxies that ask: `[127.0.0.1]`, or remove `check`"),
                );
                Vec::new()
            }
            Some(At { value, .. }) => self.asking(value),
        };
        let tls = raw.tls.map(|tls| self.tls(tls, false));
        Some(CheckEndpoint {
            listener: Listener { address, tls },
            trusted_peers,
        })
    }

    fn asking(&mut self, networks: Vec<At<Network>>) -> Vec<IpNet> {
        let everybody = |network: &&At<Network>| network.value.0.prefix_len() == 0;
        for network in networks.iter().filter(everybody) {
            self.findings.push(
                Finding::warning(
                    codes::NETWORK,
                    network.span,
                    "whoever reaches the check endpoint may ask in every caller's name",
                )
                .label("any number of client networks can be made up")
                .help("name your proxies, for example `10.0.0.5`"),
            );
        }
        networks
            .into_iter()
            .map(|network| network.value.0)
            .collect()
    }
}
