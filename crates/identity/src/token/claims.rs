//! The claims (RFC 7519 section 4.1) of a token whose issuer is configured.

use super::{
    TokenError,
    claim_path::ClaimPath,
    json::{Json, JsonError, Object, TOKEN_VALUES_MAX},
};
use crate::IssuerRules;

/// Longest subject, account or plan in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 255;
/// Before the client of a machine token: the names of clients are given by whoever registers
/// them, and must not be able to meet a user's.
const CLIENT_PREFIX: &str = "client:";
/// Largest time in seconds: what a double still counts exactly.
const TIME_S_MAX: u64 = 1 << 53;

/// The claim rules of one issuer, made ready once.
#[derive(Debug)]
pub(crate) struct ClaimRules {
    audiences: Box<[Box<str>]>,
    leeway_s: u64,
    max_lifetime_s: u64,
    required: Box<[ClaimPath]>,
    subject: ClaimPath,
    client: Option<ClaimPath>,
    account: Option<ClaimPath>,
    plan: Option<ClaimPath>,
}

/// What the claims say, once every rule holds. Worth nothing before the signature does.
#[derive(Debug, PartialEq)]
pub(crate) struct Claims {
    pub(crate) subject: Box<str>,
    pub(crate) account: Option<Box<str>>,
    pub(crate) plan: Option<Box<str>>,
    pub(crate) expires_unix_s: u64,
    /// The first second at which the token is valid, leeway included.
    pub(crate) valid_from_s: u64,
    /// The first second at which it no longer is, leeway included.
    pub(crate) valid_until_s: u64,
}

/// Parses the claims object.
pub(crate) fn parse(text: &[u8]) -> Result<Object<'_>, TokenError> {
    Object::parse(text, TOKEN_VALUES_MAX).map_err(|error| match error {
        JsonError::Duplicate => TokenError::DuplicateMember,
        JsonError::Invalid => TokenError::ClaimsJson,
    })
}

/// The unverified issuer: it selects among configured issuers and does nothing else.
pub(crate) fn issuer<'o>(claims: &'o Object<'_>) -> Result<&'o str, TokenError> {
    let issuer = claims.get("iss").and_then(Json::as_str);
    issuer.ok_or(TokenError::IssuerMissing)
}

impl ClaimRules {
    pub(crate) fn new(rules: &IssuerRules) -> Self {
        Self {
            audiences: rules.audiences.iter().map(|a| a.as_str().into()).collect(),
            leeway_s: rules.leeway_s,
            max_lifetime_s: rules.max_lifetime_s,
            required: rules
                .required_claims
                .iter()
                .map(|path| ClaimPath::new(path))
                .collect(),
            subject: ClaimPath::new(&rules.subject_claim),
            client: rules.client_claim.as_deref().map(ClaimPath::new),
            account: rules.account_claim.as_deref().map(ClaimPath::new),
            plan: rules.plan_claim.as_deref().map(ClaimPath::new),
        }
    }

    pub(crate) fn check(&self, claims: &Object<'_>, now_s: u64) -> Result<Claims, TokenError> {
        self.audience(claims)?;
        let (expires_unix_s, valid_from_s, valid_until_s) = self.times(claims, now_s)?;
        if self.required.iter().any(|path| path.find(claims).is_none()) {
            return Err(TokenError::RequiredClaim);
        }
        Ok(Claims {
            subject: self.subject(claims)?,
            account: optional(self.account.as_ref(), claims, TokenError::AccountValue)?,
            plan: optional(self.plan.as_ref(), claims, TokenError::PlanValue)?,
            expires_unix_s,
            valid_from_s,
            valid_until_s,
        })
    }

