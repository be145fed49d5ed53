//! Statements: what of a request is looked at, and what has to hold.

use super::{
    AggregateKeyType, Comparison, Fallback, LabelScope, Position, Positional, Sensitivity, Text,
    TransformationKind,
};

/// A condition on a request, or a rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// Requests of an instance that is above a limit.
    RateBased(Box<RateBased>),
    /// A field has a text.
    ByteMatch(ByteMatch),
    /// A field has a length.
    SizeConstraint(SizeConstraint),
    /// A field matches an expression.
    RegexMatch {
        /// The field.
        inspect: Inspect,
        /// The expression, at most 512 characters.
        pattern: Text,
    },
    /// A field matches one expression of a set.
    RegexPatternSet {
        /// The field.
        inspect: Inspect,
        /// The set.
        arn: Text,
    },
    /// An earlier rule has put a label on the request.
    LabelMatch {
        /// A label, or a beginning of labels.
        scope: LabelScope,
        /// Which.
        key: Text,
    },
    /// The address lies in a country.
    GeoMatch {
        /// Two letters each.
        country_codes: Vec<Text>,
        /// Where the address comes from, if not from the connection.
        forwarded: Option<ForwardedIp>,
    },
    /// The address belongs to an autonomous system.
    AsnMatch {
        /// 1 to 100 numbers.
        asns: Vec<u64>,
        /// Where the address comes from, if not from the connection.
        forwarded: Option<ForwardedIp>,
    },
    /// The address is in a set.
    IpSet(IpSetReference),
    /// A field looks like SQL.
    SqliMatch {
        /// The field.
        inspect: Inspect,
        /// `LOW` where nothing is written.
        sensitivity: Sensitivity,
    },
    /// A field looks like a script.
    XssMatch {
        /// The field.
        inspect: Inspect,
    },
    /// A rule group of AWS or of a seller.
    ManagedRuleGroup(Box<RuleGroupUse>),
    /// A rule group of one's own.
    RuleGroup(Box<RuleGroupUse>),
    /// All of them hold.
    And(Vec<Statement>),
    /// One of them holds.
    Or(Vec<Statement>),
    /// It does not hold.
    Not(Box<Statement>),
}

/// A rate-based statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateBased {
    /// Requests of one instance in a window, 10 to 2,000,000,000.
    pub limit: u64,
    /// Length of the window in seconds: 60, 120, 300 or 600; 300 where nothing is written.
    pub window_s: u64,
    /// What is counted by.
    pub aggregate: AggregateKeyType,
    /// The parts of `CUSTOM_KEYS`, 1 to 5.
    pub keys: Vec<RateKey>,
    /// The header field of `FORWARDED_IP`.
    pub forwarded: Option<ForwardedIp>,
    /// Only requests for which it holds are counted and limited.
    pub scope_down: Option<Statement>,
}

/// A part of a request that a rate-based rule counts by. A request without one of its rule's parts
/// is neither counted nor limited.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "AWS' own names; fields are names and transformations"
)]
pub enum RateKey {
    Header {
        name: Text,
        transformations: Vec<Transformation>,
    },
    Cookie {
        name: Text,
        transformations: Vec<Transformation>,
    },
    QueryArgument {
        name: Text,
        transformations: Vec<Transformation>,
    },
    QueryString {
        transformations: Vec<Transformation>,
    },
    UriPath {
        transformations: Vec<Transformation>,
    },
    HttpMethod,
    Ip,
    ForwardedIp,
    LabelNamespace {
        namespace: Text,
    },
    Ja3Fingerprint {
        fallback: Fallback,
    },
    Ja4Fingerprint {
        fallback: Fallback,
    },
    Asn,
}

/// Where a forwarded address stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardedIp {
    /// The header field.
    pub header: Text,
    /// What becomes of a request whose field holds no address.
    pub fallback: Fallback,
}

/// A search for a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByteMatch {
    /// The field.
    pub inspect: Inspect,
    /// Where the text has to stand.
    pub positional: Positional,
    /// The text, at most 200 bytes after decoding.
    pub search: Text,
}

/// A comparison of a length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeConstraint {
    /// The field.
    pub inspect: Inspect,
    /// How.
    pub comparison: Comparison,
    /// With what, in bytes.
    pub size: u64,
}

/// A set of addresses, and which address is looked up in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpSetReference {
    /// The set.
    pub arn: Text,
    /// Where the address comes from, if not from the connection, and which of several.
    pub forwarded: Option<(ForwardedIp, Position)>,
}

/// The use of a rule group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleGroupUse {
    /// `vendor/name` of a managed one, else the ARN.
    pub name: Text,
    /// Only requests for which it holds are looked at; only of managed ones.
    pub scope_down: Option<Statement>,
}

/// A field, and what is done to it before it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspect {
    /// The field.
    pub field: Field,
    /// In the order of the file; applied by rising priority. At least one, `NONE` if nothing else.
    pub transformations: Vec<Transformation>,
}

