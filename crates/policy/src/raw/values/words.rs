//! Keys that take one of a few words.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::answers::{ForwardedStyle, HeaderStyle, ResetStyle};
use crate::codes;
use crate::edge::CountBy;
use crate::expectation::ExpectedVerdict;
use crate::findings::{Finding, Findings};
use crate::grpc::AskedIdentity;
use crate::identity::{CertificateSubject, InvalidToken};
use crate::limit::{Across, Mode, OnChange, Per};
use crate::network::{ClientAuth, OriginProtocol};
use crate::node::{FromNode, Node, Value};
use crate::operation::FailMode;
use crate::paths::TrailingSlash;
use crate::suggest::{listing, nearest};

/// A type whose values have words.
pub(crate) trait Words: Sized + Copy + 'static {
    /// With its article, for messages.
    const WHAT: &'static str;
    /// All words.
    const WORDS: &'static [(&'static str, Self)];
}

/// One of the words of `T`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Word<T>(pub(crate) T);

impl<T: Words> FromNode for Word<T> {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        let words = || T::WORDS.iter().map(|(word, _)| *word);
        let Value::Text(text) = &node.value else {
            let message = format!("expected {}, found {}", T::WHAT, node.kind());
            findings.push(
                Finding::error(codes::WRONG_KIND, node.span, message)
                    .help(format!("write {}", listing(words()))),
            );
            return None;
        };
        if let Some((_, value)) = T::WORDS.iter().find(|(word, _)| word == text) {
            return Some(Word(*value));
        }
        let help = match nearest(text, words()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("write {}", listing(words())),
        };
        findings.push(
            Finding::error(
                codes::UNKNOWN_WORD,
                node.span,
                format!("`{text}` is not {}", T::WHAT),
            )
            .help(help),
        );
        None
    }
}

impl<T: Words> JsonSchema for Word<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::WHAT.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

/// The word `off`, or a value.
#[derive(Debug, Clone)]
pub(crate) enum OffOr<T> {
    Off,
    Value(T),
}

impl<T> OffOr<T> {
    /// A setting that is on unless configured: the default where nothing is written.
    pub(crate) fn or_default<U>(
        setting: Option<OffOr<T>>,
        default: U,
        value: impl FnOnce(T) -> U,
    ) -> Option<U> {
        match setting {
            None => Some(default),
            Some(OffOr::Off) => None,
            Some(OffOr::Value(written)) => Some(value(written)),
        }
    }
}

impl<T: FromNode> FromNode for OffOr<T> {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text == "off" => Some(OffOr::Off),
            _ => T::from_node(node, findings).map(OffOr::Value),
        }
    }
}

impl<T: JsonSchema> JsonSchema for OffOr<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("off_or_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [{ "const": "off" }, value] })
    }
}

/// What happens beyond a quota; the rate of a throttle stands beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum OnExceedWord {
    Notify,
    Throttle,
    Block,
}

macro_rules! words {
    ($($kind:ty, $what:literal: $($word:literal => $value:expr),*;)*) => {
        $(impl Words for $kind {
            const WHAT: &'static str = $what;
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, $value)),*];
        })*
    };
}

words! {
    Mode, "a mode": "enforce" => Mode::Enforce, "shadow" => Mode::Shadow, "off" => Mode::Off;
    Per, "a caller to count for":
        "user" => Per::User, "account" => Per::Account, "network" => Per::Network, "global" => Per::Global;
    Across, "a reach": "each_route" => Across::EachRoute, "all_routes" => Across::AllRoutes;
    OnChange, "what becomes of counts":
        "keep" => OnChange::Keep, "as_is" => OnChange::AsIs, "reset" => OnChange::Reset;
    CountBy, "a way to count ids": "id" => CountBy::Id, "id_and_address" => CountBy::IdAndAddress;
    OnExceedWord, "what happens beyond a quota":
        "notify" => OnExceedWord::Notify,
        "throttle" => OnExceedWord::Throttle,
        "block" => OnExceedWord::Block;
    InvalidToken, "an answer to invalid tokens":
        "reject" => InvalidToken::Reject, "anonymous" => InvalidToken::Anonymous;
    AskedIdentity, "a way to say who calls":
        "token" => AskedIdentity::Token, "verified" => AskedIdentity::Verified;
    CertificateSubject, "a place of the subject":
        "san_uri" => CertificateSubject::SanUri,
        "san_dns" => CertificateSubject::SanDns,
        "san_email" => CertificateSubject::SanEmail,
        "common_name" => CertificateSubject::CommonName;
    ClientAuth, "a rule for client certificates":
        "required" => ClientAuth::Required, "optional" => ClientAuth::Optional;
    TrailingSlash, "a rule for trailing slashes":
        "ignore" => TrailingSlash::Ignore, "strict" => TrailingSlash::Strict;
    OriginProtocol, "a protocol of the origin":
        "http1" => OriginProtocol::Http1, "http2" => OriginProtocol::Http2;
    FailMode, "a failure mode": "closed" => FailMode::Closed, "open" => FailMode::Open;
    HeaderStyle, "a header style":
        "draft-10" => HeaderStyle::Draft10,
        "draft-03" => HeaderStyle::Draft03,
        "x-ratelimit" => HeaderStyle::XRateLimit { reset: ResetStyle::Delta },
        "x-ratelimit-epoch" => HeaderStyle::XRateLimit { reset: ResetStyle::Epoch },
        "github" => HeaderStyle::GitHub,
        "none" => HeaderStyle::None;
    ForwardedStyle, "a forwarding style":
        "x" => ForwardedStyle::X,
        "rfc7239" => ForwardedStyle::Rfc7239,
        "both" => ForwardedStyle::Both,
        "off" => ForwardedStyle::Off;
    ExpectedVerdict, "a verdict":
        "allow" => ExpectedVerdict::Allow,
        "limit" => ExpectedVerdict::Limit,
        "unauthenticated" => ExpectedVerdict::Unauthenticated,
        "bad_request" => ExpectedVerdict::BadRequest,
        "forbidden" => ExpectedVerdict::Forbidden,
        "unavailable" => ExpectedVerdict::Unavailable;
}
