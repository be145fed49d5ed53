//! Client certificates: who asks for them, and what they are good for.

use super::Check;
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::Finding;
use crate::identity::{CertificateSubject, ClientCertificates};
use crate::network::{ClientAuth, ClientAuthority, Listener, Tls};
use crate::node::At;
use crate::plan::PlanId;
use crate::raw::{RawClientCertificates, RawTls, Word};

impl Check<'_, '_> {
    /// A listener's `tls`; `used` when client certificates are an identity.
    pub(super) fn tls(&mut self, raw: RawTls, used: bool) -> Tls {
        match (&raw.client_ca, &raw.client_auth) {
            (None, Some(auth)) => self.error(
                Finding::error(
                    codes::CONFLICT,
                    auth.span,
                    "no client certificate could be verified",
                )
                .label("there is no `client_ca` beside it")
                .help("add `client_ca: ca.pem`, or remove `client_auth`"),
            ),
            (
                Some(_),
                Some(At {
                    value: Word(ClientAuth::Optional),
                    span,
                }),
            ) if !used && self.whole => self.findings.push(
                Finding::warning(
                    codes::CONFLICT,
                    *span,
                    "client certificates are asked for and used for nothing",
                )
                .label("whoever has none comes in as well")
                .help("add `client_certificates: {}` to `identity`, or write `required`"),
            ),
            _ => {}
        }
        let auth = raw.client_auth.map(|auth| auth.value.0).unwrap_or_default();
        Tls {
            cert: self.file(&raw.cert.0),
            key: self.file(&raw.key.0),
            clients: raw.client_ca.map(|ca| ClientAuthority {
                ca: self.file(&ca.0),
                auth,
            }),
        }
    }

    pub(super) fn client_certificates(&mut self, raw: RawClientCertificates) -> ClientCertificates {
        let plan = raw.plan.map(|name| {
            let name = At {
                span: name.span,
                value: name.value.0,
            };
            // A name that is no plan's is an error already: any plan may stand for it.
            self.plan(&name).unwrap_or(PlanId(0))
        });
        ClientCertificates {
            subject: raw
                .subject
                .map_or(CertificateSubject::SanUri, |Word(subject)| subject),
            plan,
        }
    }

    /// An identity by certificates needs a listener that sees some.
    pub(super) fn certificates_are_asked_for(
        &mut self,
        section: Option<Span>,
        listeners: &[Listener],
    ) {
        let authority = |listener: &Listener| {
            let clients = listener.tls.as_ref()?.clients.as_ref()?;
            Some(clients.ca.clone())
        };
        let mut authorities: Vec<_> = listeners.iter().filter_map(authority).collect();
        authorities.sort();
        authorities.dedup();
        let Some(span) = section else { return };
        if authorities.len() > 1 {
            // The authority is no part of a user's name: one could name the other's users.
            self.error(
                Finding::error(
                    codes::CONFLICT,
                    span,
                    "client certificates of several authorities would be one identity",
                )
                .label("two listeners have another `client_ca` each")
                .help("put the authorities that may name the same users into one file; others need a gateway of their own"),
            );
        }
        if self.whole && authorities.is_empty() {
            self.error(
                Finding::error(
                    codes::CONFLICT,
                    span,
                    "no listener asks for client certificates",
                )
                .label("nobody could be known by one")
                .help("add `client_ca: ca.pem` to the `tls` of a listener, or remove `client_certificates`"),
            );
        }
    }
}
