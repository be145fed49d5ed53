//! `check`: where other proxies ask about requests that they forward themselves.

use super::section::section;
use super::serving::RawTls;
use super::values::{Address, Network};
use crate::node::At;

section! {
    /// The check endpoint and the decision API.
    RawCheckEndpoint("the check endpoint") {
        /// Address and port to listen on. Default: `127.0.0.1:8082`.
        listen: Option<At<Address>>,
        /// A certificate: the listener then speaks TLS. Default: plain HTTP.
        tls: Option<RawTls>,
        /// Addresses and networks of the proxies that may ask: what they say of the original request is believed.
        /// Everybody else gets 403. Default: this machine, `[127.0.0.1, "::1"]`.
        trusted_peers: Option<At<Vec<At<Network>>>>,
    }
}
