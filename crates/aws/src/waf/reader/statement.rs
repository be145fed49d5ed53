//! Match statements, logic, and uses of rule groups.

use data_encoding::BASE64;

use super::{At, rate};
use crate::waf::error::WafError;
use crate::waf::model::{
    ByteMatch, Field, ForwardedIp, Inspect, IpSetReference, KeyPattern, MatchScope, RuleGroupUse,
    Sensitivity, SizeConstraint, Statement, Text, Transformation,
};

const KINDS: &[&str] = &[
    "RateBasedStatement",
    "ByteMatchStatement",
    "SizeConstraintStatement",
    "RegexMatchStatement",
    "RegexPatternSetReferenceStatement",
    "LabelMatchStatement",
    "GeoMatchStatement",
    "AsnMatchStatement",
    "IPSetReferenceStatement",
    "SqliMatchStatement",
    "XssMatchStatement",
    "ManagedRuleGroupStatement",
    "RuleGroupReferenceStatement",
    "AndStatement",
    "OrStatement",
    "NotStatement",
];

const FIELDS: &[&str] = &[
    "SingleHeader",
    "SingleQueryArgument",
    "AllQueryArguments",
    "UriPath",
    "QueryString",
    "Body",
    "Method",
    "JsonBody",
    "Headers",
    "Cookies",
    "HeaderOrder",
    "JA3Fingerprint",
    "JA4Fingerprint",
    "UriFragment",
];

const INSPECT_KEYS: [&str; 2] = ["FieldToMatch", "TextTransformations"];

pub(super) fn statement(outer: &At<'_>) -> Result<Statement, WafError> {
    let (kind, at) = outer.one_of("statement", KINDS)?;
    let [field, transformations] = INSPECT_KEYS;
    let known = |keys: &[&'static str]| at.only("key of a statement", keys);
    match kind {
        "RateBasedStatement" => Ok(Statement::RateBased(Box::new(rate::rate_based(&at)?))),
        "ByteMatchStatement" => {
            known(&[
                field,
                transformations,
                "PositionalConstraint",
                "SearchString",
                "SearchStringBase64",
            ])?;
            Ok(Statement::ByteMatch(ByteMatch {
                inspect: inspect(&at)?,
                positional: at.need("PositionalConstraint")?.word()?,
                search: search(&at)?,
            }))
        }
        "SizeConstraintStatement" => {
            known(&[field, transformations, "ComparisonOperator", "Size"])?;
            Ok(Statement::SizeConstraint(SizeConstraint {
                inspect: inspect(&at)?,
                comparison: at.need("ComparisonOperator")?.word()?,
                size: at.need("Size")?.number()?,
            }))
        }
        "RegexMatchStatement" => {
            known(&[field, transformations, "RegexString"])?;
            Ok(Statement::RegexMatch {
                inspect: inspect(&at)?,
                pattern: at.need("RegexString")?.text()?,
            })
        }
        "RegexPatternSetReferenceStatement" => {
            known(&[field, transformations, "Arn", "ARN"])?;
            Ok(Statement::RegexPatternSet {
                inspect: inspect(&at)?,
                arn: arn(&at)?,
            })
        }
        "SqliMatchStatement" => {
            known(&[field, transformations, "SensitivityLevel"])?;
            let level = at.get("SensitivityLevel");
            let level = level.map(|level| level.word()).transpose()?;
            Ok(Statement::SqliMatch {
                inspect: inspect(&at)?,
                sensitivity: level.unwrap_or(Sensitivity::Low),
            })
        }
        "XssMatchStatement" => {
            known(&INSPECT_KEYS)?;
            let inspect = inspect(&at)?;
            Ok(Statement::XssMatch { inspect })
        }
        "AndStatement" => Ok(Statement::And(several(&at)?)),
        "OrStatement" => Ok(Statement::Or(several(&at)?)),
        "NotStatement" => {
            known(&["Statement"])?;
            let inner = statement(&at.need("Statement")?)?;
            Ok(Statement::Not(Box::new(inner)))
        }
        _ => without_field(kind, &at),
    }
}

fn without_field(kind: &str, at: &At<'_>) -> Result<Statement, WafError> {
    let known = |keys: &[&'static str]| at.only("key of a statement", keys);
    match kind {
        "LabelMatchStatement" => {
            known(&["Scope", "Key"])?;
            Ok(Statement::LabelMatch {
                scope: at.need("Scope")?.word()?,
                key: at.need("Key")?.text()?,
            })
        }
        "GeoMatchStatement" => {
            known(&["CountryCodes", "ForwardedIPConfig"])?;
            Ok(Statement::GeoMatch {
                country_codes: at.texts("CountryCodes")?,
                forwarded: forwarded(at)?,
            })
        }
        "AsnMatchStatement" => {
            known(&["AsnList", "ForwardedIPConfig"])?;
            let asns = at.items("AsnList")?;
            Ok(Statement::AsnMatch {
                asns: asns.iter().map(At::number).collect::<Result<_, _>>()?,
                forwarded: forwarded(at)?,
            })
        }
        "IPSetReferenceStatement" => {
            known(&["Arn", "ARN", "IPSetForwardedIPConfig"])?;
            let config = at.get("IPSetForwardedIPConfig");
            let with_position = |config: At<'_>| {
                Ok::<_, WafError>((header(&config)?, config.need("Position")?.word()?))
            };
            Ok(Statement::IpSet(IpSetReference {
                arn: arn(at)?,
                forwarded: config.map(with_position).transpose()?,
            }))
        }
        "ManagedRuleGroupStatement" => {
            let name = at.need("Name")?.text()?;
            let vendor = at.need("VendorName")?.text()?;
            let scope_down = at.get("ScopeDownStatement");
            Ok(Statement::ManagedRuleGroup(Box::new(RuleGroupUse {
                name: Text::Known(format!("{vendor}/{name}")),
                scope_down: scope_down.map(|found| statement(&found)).transpose()?,
            })))
        }
        // The last of the known kinds.
        _ => {
            known(&["Arn", "ARN", "ExcludedRules", "RuleActionOverrides"])?;
            Ok(Statement::RuleGroup(Box::new(RuleGroupUse {
                name: arn(at)?,
                scope_down: None,
            })))
        }
    }
}

fn several(at: &At<'_>) -> Result<Vec<Statement>, WafError> {
    at.only("key of a statement", &["Statements"])?;
    at.items("Statements")?.iter().map(statement).collect()
}

/// The API writes `ARN`, CloudFormation `Arn`.
fn arn(at: &At<'_>) -> Result<Text, WafError> {
    match at.get("Arn") {
        Some(arn) => arn.text(),
        None => at.need("ARN")?.text(),
    }
}

/// The searched text. The document's reader has put Base64 of the API's own answers under
/// `SearchStringBase64`, the key that CloudFormation has for it.
fn search(at: &At<'_>) -> Result<Text, WafError> {
    let Some(encoded) = at.get("SearchStringBase64") else {
        return at.need("SearchString")?.text();
    };
    let text = encoded.text()?;
    let Some(written) = text.known() else {
        return Ok(text);
    };
    let bytes = BASE64.decode(written.as_bytes());
    let bytes = bytes.map_err(|_| encoded.wrong("Base64"))?;
    // What is no text is kept by its length, which is all that is asked of it.
    Ok(Text::Known(String::from_utf8_lossy(&bytes).into_owned()))
}

pub(super) fn forwarded(at: &At<'_>) -> Result<Option<ForwardedIp>, WafError> {
    let config = at.get("ForwardedIPConfig");
    config.map(|config| header(&config)).transpose()
}

fn header(config: &At<'_>) -> Result<ForwardedIp, WafError> {
    Ok(ForwardedIp {
        header: config.need("HeaderName")?.text()?,
        fallback: config.need("FallbackBehavior")?.word()?,
    })
}

fn inspect(at: &At<'_>) -> Result<Inspect, WafError> {
    Ok(Inspect {
        field: field(&at.need("FieldToMatch")?)?,
        transformations: transformations(at)?,
    })
}

/// As written, also none: that is for the check to find.
pub(super) fn transformations(at: &At<'_>) -> Result<Vec<Transformation>, WafError> {
    let one = |at: &At<'_>| -> Result<Transformation, WafError> {
        Ok(Transformation {
            priority: at.need("Priority")?.number()?,
            kind: at.need("Type")?.word()?,
        })
    };
    at.items("TextTransformations")?.iter().map(one).collect()
}

