//! Listeners, the origin, responses, forwarding.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::Check;
use crate::answers::{ForwardedStyle, ForwardingConfig, HeaderStyle, ResponseConfig};
use crate::codes;
use crate::findings::Finding;
use crate::network::{AdminApi, Endpoint, HealthCheck, Listener, OriginConfig, OriginProtocol};
use crate::node::{At, OneOrMany};
use crate::raw::{
    Address, OffOr, OriginUrl, RawAdminApi, RawForward, RawHealth, RawListen, RawOriginSection,
    RawResponses, Word,
};

/// Listeners of a policy.
const LISTENERS_MAX: usize = 64;
/// Endpoints of an origin.
const ENDPOINTS_MAX: usize = 256;

const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const ADMIN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);
const ADMIN_API_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9902);

impl Check<'_, '_> {
    pub(super) fn listeners(
        &mut self,
        raw: Option<OneOrMany<RawListen>>,
        certificates: bool,
    ) -> Vec<Listener> {
        let Some(OneOrMany(raw)) = raw else {
            return vec![Listener {
                address: LISTEN_DEFAULT,
                tls: None,
            }];
        };
        let mut listeners: Vec<Listener> = Vec::new();
        for RawListen(raw) in raw {
            let At {
                span,
                value: Address(address),
            } = raw.address;
            if is_taken(address, &listeners) {
                self.error(
                    Finding::error(
                        codes::ADDRESS,
                        span,
                        format!("address `{address}` is listened on already"),
                    )
                    .label("the second one")
                    .help("remove one of the two, or change its port"),
                );
            }
            let tls = raw.tls.map(|tls| self.tls(tls, certificates));
            if listeners.len() == LISTENERS_MAX {
                self.error(
                    Finding::error(
                        codes::TOO_MANY,
                        span,
                        format!("policy has more than {LISTENERS_MAX} listeners"),
                    )
                    .help("listen on `0.0.0.0` or `[::]` for all addresses of the machine"),
                );
                break;
            }
            listeners.push(Listener { address, tls });
        }
        listeners
    }

    pub(super) fn admin(
        &mut self,
        raw: Option<At<OffOr<Address>>>,
        listeners: &[Listener],
    ) -> Option<SocketAddr> {
        let Some(At { span, value }) = raw else {
            return Some(ADMIN_DEFAULT);
        };
        let OffOr::Value(Address(address)) = value else {
            return None;
        };
        if is_taken(address, listeners) {
            self.error(
                Finding::error(
                    codes::ADDRESS,
                    span,
                    format!("address `{address}` is listened on already"),
                )
                .label("by `listen`")
                .help(format!("give `admin` a port of its own: `{ADMIN_DEFAULT}`")),
            );
        }
        Some(address)
    }

    pub(super) fn admin_api(
        &mut self,
        raw: Option<RawAdminApi>,
        listeners: &[Listener],
        admin: Option<SocketAddr>,
    ) -> Option<AdminApi> {
        let raw = raw?;
        let (span, address) = match raw.listen {
            Some(At { span, value }) => (span, value.0),
            None => (raw.span, ADMIN_API_DEFAULT),
        };
        let admin = admin.map(|address| Listener { address, tls: None });
        if is_taken(address, listeners) || is_taken(address, admin.as_slice()) {
            self.error(
                Finding::error(
                    codes::ADDRESS,
                    span,
                    format!("address `{address}` is listened on already"),
                )
                .label("by `listen` or `admin`")
                .help("give `admin_api` a port of its own: `listen: 127.0.0.1:9903`"),
            );
        }
        if raw.tls.is_none() && !address.ip().is_loopback() {
            self.error(
                Finding::error(
                    codes::CONFLICT,
                    span,
                    "keys of the admin API would cross a network in the clear",
                )
                .label("other machines reach this address")
                .help("add `tls: {cert: chain.pem, key: key.pem}`, or listen on `127.0.0.1:9902`"),
            );
        }
        let tls = raw.tls.map(|tls| self.tls(tls, false));
        Some(AdminApi {
            listener: Listener { address, tls },
            keys: self.file(&raw.keys.0),
        })
    }

