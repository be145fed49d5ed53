//! `listen`, `admin`, `origin`, `responses`, `forward`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::section::{section, short_form};
use super::values::{
    Address, FilePath, HeaderName, HeaderValue, OffOr, OriginUrl, PathText, Period, Whole, Word,
};
use crate::answers::{ForwardedStyle, HeaderStyle};
use crate::findings::Findings;
use crate::network::{ClientAuth, OriginProtocol};
use crate::node::{At, FromNode, Node, OneOrMany, Value};

section! {
    /// A listener.
    RawListener("a listener") {
        /// Address and port to listen on.
        address: At<Address>,
        /// A certificate: the listener then speaks TLS with HTTP/2 and HTTP/1.1 by ALPN. Default: plain HTTP/1.1 and
        /// h2c.
        tls: Option<RawTls>,
    }
}

section! {
    /// Files of a server certificate, relative to the policy's folder.
    RawTls("a certificate") {
        /// PEM file of the chain, leaf first.
        cert: FilePath,
        /// PEM file of the private key.
        key: FilePath,
        /// PEM file of the authorities whose client certificates are accepted. Default: none is asked for.
        client_ca: Option<FilePath>,
        /// Whether a client has to show a certificate: `required`, or `optional`; only with `client_ca`. One that does
        /// not verify ends the connection either way. Default: `required`.
        client_auth: Option<At<Word<ClientAuth>>>,
    }
}

section! {
    /// The origin.
    RawOriginSection("an origin") {
        /// One URL or several: scheme, host and perhaps a port, without a path.
        urls: OneOrMany<At<OriginUrl>>,
        /// What the origin speaks: `http1`, or `http2` (by ALPN over TLS, with prior knowledge without).
        /// Default: `http1`.
        protocol: Option<Word<OriginProtocol>>,
        /// Health checks of every endpoint. Default: endpoints are judged by their answers only.
        health: Option<RawHealth>,
        /// For opening a connection. Default: `5s`.
        connect_timeout: Option<Period>,
        /// Until the head of an answer is there. Default: `60s`.
        response_timeout: Option<Period>,
        /// Idle connections kept for each endpoint by each worker, 0 to 10,000. Default: 128.
        max_idle_per_endpoint: Option<Whole<0, 10_000>>,
        /// Whether the client's `Host` is passed on; else the endpoint's own. Default: true.
        pass_host: Option<bool>,
        /// PEM file of the authorities that sign the origin's certificate. Default: the platform's.
        ca: Option<FilePath>,
    }
}

section! {
    /// Health checks.
    RawHealth("a health check") {
        /// The path asked with GET; any 2xx is healthy.
        path: PathText,
        /// Between two checks. Default: `5s`.
        interval: Option<Period>,
        /// For one check. Default: `2s`.
        timeout: Option<Period>,
        /// Failures in a row that take an endpoint out, 1 to 100. Default: 3.
        unhealthy_after: Option<Whole<1, 100>>,
        /// Successes in a row that bring it back, 1 to 100. Default: 2.
        healthy_after: Option<Whole<1, 100>>,
    }
}

section! {
    /// What callers are told.
    RawResponses("responses") {
        /// Which rate-limit fields answers carry: `draft-10` (`RateLimit` and `RateLimit-Policy`), `draft-03`,
        /// `x-ratelimit` (reset in seconds from now), `x-ratelimit-epoch` (reset as a Unix time), `github`, `none`.
        /// `Retry-After` is always sent. Default: `draft-10`.
        headers: Option<Word<HeaderStyle>>,
        /// The path where a caller asks for its own limits, free of charge; or `off`. Default: `/rate_limit`.
        rate_limit_path: Option<OffOr<PathText>>,
        /// The `realm` of `WWW-Authenticate`. Default: `tollgate`.
        realm: Option<HeaderValue>,
    }
}

section! {
    /// What the origin is told.
    RawForward("forwarding rules") {
        /// Header fields with the verified identity, or `off` for none. A client's own are always removed.
        identity_headers: Option<OffOr<RawIdentityNames>>,
        /// Which forwarding fields are set: `x` (`X-Forwarded-For`, `-Proto`, `-Host`), `rfc7239` (`Forwarded`),
        /// `both` or `off`. Default: `x`.
        forwarded: Option<Word<ForwardedStyle>>,
        /// Whether `X-Request-Id` is set where the client sent none. Default: true.
        request_id: Option<bool>,
        /// Whether `Via` is set. Default: true.
        via: Option<bool>,
        /// Whether the client's `Authorization`, its token cookie and its API key (the field of `identity.api_keys`)
        /// reach the origin. Default: true.
        authorization: Option<bool>,
    }
}

section! {
    /// Names of the fields with the verified identity.
    RawIdentityNames("identity headers") {
        /// The subject, or `off`. Default: `x-tollgate-subject`.
        subject: Option<OffOr<At<HeaderName>>>,
        /// The account, or `off`. Default: `x-tollgate-account`.
        account: Option<OffOr<At<HeaderName>>>,
        /// The plan in force, or `off`. Default: `x-tollgate-plan`.
        plan: Option<OffOr<At<HeaderName>>>,
    }
}

// === values of several forms ===

short_form! {
    /// An address, or a listener with a certificate.
    RawListen(RawListener), Address, |address, span| RawListener { span, address, tls: None }
}

/// A URL, a list of URLs, or a section.
#[derive(Debug, Clone)]
pub(crate) struct RawOrigin(pub(crate) RawOriginSection);

impl FromNode for RawOrigin {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        if let Value::Map(_) = node.value {
            return RawOriginSection::from_node(node, findings).map(RawOrigin);
        }
        Some(RawOrigin(RawOriginSection {
            span: node.span,
            urls: OneOrMany::from_node(node, findings)?,
            protocol: None,
            health: None,
            connect_timeout: None,
            response_timeout: None,
            max_idle_per_endpoint: None,
            pass_host: None,
            ca: None,
        }))
    }
}

impl JsonSchema for RawOrigin {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawOrigin".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let urls = generator.subschema_for::<OneOrMany<OriginUrl>>();
        let section = generator.subschema_for::<RawOriginSection>();
        json_schema!({ "anyOf": [urls, section] })
    }
}
