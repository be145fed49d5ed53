//! Addresses and networks.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::codes;
use crate::findings::Problem;
use crate::raw::section::text_value;

text_value! {
    /// `<address>:<port>` to listen on.
    Address(SocketAddr), "an address", ["127.0.0.1:8080", "0.0.0.0:443", "[::]:8080"], address
}

text_value! {
    /// `<address>/<bits>`, or an address alone.
    Network(IpNet), "a network", ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"], network
}

text_value! {
    /// A caller's address.
    ClientAddress(IpAddr), "an address", ["192.0.2.1", "2001:db8::1"], client_address
}

fn address(text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| {
        let help = match text.rsplit_once(':') {
            Some(("", port)) => format!("write the address too: `0.0.0.0:{port}` for all, `127.0.0.1:{port}` for this machine only"),
            Some(("localhost", port)) => format!("write `127.0.0.1:{port}`"),
            None if text.parse::<u16>().is_ok() => format!("write the address too: `127.0.0.1:{text}`"),
            None => format!("write the port too: `{text}:8080`"),
            _ => "write `<address>:<port>`, for example `127.0.0.1:8080` or `[::]:8080`".to_owned(),
        };
        Problem::new(codes::ADDRESS, format!("`{text}` is not an address with a port"), help)
    })
}

fn network(text: &str) -> Result<IpNet, Problem> {
    let wrong = |message: String, help: String| Problem::new(codes::NETWORK, message, help);
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let net: IpNet = text.parse().map_err(|_| {
        wrong(
            format!("`{text}` is not a network"),
            "write `<address>/<bits>`, for example `10.0.0.0/8`".into(),
        )
    })?;
    if net.trunc() != net {
        return Err(wrong(
            format!("`{text}` has bits beyond its prefix"),
            format!(
                "write `{}`, or `{}` for the one address",
                net.trunc(),
                net.addr()
            ),
        ));
    }
    Ok(net)
}

fn client_address(text: &str) -> Result<IpAddr, Problem> {
    let help = "write an IP address, for example `192.0.2.1`";
    text.parse().map_err(|_| {
        Problem::new(
            codes::NETWORK,
            format!("`{text}` is not an IP address"),
            help,
        )
    })
}