fn field(outer: &At<'_>) -> Result<Field, WafError> {
    let (kind, at) = outer.one_of("field to match", FIELDS)?;
    Ok(match kind {
        "SingleHeader" => Field::SingleHeader(at.need("Name")?.text()?),
        "SingleQueryArgument" => Field::SingleQueryArgument(at.need("Name")?.text()?),
        "AllQueryArguments" => Field::AllQueryArguments,
        "UriPath" => Field::UriPath,
        "QueryString" => Field::QueryString,
        "Body" => Field::Body,
        "Method" => Field::Method,
        "JsonBody" => Field::JsonBody,
        "Headers" => Field::Headers {
            pattern: pattern(&at, "IncludedHeaders", "ExcludedHeaders")?,
            scope: match_scope(&at)?,
        },
        "Cookies" => Field::Cookies {
            pattern: pattern(&at, "IncludedCookies", "ExcludedCookies")?,
            scope: match_scope(&at)?,
        },
        "HeaderOrder" => Field::HeaderOrder,
        "JA3Fingerprint" => Field::Ja3Fingerprint,
        "JA4Fingerprint" => Field::Ja4Fingerprint,
        // The last of the known kinds.
        _ => Field::UriFragment,
    })
}

fn pattern(
    at: &At<'_>,
    included: &'static str,
    excluded: &'static str,
) -> Result<KeyPattern, WafError> {
    let pattern = at.need("MatchPattern")?;
    let (kind, _) = pattern.one_of("match pattern", &["All", included, excluded])?;
    Ok(if kind == "All" {
        KeyPattern::All
    } else if kind == included {
        KeyPattern::Included(pattern.texts(included)?)
    } else {
        KeyPattern::Excluded(pattern.texts(excluded)?)
    })
}

fn match_scope(at: &At<'_>) -> Result<MatchScope, WafError> {
    let scope = at.need("MatchScope")?;
    match scope.value.as_str() {
        Some("ALL") => Ok(MatchScope::All),
        Some("KEY") => Ok(MatchScope::Key),
        Some("VALUE") => Ok(MatchScope::Value),
        _ => Err(scope.wrong("ALL, KEY or VALUE")),
    }
}
