//! Why a token is refused: one stable code and one sentence each.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $code:literal $text:literal,)*) => {
        /// Why a token is refused. A value of the verdict, never a failure of ours.
        ///
        /// No variant carries a byte of the token, so that none can reach a log or an answer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum TokenError { $($(#[$doc])* $name,)* }

        impl TokenError {
            /// Every reason, in the order of the checks.
            pub const ALL: &'static [TokenError] = &[$(Self::$name,)*];

            /// A stable name for metrics and logs, of `a-z_`.
            pub fn code(&self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// A sentence for `error_description` (RFC 6750 section 3); never echoes input.
            pub fn description(&self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// More than 16 KiB, or a part over its own limit.
    TooLarge "token_too_large" "the token is too large",
    /// Not three non-empty parts between exactly two dots.
    Malformed "token_malformed" "the token is not a signed JWT in compact form",
    /// Padding, foreign characters or unused bits that are not zero (RFC 4648 section 3.5).
    Encoding "token_encoding" "the token is not canonical base64url",
    /// The header is not one JSON object within depth and member limits.
    HeaderJson "header_json" "the token's header is not a JSON object in bounds",
    /// A header parameter of the wrong type.
    HeaderValue "header_value" "a header parameter of the token has a wrong type",
    /// A member name appears twice, in the header or the claims, at any level.
    DuplicateMember "duplicate_member" "the token names one member twice",
    /// `crit` is present: no extension is understood here (RFC 7515 section 4.1.11).
    CriticalHeader "critical_header" "the token demands an extension that is not supported",
    /// `jku`, `x5u` or `jwk`: a token that brings its own key (RFC 8725 section 3.10).
    EmbeddedKey "embedded_key" "the token names its own key",
    /// `b64`, `zip` or `enc`: a payload that is not plain base64url of JSON.
    UnsupportedHeader "unsupported_header" "the token is encrypted, compressed or unencoded",
    /// `typ` is not the pinned one (RFC 8725 section 3.11).
    WrongType "wrong_type" "the token is of another type",
    /// `alg` is missing, unknown or not allowed for the issuer.
    Algorithm "algorithm_not_allowed" "the token's algorithm is not allowed",
    /// The claims are not one JSON object within depth and member limits.
    ClaimsJson "claims_json" "the token's claims are not a JSON object in bounds",
    /// `iss` is missing or not a string.
    IssuerMissing "issuer_missing" "the token names no issuer",
    /// `iss` is none of the configured issuers.
    UnknownIssuer "unknown_issuer" "the token's issuer is not accepted",
    /// `aud` does not contain one of ours as a string.
    Audience "wrong_audience" "the token is not meant for this audience",
    /// `exp` is missing.
    ExpiryMissing "expiry_missing" "the token has no expiry",
    /// `exp`, `nbf` or `iat` is not a number from 0 to 2^53.
    TimeValue "time_value" "a time in the token is not a number in bounds",
    /// `exp` plus the leeway is not in the future.
    Expired "expired" "the token expired",
    /// `exp` is further away than the issuer's longest lifetime.
    LifetimeTooLong "lifetime_too_long" "the token lives longer than is accepted",
    /// `nbf` is in the future beyond the leeway.
    NotYetValid "not_yet_valid" "the token is not yet valid",
    /// `iat` is in the future beyond the leeway.
    IssuedInFuture "issued_in_future" "the token was issued in the future",
    /// The subject claim is missing.
    SubjectMissing "subject_missing" "the token names no subject",
    /// The subject is not a string of 1 to 255 bytes without control characters.
    SubjectValue "subject_value" "the token's subject is not usable",
    /// The account is not a string of at most 255 bytes without control characters.
    AccountValue "account_value" "the token's account is not usable",
    /// The plan is not a string of at most 255 bytes without control characters.
    PlanValue "plan_value" "the token's plan is not usable",
    /// A required claim is missing or null.
    RequiredClaim "required_claim_missing" "the token lacks a required claim",
    /// The key id is in no current key set.
    UnknownKey "unknown_key" "the token's key is not known",
    /// The key exists but is not for this algorithm.
    KeyMismatch "key_mismatch" "the token's key is for another algorithm",
    /// The signature does not hold.
    Signature "bad_signature" "the token's signature does not hold",
}

impl TokenError {
    /// The place in [`TokenError::ALL`], for tables of counters.
    pub fn index(&self) -> usize {
        *self as usize
    }

    /// Whether the same bytes may be refused from memory for a few seconds: not where a
    /// moment or a key refetch would change the answer.
    pub(crate) fn is_lasting(&self) -> bool {
        !matches!(
            self,
            Self::NotYetValid | Self::IssuedInFuture | Self::LifetimeTooLong | Self::UnknownKey
        )
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_fit_a_header() {
        let codes: HashSet<_> = TokenError::ALL.iter().map(TokenError::code).collect();
        assert_eq!(codes.len(), TokenError::ALL.len());
        for (index, reason) in TokenError::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert!(
                reason
                    .code()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_')
            );
            // RFC 6750 section 3: error_description excludes quotes and backslashes.
            assert!(
                reason
                    .description()
                    .bytes()
                    .all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\')
            );
        }
    }
}