    pub(super) fn origin(&mut self, raw: RawOriginSection, listeners: &[Listener]) -> OriginConfig {
        let mut endpoints: Vec<Endpoint> = Vec::new();
        if raw.urls.0.is_empty() {
            self.error(
                Finding::error(codes::RANGE, raw.span, "origin has no URL")
                    .help("write `urls: [http://127.0.0.1:9000]`"),
            );
        }
        if let Some(beyond) = raw.urls.0.get(ENDPOINTS_MAX) {
            self.error(
                Finding::error(
                    codes::TOO_MANY,
                    beyond.span,
                    format!("origin has more than {ENDPOINTS_MAX} URLs"),
                )
                .help("put a load balancer between"),
            );
        }
        for At {
            span,
            value: OriginUrl(endpoint),
        } in raw.urls.0
        {
            if endpoints
                .iter()
                .any(|known| (&known.host, known.port) == (&endpoint.host, endpoint.port))
            {
                self.error(
                    Finding::error(
                        codes::DUPLICATE_NAME,
                        span,
                        format!("origin `{}` stands twice", endpoint.url),
                    )
                    .label("the second one")
                    .help("remove it: every endpoint gets its share by its load"),
                );
            }
            let address = endpoint
                .host
                .parse()
                .ok()
                .map(|host: IpAddr| SocketAddr::new(host, endpoint.port));
            if address.is_some_and(|address| is_taken(address, listeners)) {
                self.error(
                    Finding::error(
                        codes::CONFLICT,
                        span,
                        format!("origin `{}` is the gateway itself", endpoint.url),
                    )
                    .label("`listen` has this address")
                    .help("write the address of the service behind the gateway"),
                );
            }
            endpoints.push(endpoint);
        }
        OriginConfig {
            endpoints,
            protocol: raw
                .protocol
                .map_or(OriginProtocol::Http1, |Word(protocol)| protocol),
            health: raw.health.map(health),
            connect_timeout: raw
                .connect_timeout
                .map_or(Duration::from_secs(5), |period| period.0),
            response_timeout: raw
                .response_timeout
                .map_or(Duration::from_secs(60), |period| period.0),
            max_idle_per_endpoint: raw.max_idle_per_endpoint.map_or(128, |idle| idle.size()),
            pass_host: raw.pass_host.unwrap_or(true),
            ca: raw.ca.map(|path| self.file(&path.0)),
        }
    }

    pub(super) fn forwarding(&mut self, raw: Option<RawForward>) -> ForwardingConfig {
        let mut config = ForwardingConfig {
            subject: Some("x-tollgate-subject".to_owned()),
            account: Some("x-tollgate-account".to_owned()),
            plan: Some("x-tollgate-plan".to_owned()),
            forwarded: ForwardedStyle::X,
            request_id: true,
            via: true,
            forward_authorization: true,
        };
        let Some(raw) = raw else { return config };
        match raw.identity_headers {
            None => {}
            Some(OffOr::Off) => (config.subject, config.account, config.plan) = (None, None, None),
            Some(OffOr::Value(names)) => {
                let mut taken: Vec<String> = Vec::new();
                let slots = [
                    (&mut config.subject, names.subject),
                    (&mut config.account, names.account),
                    (&mut config.plan, names.plan),
                ];
                for (slot, written) in slots {
                    let mut span = names.span;
                    match written {
                        None => {}
                        Some(OffOr::Off) => *slot = None,
                        Some(OffOr::Value(name)) => {
                            span = name.span;
                            *slot = Some(name.value.0);
                        }
                    }
                    let Some(name) = slot.clone() else { continue };
                    let others: Vec<&str> = taken.iter().map(String::as_str).collect();
                    self.unique_header(&name, span, &others);
                    taken.push(name);
                }
            }
        }
        config.forwarded = raw.forwarded.map_or(ForwardedStyle::X, |Word(style)| style);
        config.request_id = raw.request_id.unwrap_or(true);
        config.via = raw.via.unwrap_or(true);
        config.forward_authorization = raw.authorization.unwrap_or(true);
        config
    }
}

/// Port 0 stands for any free one, and is never taken.
pub(super) fn is_taken(address: SocketAddr, listeners: &[Listener]) -> bool {
    address.port() != 0 && listeners.iter().any(|listener| listener.address == address)
}

fn health(raw: RawHealth) -> HealthCheck {
    let times = |written: Option<u64>, default: u32| {
        written
            .and_then(|times| u32::try_from(times).ok())
            .unwrap_or(default)
    };
    HealthCheck {
        path: raw.path.0,
        interval: raw
            .interval
            .map_or(Duration::from_secs(5), |period| period.0),
        timeout: raw
            .timeout
            .map_or(Duration::from_secs(2), |period| period.0),
        unhealthy_after: times(raw.unhealthy_after.map(|times| times.0), 3),
        healthy_after: times(raw.healthy_after.map(|times| times.0), 2),
    }
}

pub(super) fn responses(raw: Option<RawResponses>) -> ResponseConfig {
    let (style, path, realm) = raw.map_or((None, None, None), |raw| {
        (raw.headers, raw.rate_limit_path, raw.realm)
    });
    ResponseConfig {
        style: style.map_or(HeaderStyle::Draft10, |Word(style)| style),
        rate_limit_path: OffOr::or_default(path, "/rate_limit".to_owned(), |path| path.0),
        realm: realm.map_or_else(|| "tollgate".to_owned(), |realm| realm.0),
    }
}
