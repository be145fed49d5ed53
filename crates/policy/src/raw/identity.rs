//! `identity`: issuers, the anonymous plan, trusted hops.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::api_keys::RawApiKeys;
use super::section::{section, short_form, text_value};
use super::values::{
    ClaimName, CookieName, FilePath, Moment, Network, OffOr, Period, PlanName, RateText, ShortText,
    Units, WebUrl, Whole, Word,
};
use crate::codes;
use crate::findings::{Finding, Findings, Problem};
use crate::identity::{Algorithm, CertificateSubject, InvalidToken};
use crate::node::{At, FromNode, Given, Node, OneOrMany, Value, wrong_kind};
use crate::suggest::{listing, nearest};

section! {
    /// Who may call. At least an issuer, `api_keys`, `client_certificates` or `anonymous` is needed.
    RawIdentity("identity") {
        /// Issuers of accepted tokens.
        issuers: Option<Vec<RawIssuer>>,
        /// API keys, for callers without a token. Default: none.
        api_keys: Option<RawApiKeys>,
        /// What a caller without a token gets. Default: 401.
        anonymous: Option<RawAnonymous>,
        /// Callers who are known by their client certificate, on listeners with `client_ca`. A request with a bearer
        /// token is judged by its token. Default: a certificate opens the connection and says nothing of the caller.
        client_certificates: Option<RawClientCertificates>,
        /// Networks whose `Forwarded` and `X-Forwarded-For` are believed. Default: none.
        trusted_proxies: Option<Vec<At<Network>>>,
        /// At most this many hops are read, from the nearest on, 1 to 32. Default: as many as are trusted.
        trusted_hops: Option<Whole<1, 32>>,
        /// What a caller with an invalid token or API key gets: `reject` (401) or `anonymous`. Default: `reject`.
        invalid_token: Option<At<Word<InvalidToken>>>,
        /// Cookie that holds the token of a request without `Authorization`. Default: none.
        token_cookie: Option<At<CookieName>>,
        /// How many credentials may fail to verify, for each client network: a rate, `{rate: …, burst: …}`, or `off`.
        /// Beyond it the network's new tokens are answered 429 without a look; those that verified before still pass.
        /// Default: `{rate: 20/s, burst: 200}`.
        failed_verifications: Option<OffOr<RawBudget>>,
        /// How many refusals of a credential one client connection is answered at once: a rate, `{rate: …, burst: …}`,
        /// or `off`. Those beyond it are answered late, each when its turn comes, at most 2 s; other requests of the
        /// connection do not wait. Default: `{rate: 20/s, burst: 20}`.
        refusal_pace: Option<OffOr<RawBudget>>,
        /// Verified tokens kept in memory, 1 to 10,000,000. Default: 100,000.
        token_cache: Option<Whole<1, 10_000_000>>,
        /// File of the keys of bucket ids, or `environment` for the text of such a file in the variable
        /// `TOLLGATE_BUCKET_KEYS`. Default: keys that last as long as the process.
        bucket_keys: Option<FilePath>,
    }
}

section! {
    /// Callers who are known by their client certificate.
    RawClientCertificates("client certificates") {
        /// Where the subject stands: `san_uri` (as in SPIFFE), `san_dns` or `san_email` among the alternative names, or
        /// `common_name`. A certificate that has none of the kind, or several, is no identity. Default: `san_uri`.
        subject: Option<Word<CertificateSubject>>,
        /// Their plan. Default: `default_plan`.
        plan: Option<At<PlanName>>,
    }
}

section! {
    /// How often something may happen, with a burst.
    RawBudgetSection("a budget") {
        /// `<count>/<period>`, for example `20/s`: from one in 366 days to 10,000,000 per second.
        rate: At<RateText>,
        /// How much may come at once, 1 to 2^32. Default: the count of the rate.
        burst: Option<At<Units>>,
    }
}

short_form! {
    /// A rate, or a rate with a burst.
    RawBudget(RawBudgetSection), RateText, |rate, span| RawBudgetSection { span, rate, burst: None }
}

section! {
    /// An issuer of tokens.
    RawIssuer("an issuer") {
        /// The exact `iss` of its tokens.
        issuer: At<WebUrlOrText>,
        /// Accepted audiences, one or a list: a token carries at least one of them in `aud`.
        audience: OneOrMany<ShortText>,
        /// Where its keys come from: the URL of a JWK set, `{file: …}`, `{inline: …}`, or `discovery` (the `jwks_uri`
        /// of `{issuer}/.well-known/openid-configuration`). Default: `discovery`.
        jwks: Option<Given<At<RawKeys>>>,
        /// Accepted signature algorithms. Default: EdDSA, ES256, RS256.
        algorithms: Option<Given<Vec<At<AlgorithmName>>>>,
        /// Allowed clock difference, at most 10 min. Default: `60s`.
        leeway: Option<At<Moment>>,
        /// Claims that a token must carry besides `iss`, `aud`, `exp` and the subject. Default: none.
        required_claims: Option<Vec<ClaimName>>,
        /// Which claims mean what.
        claims: Option<RawClaims>,
        /// The required `typ` of a token's header, for example `at+jwt`. Default: any.
        typ: Option<ShortText>,
        /// A token that is valid for longer than this from now on is refused. Default: `30d`.
        max_lifetime: Option<Period>,
        /// How often keys are fetched anew, 1 min to 24 h. Default: `10min`.
        refresh: Option<At<Period>>,
        /// Whether keys may be fetched from a private or loopback address, or over plain HTTP from another machine.
        /// Default: only where the URL is written with such an address.
        allow_private_addresses: Option<bool>,
        /// File with the shared secret, at least 32 bytes; only with `algorithms: [HS256]`.
        secret_file: Option<At<FilePath>>,
    }
}