    /// The subject, or the client of a machine token that has none.
    fn subject(&self, claims: &Object<'_>) -> Result<Box<str>, TokenError> {
        let not_empty = |value| name(value).filter(|name| !name.is_empty());
        if let Some(subject) = self.subject.find(claims) {
            let is_taken = |name: &str| self.client.is_some() && name.starts_with(CLIENT_PREFIX);
            let subject = not_empty(subject).filter(|name| !is_taken(name));
            return subject.map(Into::into).ok_or(TokenError::SubjectValue);
        }
        let client = self.client.as_ref().and_then(|path| path.find(claims));
        let client = not_empty(client.ok_or(TokenError::SubjectMissing)?);
        let subject = format!("{CLIENT_PREFIX}{}", client.ok_or(TokenError::SubjectValue)?);
        if subject.len() > NAME_BYTES_MAX {
            return Err(TokenError::SubjectValue);
        }
        Ok(subject.into())
    }

    /// A string, or an array of which one element is ours; other elements do not matter.
    fn audience(&self, claims: &Object<'_>) -> Result<(), TokenError> {
        let ours = |value: &Json<'_>| {
            let text = value.as_str();
            text.is_some_and(|text| self.audiences.iter().any(|ours| **ours == *text))
        };
        let named = match claims.get("aud") {
            Some(Json::Array(several)) => several.iter().any(ours),
            Some(one) => ours(one),
            None => false,
        };
        if named {
            Ok(())
        } else {
            Err(TokenError::Audience)
        }
    }

    /// `exp`, and the seconds between which the token is valid.
    fn times(&self, claims: &Object<'_>, now_s: u64) -> Result<(u64, u64, u64), TokenError> {
        let expires = time(claims, "exp")?.ok_or(TokenError::ExpiryMissing)?;
        let not_before = time(claims, "nbf")?;
        let issued = time(claims, "iat")?;
        let valid_until = expires.saturating_add(self.leeway_s);
        if now_s >= valid_until {
            return Err(TokenError::Expired);
        }
        // Without the second test a token for thirty years would pass in its last hour.
        let latest = now_s
            .saturating_add(self.max_lifetime_s)
            .saturating_add(self.leeway_s);
        let life = issued.map_or(0, |issued| expires.saturating_sub(issued));
        if expires > latest || life > self.max_lifetime_s {
            return Err(TokenError::LifetimeTooLong);
        }
        let horizon = now_s.saturating_add(self.leeway_s);
        if not_before.is_some_and(|at| at > horizon) {
            return Err(TokenError::NotYetValid);
        }
        if issued.is_some_and(|at| at > horizon) {
            return Err(TokenError::IssuedInFuture);
        }
        let valid_from = not_before
            .max(issued)
            .unwrap_or(0)
            .saturating_sub(self.leeway_s);
        Ok((expires, valid_from, valid_until))
    }
}

/// A NumericDate (RFC 7519 section 2): a number of seconds, fractions cut off.
fn time(claims: &Object<'_>, claim: &str) -> Result<Option<u64>, TokenError> {
    match claims.get(claim) {
        None => Ok(None),
        Some(Json::Unsigned(seconds)) if *seconds <= TIME_S_MAX => Ok(Some(*seconds)),
        Some(Json::Float(value)) => whole_seconds(*value).map(Some),
        Some(_) => Err(TokenError::TimeValue),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the value is checked to lie between 0 and 2^53, where doubles count exactly"
)]
fn whole_seconds(value: f64) -> Result<u64, TokenError> {
    if (0.0..=TIME_S_MAX as f64).contains(&value) {
        Ok(value.floor() as u64)
    } else {
        Err(TokenError::TimeValue)
    }
}

/// A string in bounds without control characters (they would forge lines of logs). Bytes are
/// kept as they are: never trimmed, folded or normalised.
fn name<'o>(value: &'o Json<'_>) -> Option<&'o str> {
    let text = value.as_str()?;
    let fits = text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control);
    fits.then_some(text)
}

/// An optional name; an empty one means that there is none.
fn optional(
    path: Option<&ClaimPath>,
    claims: &Object<'_>,
    otherwise: TokenError,
) -> Result<Option<Box<str>>, TokenError> {
    let Some(value) = path.and_then(|path| path.find(claims)) else {
        return Ok(None);
    };
    let text = name(value).ok_or(otherwise)?;
    Ok((!text.is_empty()).then(|| text.into()))
}

#[cfg(test)]
mod tests;