/// A text transformation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transformation {
    /// Unique in its list.
    pub priority: u64,
    /// What it does.
    pub kind: TransformationKind,
}

/// A part of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS' own names")]
pub enum Field {
    SingleHeader(Text),
    SingleQueryArgument(Text),
    AllQueryArguments,
    UriPath,
    QueryString,
    Body,
    Method,
    JsonBody,
    Headers {
        pattern: KeyPattern,
        scope: MatchScope,
    },
    Cookies {
        pattern: KeyPattern,
        scope: MatchScope,
    },
    HeaderOrder,
    Ja3Fingerprint,
    Ja4Fingerprint,
    UriFragment,
}

/// Which header fields or cookies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPattern {
    /// All.
    All,
    /// Those with one of these names.
    Included(Vec<Text>),
    /// Those with none of these names.
    Excluded(Vec<Text>),
}

/// What of header fields or cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchScope {
    /// Names and values.
    All,
    /// Names.
    Key,
    /// Values.
    Value,
}

// === impl Statement ===

impl Statement {
    /// The name that the API has for its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Statement::RateBased(_) => "RateBasedStatement",
            Statement::ByteMatch(_) => "ByteMatchStatement",
            Statement::SizeConstraint(_) => "SizeConstraintStatement",
            Statement::RegexMatch { .. } => "RegexMatchStatement",
            Statement::RegexPatternSet { .. } => "RegexPatternSetReferenceStatement",
            Statement::LabelMatch { .. } => "LabelMatchStatement",
            Statement::GeoMatch { .. } => "GeoMatchStatement",
            Statement::AsnMatch { .. } => "AsnMatchStatement",
            Statement::IpSet(_) => "IPSetReferenceStatement",
            Statement::SqliMatch { .. } => "SqliMatchStatement",
            Statement::XssMatch { .. } => "XssMatchStatement",
            Statement::ManagedRuleGroup(_) => "ManagedRuleGroupStatement",
            Statement::RuleGroup(_) => "RuleGroupReferenceStatement",
            Statement::And(_) => "AndStatement",
            Statement::Or(_) => "OrStatement",
            Statement::Not(_) => "NotStatement",
        }
    }

    /// The statements directly in it, each with its path below this one's kind.
    #[must_use]
    pub fn children(&self) -> Vec<(String, &Statement)> {
        let scope_down = |statement| ("ScopeDownStatement".to_owned(), statement);
        match self {
            Statement::RateBased(rate) => rate.scope_down.iter().map(scope_down).collect(),
            Statement::ManagedRuleGroup(used) | Statement::RuleGroup(used) => {
                used.scope_down.iter().map(scope_down).collect()
            }
            Statement::And(all) | Statement::Or(all) => {
                let numbered = all.iter().enumerate();
                numbered
                    .map(|(index, statement)| (format!("Statements/{index}"), statement))
                    .collect()
            }
            Statement::Not(inner) => vec![("Statement".to_owned(), &**inner)],
            _ => Vec::new(),
        }
    }

    /// The field that it looks at, if it looks at one.
    #[must_use]
    pub fn inspect(&self) -> Option<&Inspect> {
        match self {
            Statement::ByteMatch(ByteMatch { inspect, .. })
            | Statement::SizeConstraint(SizeConstraint { inspect, .. })
            | Statement::RegexMatch { inspect, .. }
            | Statement::RegexPatternSet { inspect, .. }
            | Statement::SqliMatch { inspect, .. }
            | Statement::XssMatch { inspect } => Some(inspect),
            _ => None,
        }
    }
}

// === impl RateKey ===

impl RateKey {
    /// The name that the API has for its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            RateKey::Header { .. } => "Header",
            RateKey::Cookie { .. } => "Cookie",
            RateKey::QueryArgument { .. } => "QueryArgument",
            RateKey::QueryString { .. } => "QueryString",
            RateKey::UriPath { .. } => "UriPath",
            RateKey::HttpMethod => "HTTPMethod",
            RateKey::Ip => "IP",
            RateKey::ForwardedIp => "ForwardedIP",
            RateKey::LabelNamespace { .. } => "LabelNamespace",
            RateKey::Ja3Fingerprint { .. } => "JA3Fingerprint",
            RateKey::Ja4Fingerprint { .. } => "JA4Fingerprint",
            RateKey::Asn => "ASN",
        }
    }

    /// Its name and its transformations, where it has them.
    #[must_use]
    pub fn parts(&self) -> (Option<&Text>, Option<&[Transformation]>) {
        match self {
            RateKey::Header {
                name,
                transformations,
            }
            | RateKey::Cookie {
                name,
                transformations,
            }
            | RateKey::QueryArgument {
                name,
                transformations,
            } => (Some(name), Some(transformations)),
            RateKey::QueryString { transformations } | RateKey::UriPath { transformations } => {
                (None, Some(transformations))
            }
            _ => (None, None),
        }
    }
}
