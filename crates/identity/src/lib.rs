//! Who sends a request, verifiably.
//!
//! Only this crate touches raw tokens. It turns an `Authorization` header, an API key or a
//! verified certificate into a [`User`] or a reason why not, a peer address into a [`ClientNetwork`], and a user
//! into the unforgeable [`BucketId`] by which the outside world may name a bucket.
//!
//! | room | its one job |
//! |---|---|
//! | [`headers`], [`cookies`] | the credential of a request, or what is wrong with it |
//! | [`token`] | one compact JWS: shape, header, signature, claims |
//! | [`api_keys`] | keys from a file of hashes, and their look-up |
//! | [`jwks`] | key sets: admission, the live set of an issuer, its refresh |
//! | [`verifier`] | the ladder: size, cache, budget, parser, claims, signature |
//! | [`certificate`] | a TLS client's certificate as a user |
//! | [`budget`] | what one network may have refused |
//! | [`network`] | the client's own address and its network |
//! | [`mod@bucket_id`], [`key_ring`] | names of buckets for the outside |
//! | [`mod@alias`] | stable names of users and plans, for who keeps them long |
//! | [`pass`] | a token of our own for an edge that knows HMAC only |
//!
//! # What is deliberately absent
//! - No I/O: a key set is fetched through the [`Fetch`] trait, which the caller implements.
//! - No fall-back key and no way to switch the signature check off.
//! - No use of a header's `jku`, `x5u`, `jwk` or `x5c`: keys come from configuration only.
//! - No Unicode normalisation: a subject is its bytes.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

pub mod algorithm;
pub mod alias;
pub mod api_keys;
pub mod bucket_id;
pub mod budget;
mod cache;
pub mod certificate;
pub mod cookies;
mod counter;
pub mod error;
pub mod headers;
pub mod jwks;
pub mod key_ring;
pub mod network;
pub mod pass;
pub mod principal;
mod private_file;
pub mod redacted;
pub mod rules;
pub mod stats;
pub mod token;
pub mod verifier;

pub use algorithm::Algorithm;
pub use alias::{ALIAS_CHARS, Alias, AliasOf};
pub use api_keys::{
    API_KEY_ISSUER, ApiKeyError, ApiKeyNote, ApiKeyStats, ApiKeyVerdict, ApiKeys, ApiKeysText,
    NewApiKey, RESERVED_ISSUERS, api_key, is_presentable,
};
pub use bucket_id::{BucketId, LimitClass, PresentedId, PresentedRoot, Root, bucket_id};
pub use budget::{FailureBudget, Unbounded};
pub use certificate::{
    CERTIFICATE_ISSUER, CertificateError, CertificateRules, CertificateVerdict, ClientCertificate,
    SubjectKind,
};
pub use cookies::{CookieTwice, cookie, remove_cookies};
pub use error::{ApiKeysError, IdentityError};
pub use headers::{Credential, CredentialError, bearer_bytes, credential, is_spelling_of};
pub use jwks::{
    Fetch, FetchError, Fetched, KeyHolder, KeyLocation, KeySet, KeySetError, KeyStatus, LocalKeys,
    RefreshPace, keep_keys,
};
pub use key_ring::{KeyId, KeyNote, KeyRing, KeyRingText, Rotated};
pub use network::{ClientNetwork, NetworkRules, client_network, hop_address};
pub use pass::{HeldPass, PASS_TYPE, Pass};
pub use principal::{PrincipalKey, User};
pub use redacted::{Redacted, Secret};
pub use rules::{IssuerRules, VerifierConfig};
pub use stats::IdentityStats;
pub use token::TokenError;
pub use verifier::{TokenVerdict, Verifier};
