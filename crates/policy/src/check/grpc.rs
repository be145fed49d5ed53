//! Where Envoy asks, who may, and domains that mean one thing each.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Check;
use super::plans::Plans;
use super::serving::is_taken;
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::Finding;
use crate::grpc::{
    AskedIdentity, DescriptorDomain, DescriptorMode, DescriptorRule, DomainKind, GrpcConfig,
};
use crate::limit::{Amount, Mode};
use crate::network::{AdminApi, Listener};
use crate::node::{At, Named};
use crate::raw::{RawDomain, RawGrpc};

/// Domains of a policy.
const DOMAINS_MAX: usize = 1_000;
/// The longest name of a domain, in bytes.
const DOMAIN_BYTES_MAX: usize = 255;
/// Where envoyproxy/ratelimit and limitador listen.
const GRPC_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

/// Who listens beside it.
pub(super) struct Beside<'a> {
    pub(super) listeners: &'a [Listener],
    pub(super) admin: Option<SocketAddr>,
    pub(super) admin_api: Option<&'a AdminApi>,
}

impl Check<'_, '_> {
    pub(super) fn grpc(
        &mut self,
        raw: Option<RawGrpc>,
        beside: &Beside<'_>,
        plans: &Plans,
        mode: Mode,
    ) -> Option<GrpcConfig> {
        let raw = raw?;
        let (span, address) = match raw.listen {
            Some(At { span, value }) => (span, value.0),
            None => (raw.span, GRPC_DEFAULT),
        };
        self.free_for_grpc(address, span, beside);
        let tls = raw.tls.map(|tls| self.tls(tls, false));
        let knows_clients = tls.as_ref().is_some_and(|tls| tls.clients.is_some());
        if self.whole && !address.ip().is_loopback() && !knows_clients {
            self.findings.push(
                Finding::warning(
                    codes::CONFLICT,
                    span,
                    "anybody who reaches this address may ask",
                )
                .label("and spend what others have left, where domains believe what they are told")
                .help("add `client_ca: envoys.pem` to `tls`, or listen on `127.0.0.1:8081`"),
            );
        }
        let mut domains = raw
            .domains
            .map_or_else(Vec::new, |domains| self.domains(domains, plans));
        for domain in &mut domains {
            if let DomainKind::Rules(rules) = &mut domain.kind {
                soften(rules, mode);
            }
        }
        Some(GrpcConfig {
            listener: Listener { address, tls },
            domains,
        })
    }

    fn free_for_grpc(&mut self, address: SocketAddr, span: Span, beside: &Beside<'_>) {
        let plain = |address| Listener { address, tls: None };
        let admin = beside.admin.map(plain);
        let admin_api = beside.admin_api.map(|api| plain(api.listener.address));
        let taken = is_taken(address, beside.listeners)
            || is_taken(address, admin.as_slice())
            || is_taken(address, admin_api.as_slice());
        if taken {
            self.error(
                Finding::error(
                    codes::ADDRESS,
                    span,
                    format!("address `{address}` is listened on already"),
                )
                .label("by `listen`, `admin` or `admin_api`")
                .help("give `grpc` a port of its own: `listen: 127.0.0.1:8082`"),
            );
        }
    }

    fn domains(&mut self, raw: At<Named<RawDomain>>, plans: &Plans) -> Vec<DescriptorDomain> {
        let Named(raw_domains) = raw.value;
        if raw_domains.len() > DOMAINS_MAX {
            self.error(
                Finding::error(
                    codes::TOO_MANY,
                    raw.span,
                    format!("policy has more than {DOMAINS_MAX} domains"),
                )
                .help("put rules of one kind into one domain, told apart by their first key"),
            );
        }
        let mut left = crate::grpc::DESCRIPTOR_RULES_MAX;
        let mut domains = Vec::with_capacity(raw_domains.len());
        for (name, raw) in raw_domains {
            if name.value.is_empty() || name.value.len() > DOMAIN_BYTES_MAX {
                self.error(
                    Finding::error(codes::NAME, name.span, "domain has no usable name")
                        .help("write 1 to 255 bytes, as the asking proxy's configuration says it"),
                );
            }
            let kind = self.domain(raw, plans, &mut left);
            domains.push(DescriptorDomain {
                name: name.value.into(),
                kind,
            });
        }
        domains
    }

    fn domain(&mut self, raw: RawDomain, plans: &Plans, left: &mut usize) -> DomainKind {
        match (raw.identity, raw.descriptors) {
            (Some(identity), Some(_)) => {
                self.error(
                    Finding::error(
                        codes::CONFLICT,
                        identity.span,
                        "a domain is decided by the policy or by rules of its own",
                    )
                    .label("there are `descriptors` as well")
                    .help("remove one of the two, or make two domains"),
                );
                DomainKind::Policy(identity.value.0)
            }
            (None, Some(rules)) => DomainKind::Rules(self.descriptor_rules(rules.value, left)),
            (identity, None) => {
                let identity_span = identity.as_ref().map_or(raw.span, |word| word.span);
                self.nothing_ends(identity_span, plans, "Envoy");
                DomainKind::Policy(identity.map_or(AskedIdentity::Token, |word| word.value.0))
            }
        }
    }

    /// A question has no end: what counts requests under way counts nothing.
    pub(super) fn nothing_ends(&mut self, span: Span, plans: &Plans, whence: &str) {
        let under_way = |amount: &Amount| matches!(amount, Amount::Concurrency { .. });
        let name = plans.limits.iter().find_map(|plan| {
            let own = plan.by_route.iter().flat_map(|(_, limits)| limits);
            let mut all = plan.everywhere.iter().chain(own);
            let found = all.find(|limit| under_way(&limit.amount))?;
            Some(found.name.clone())
        });
        if let Some(name) = name {
            self.findings.push(
                Finding::warning(
                    codes::CONFLICT,
                    span,
                    format!("limit `{name}` counts requests under way, and does not hold here"),
                )
                .label("nobody says when a request ends that was only asked about")
                .help(format!(
                    "write a `rate` for what comes through {whence}, or let Tollgate forward it"
                )),
            );
        }
    }
}

/// The policy's own mode holds for rules too.
fn soften(rules: &mut [DescriptorRule], mode: Mode) {
    for rule in rules {
        match (mode, &mut rule.limit) {
            (Mode::Off, limit) => *limit = None,
            (Mode::Shadow, Some(limit)) if limit.mode == DescriptorMode::Enforce => {
                limit.mode = DescriptorMode::Shadow;
            }
            _ => {}
        }
        soften(&mut rule.nested, mode);
    }
}