section! {
    /// Which claims mean what. A dot goes into a nested object: `realm.plan`.
    RawClaims("claims") {
        /// The user. Default: `sub`.
        subject: Option<At<ClaimName>>,
        /// The client of a machine token, for example `client_id` or `azp`: a token without a subject is counted as
        /// `client:` and its value. Default: none, and a token without a subject is refused.
        client: Option<At<ClaimName>>,
        /// The account. Default: none.
        account: Option<At<ClaimName>>,
        /// The plan. Default: none.
        plan: Option<At<ClaimName>>,
    }
}

section! {
    /// What a caller without a token gets.
    RawAnonymous("anonymous") {
        /// Its plan.
        plan: At<PlanName>,
        /// Networks whose forwarding headers are believed; the same as beside `issuers`. Default: none.
        trusted_proxies: Option<Vec<At<Network>>>,
        /// Bits of an IPv4 address that make one client network, 8 to 32. Default: 32.
        ipv4_prefix: Option<Whole<8, 32>>,
        /// Bits of an IPv6 address that make one client network, 16 to 128. Default: 64.
        ipv6_prefix: Option<Whole<16, 128>>,
    }
}

text_value! {
    /// An issuer's name: usually a URL, compared as text.
    WebUrlOrText(String), "the name of an issuer", ["https://login.example.com"], issuer_name
}

text_value! {
    /// A JOSE algorithm.
    AlgorithmName(Algorithm), "an algorithm", ["EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "HS256"],
    algorithm
}

fn issuer_name(text: &str) -> Result<String, Problem> {
    if text.is_empty()
        || text.len() > 1024
        || text.chars().any(|c| c.is_control() || c.is_whitespace())
    {
        let help = "write the `iss` of the tokens exactly, for example `https://login.example.com`";
        return Err(Problem::new(
            codes::NAME,
            format!("`{text}` cannot be the name of an issuer"),
            help,
        ));
    }
    Ok(text.to_owned())
}

fn algorithm(text: &str) -> Result<Algorithm, Problem> {
    let wrong = |message: String, help: String| Err(Problem::new(codes::ALGORITHM, message, help));
    if let Some(known) = Algorithm::ALL
        .into_iter()
        .find(|known| known.as_str() == text)
    {
        return Ok(known);
    }
    if text.eq_ignore_ascii_case("none") {
        return wrong(
            "algorithm `none` proves nothing: anybody could be anybody".into(),
            "write the algorithm that the issuer signs with, for example `RS256`".into(),
        );
    }
    let names = || Algorithm::ALL.into_iter().map(Algorithm::as_str);
    let same_letters = names().find(|name| name.eq_ignore_ascii_case(text));
    match same_letters.or_else(|| nearest(text, names())) {
        Some(name) => wrong(
            format!("`{text}` is not an algorithm"),
            format!("did you mean `{name}`?"),
        ),
        None => wrong(
            format!("`{text}` is not an algorithm"),
            format!("write {}", listing(names())),
        ),
    }
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
pub(crate) enum RawKeys {
    Discovery,
    Url(WebUrl),
    File(FilePath),
    /// JSON text.
    Inline(At<String>),
}

section! {
    /// Keys in a file, or in the policy itself.
    RawKeySection("a key set") {
        /// File with a JWK set.
        file: Option<FilePath>,
        /// A JWK set, as a section or as JSON text.
        inline: Option<RawInline>,
    }
}

/// A JWK set in the policy.
#[derive(Debug, Clone)]
pub(crate) struct RawInline(At<String>);

impl FromNode for RawInline {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        let value = match &node.value {
            Value::Text(text) => text.clone(),
            Value::Map(_) => node.to_json().to_string(),
            _ => {
                wrong_kind(node, "a key set as a section or as JSON text", findings);
                return None;
            }
        };
        Some(RawInline(At {
            span: node.span,
            value,
        }))
    }
}

impl FromNode for RawKeys {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text == "discovery" => return Some(RawKeys::Discovery),
            Value::Text(_) => return WebUrl::from_node(node, findings).map(RawKeys::Url),
            Value::Map(_) => {}
            _ => {
                wrong_kind(
                    node,
                    "a URL, `discovery`, `{file: …}` or `{inline: …}`",
                    findings,
                );
                return None;
            }
        }
        let section = RawKeySection::from_node(node, findings)?;
        match (section.file, section.inline) {
            (Some(file), None) => Some(RawKeys::File(file)),
            (None, Some(inline)) => Some(RawKeys::Inline(inline.0)),
            (file, _) => {
                let (message, help) = match file {
                    Some(_) => (
                        "keys come from two places",
                        "keep either `file` or `inline`",
                    ),
                    None => (
                        "keys come from nowhere",
                        "write `{file: jwks.json}`, or the URL of a JWK set",
                    ),
                };
                findings.push(Finding::error(codes::KEY_SET, section.span, message).help(help));
                None
            }
        }
    }
}

// === schemas ===

impl JsonSchema for RawKeys {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawKeys".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let section = generator.subschema_for::<RawKeySection>();
        json_schema!({ "anyOf": [{ "const": "discovery" }, { "type": "string", "format": "uri" }, section] })
    }
}

impl JsonSchema for RawInline {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawInline".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "object" }] })
    }
}
