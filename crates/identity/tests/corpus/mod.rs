//! The corpus of attacks on a credential: what is sent, to whom, and why it is refused.
//!
//! One table a case of the published page, `docs/attacks.md`. The named tests of this crate run
//! the tables through a verifier; the engine's tests run them as requests and write the page.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test target uses its own part"
)]

use tollgate_identity::{Algorithm, CredentialError, KeyHolder, Secret, TokenError, Verifier};

use crate::support::*;

pub mod algorithms;
pub mod claims;
pub mod fields;
pub mod keys;
pub mod life;
pub mod names;
pub mod shape;
pub mod signatures;
pub mod spelling;

/// Attacks of one case on one set of trusted issuers.
pub struct Table {
    /// The number of the case; 0 for what no list needs to tell.
    pub case: u16,
    pub title: &'static str,
    /// Where the attack is from.
    pub source: &'static str,
    pub world: World,
    pub attacks: Vec<Attack>,
}

/// Whom the gateway trusts, and a token of the victim that passes there.
pub struct World {
    pub issuers: Vec<Trusted>,
    pub victim: String,
}

/// One trusted issuer; what is not here is as [`rules`] has it.
pub struct Trusted {
    pub issuer: &'static str,
    pub keys: TrustedKeys,
    pub typ: Option<&'static str>,
    pub subject_claim: &'static str,
}

pub enum TrustedKeys {
    /// A JWK set.
    Public(Vec<u8>),
    /// The secret of HS256.
    Shared(Vec<u8>),
}

/// One attack.
pub struct Attack {
    pub what: String,
    /// The values of the `Authorization` fields.
    pub fields: Vec<String>,
    pub refused: Refused,
    /// The token in the field, and what the verifier alone says of it.
    pub token: Option<(String, TokenError)>,
}

/// Where an attack ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No HTTP parser takes the bytes for one field's value: the request ends before identity.
    Framing,
    /// The field is not one credential.
    Field(CredentialError),
    /// The token does not verify.
    Token(TokenError),
}

/// Rows of attacks: `name => token, reason;`, where the bytes do not fit one field also what
/// becomes of the field: `name => token, reason, field Syntax;` or `…, no field;`.
macro_rules! attacks {
    ($($what:expr => $token:expr, $reason:ident $(, $carried:ident $($error:ident)?)?;)+) => {
        vec![$($crate::corpus::attacks!(@row $what, $token, $reason $(, $carried $($error)?)?)),+]
    };
    (@row $what:expr, $token:expr, $reason:ident) => {
        $crate::corpus::Attack::by_token($what, $token, TokenError::$reason)
    };
    (@row $what:expr, $token:expr, $reason:ident, no field) => {
        $crate::corpus::Attack {
            refused: $crate::corpus::Refused::Framing,
            ..$crate::corpus::attacks!(@row $what, $token, $reason)
        }
    };
    (@row $what:expr, $token:expr, $reason:ident, field $error:ident) => {
        $crate::corpus::Attack {
            refused: $crate::corpus::Refused::Field(tollgate_identity::CredentialError::$error),
            ..$crate::corpus::attacks!(@row $what, $token, $reason)
        }
    };
}
pub(crate) use attacks;

/// Every table, in the order of the cases.
pub fn tables() -> Vec<Table> {
    let mut tables = vec![
        signatures::of_another_message(),
        algorithms::none(),
        algorithms::hmac_under_a_public_key(),
        algorithms::secret_of_one_issuer(),
        algorithms::one_scheme_under_the_name_of_another(),
        keys::in_the_header(),
        keys::places_in_the_header(),
        keys::ids_are_only_compared(),
        keys::without_an_id(),
        keys::the_fifth_without_an_id(),
        keys::one_id_twice(),
        keys::secret_in_a_public_set(),
        keys::weak(),
        signatures::ecdsa_out_of_range(),
        spelling::of_a_token(),
        signatures::eddsa_scalars(),
        spelling::critical_extensions(),
        spelling::names_twice(),
        claims::expiry(),
        claims::thirty_years(),
        claims::future(),
        names::audience(),
        names::issuer(),
        names::subject(),
        shape::another_type(),
        shape::encrypted_and_nested(),
        shape::large_and_deep(),
        fields::authorization(),
        life::garbage(),
        names::meaning_elsewhere(),
        life::retired_key(),
        life::replaced_key(),
    ];
    tables.sort_by_key(|table| table.case);
    tables
}

// === impl World ===

impl World {
    /// Our issuer with every key, and another one with its own EdDSA key `ed`.
    pub fn usual() -> Self {
        let other = key_set(&[KEYS.other_ed.jwk_with(serde_json::json!({"kid": "ed"}))]);
        Self {
            issuers: vec![
                Trusted::public(ISSUER, all_keys()),
                Trusted::public(OTHER_ISSUER, other),
            ],
            victim: ed_token(&claims()),
        }
    }

    /// Our issuer alone, with these keys.
    pub fn with_keys(jwks: Vec<u8>, victim: String) -> Self {
        Self {
            issuers: vec![Trusted::public(ISSUER, jwks)],
            victim,
        }
    }

    /// The verifier of these issuers.
    pub fn verifier(&self) -> Verifier {
        verifier_of(self.issuers.iter().map(Trusted::rules).collect())
    }
}

// === impl Trusted ===

impl Trusted {
    pub fn public(issuer: &'static str, jwks: Vec<u8>) -> Self {
        Self {
            issuer,
            keys: TrustedKeys::Public(jwks),
            typ: None,
            subject_claim: "sub",
        }
    }

    fn rules(&self) -> tollgate_identity::IssuerRules {
        let mut rules = match &self.keys {
            TrustedKeys::Public(jwks) => rules(self.issuer, holder(jwks)),
            TrustedKeys::Shared(secret) => tollgate_identity::IssuerRules {
                algorithms: vec![Algorithm::Hs256],
                secret: Some(Secret::new(secret.clone()).unwrap()),
                ..rules(self.issuer, KeyHolder::new("secret".into()))
            },
        };
        rules.typ = self.typ.map(Into::into);
        rules.subject_claim = self.subject_claim.into();
        rules
    }
}

// === impl Attack ===

impl Attack {
    /// A token that is refused once it is read.
    pub fn by_token(what: impl Into<String>, token: String, reason: TokenError) -> Self {
        Self {
            what: what.into(),
            fields: vec![format!("Bearer {token}")],
            refused: Refused::Token(reason),
            token: Some((token, reason)),
        }
    }
}
