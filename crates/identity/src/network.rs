//! The network of a client without a user: whose budget an anonymous request takes.
//!
//! The peer's address counts unless the peer is a trusted proxy. Then the fields that proxies
//! append to are walked from the right, past trusted hops, to the first address that is not
//! trusted: that one was seen by a proxy of ours, everything left of it is the client's own
//! writing. Where a hop cannot be read, the walk ends at the last one that could.
//!
//! `Forwarded` (RFC 7239) and `X-Forwarded-For` may both be present. A proxy extends one
//! family and passes the other through as the client wrote it, and nothing tells which. So
//! both are walked: where they agree, that is the client; where they do not, the peer's
//! address counts. A client that forges the other family thereby moves only itself into the
//! bucket of the proxy.

mod forwarded;
mod hops;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;
use ipnet::IpNet;

use crate::{PrincipalKey, principal::Domain};

/// Most hops that are walked, whatever the rules say.
pub const HOPS_MAX: usize = 32;

/// Which addresses are proxies of ours, and how wide a client's network is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkRules {
    /// Networks of proxies whose forwarding fields are believed.
    pub trusted: Vec<IpNet>,
    /// Leading bits of an IPv4 address that make its network, 32 as a rule.
    pub ipv4_prefix: u8,
    /// Leading bits of an IPv6 address that make its network, 64 as a rule.
    pub ipv6_prefix: u8,
    /// Most hops that are walked, at most [`HOPS_MAX`].
    pub max_hops: usize,
}

impl Default for NetworkRules {
    fn default() -> Self {
        Self {
            trusted: Vec::new(),
            ipv4_prefix: 32,
            ipv6_prefix: 64,
            max_hops: HOPS_MAX,
        }
    }
}

/// A client without a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientNetwork {
    /// The client's own address; IPv4 where it is one in an IPv6 coat.
    pub address: IpAddr,
    /// The network that is counted, its host bits zero.
    pub network: IpNet,
}

/// Finds the client behind a peer.
pub fn client_network(peer: IpAddr, headers: &HeaderMap, rules: &NetworkRules) -> ClientNetwork {
    let peer = peer.to_canonical();
    let client = if rules.is_trusted(peer) {
        hops::client(peer, headers, rules)
    } else {
        peer
    };
    ClientNetwork::new(embedded_ipv4(client), rules)
}

/// An address as proxies write it: perhaps with a port, an IPv6 one perhaps in brackets. IPv4 where it is
/// one in an IPv6 coat.
#[must_use]
pub fn hop_address(text: &[u8]) -> Option<IpAddr> {
    hops::address(text).map(|address| address.to_canonical())
}

impl NetworkRules {
    /// Trust looks at the address as it is: an IPv4 address in a 6to4 coat is not a proxy.
    pub fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted
            .iter()
            .any(|network| network.contains(&address))
    }
}

impl ClientNetwork {
    fn new(address: IpAddr, rules: &NetworkRules) -> Self {
        let prefix = match address {
            IpAddr::V4(_) => rules.ipv4_prefix.min(32),
            IpAddr::V6(_) => rules.ipv6_prefix.min(128),
        };
        let network = IpNet::new(address, prefix).unwrap_or_else(|_| address.into());
        Self {
            address,
            network: network.trunc(),
        }
    }

    /// The network's one name in text, which a script can make as well: all eight groups of an
    /// IPv6 address, none of them shortened to `::`.
    pub(crate) fn name(&self) -> String {
        let prefix = self.network.prefix_len();
        match self.network.addr() {
            IpAddr::V4(address) => format!("{address}/{prefix}"),
            IpAddr::V6(address) => {
                let groups = address.segments().map(|group| format!("{group:x}"));
                format!("{}/{prefix}", groups.join(":"))
            }
        }
    }

    /// The key under which the network is counted.
    pub fn key(&self, hash_key: &[u8; 16]) -> PrincipalKey {
        let prefix = [self.network.prefix_len()];
        match self.network.addr() {
            IpAddr::V4(address) => {
                PrincipalKey::of(hash_key, Domain::Network, &[&address.octets(), &prefix])
            }
            IpAddr::V6(address) => {
                PrincipalKey::of(hash_key, Domain::Network, &[&address.octets(), &prefix])
            }
        }
    }
}

/// The IPv4 address of a client that came through NAT64 (64:ff9b::/96, RFC 6052) or 6to4
/// (2002::/16, RFC 3056): the /64 of either is shared by, or endless for, one IPv4 host.
///
/// Both forbid addresses that are not global inside, so that such a coat stays IPv6: it must
/// not reach the bucket of a private host.
fn embedded_ipv4(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    match inner(v6) {
        Some(v4) if is_global(v4) => IpAddr::V4(v4),
        _ => address,
    }
}

fn inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(pair(high, low)),
        [0x2002, high, low, ..] => Some(pair(high, low)),
        _ => None,
    }
}

fn is_global(address: Ipv4Addr) -> bool {
    let shared = address.octets()[0] == 100 && (64..128).contains(&address.octets()[1]);
    let reserved = address.octets()[0] == 0 || address.octets()[0] >= 240;
    let inward = address.is_private() || address.is_loopback() || address.is_link_local();
    !(shared || reserved || inward || address.is_multicast())
}

#[cfg(test)]
mod tests;
