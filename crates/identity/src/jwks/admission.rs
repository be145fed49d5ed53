//! Which JSON Web Keys may verify anything at all (RFC 7517, RFC 7518 section 6, RFC 8037).

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use data_encoding::BASE64URL_NOPAD;

use super::weak;
use crate::{
    Algorithm, Secret,
    token::{
        header::KID_BYTES_MAX,
        json::{Json, Object},
    },
};

/// Members of a private key (RFC 7518 sections 6.2.2 and 6.3.2).
const PRIVATE_MEMBERS: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

/// Why one key of a set is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyRefusal {
    /// Not an object, or a member is missing, of the wrong type or not canonical base64url.
    Malformed,
    /// `oct` in a public set: whoever reads the set could sign.
    Symmetric,
    /// The private part was published.
    Private,
    /// An unknown `kty`.
    KeyType,
    /// An unknown `crv`.
    Curve,
    /// `use` is not `sig`.
    Use,
    /// `key_ops` does not contain `verify`.
    Operations,
    /// `alg` is unknown, or not one of this kind of key.
    Algorithm,
    /// RSA under 2048 or over 8192 bits, or an even modulus.
    RsaModulus,
    /// An RSA exponent that is even, under 3 or over 33 bits.
    RsaExponent,
    /// An RSA modulus with the fingerprint of a broken generator (ROCA, CVE-2017-15361).
    Roca,
    /// A shared secret under 32 or over 4096 bytes.
    SecretLength,
    /// An elliptic-curve point that is not on its curve.
    Point,
    /// An Ed25519 key of small order, under which anybody can sign.
    SmallOrder,
    /// Several keys under one id; none of them is used.
    DuplicateKid,
}

/// An admitted key, parsed once for each algorithm that it may verify.
pub(crate) struct PublicKey {
    pub(crate) kid: Option<Box<str>>,
    verifiers: Vec<(Algorithm, ParsedPublicKey)>,
    /// The names of those algorithms and the key itself, for comparing sets.
    algorithms: String,
    material: Vec<u8>,
}

impl KeyRefusal {
    /// A stable name for metrics and logs, of `a-z_`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Symmetric => "symmetric",
            Self::Private => "private",
            Self::KeyType => "key_type",
            Self::Curve => "curve",
            Self::Use => "use",
            Self::Operations => "key_ops",
            Self::Algorithm => "alg",
            Self::RsaModulus => "rsa_modulus",
            Self::RsaExponent => "rsa_exponent",
            Self::Roca => "roca",
            Self::SecretLength => "secret_length",
            Self::Point => "point",
            Self::SmallOrder => "small_order",
            Self::DuplicateKid => "duplicate_kid",
        }
    }
}

impl fmt::Display for KeyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl PublicKey {
    pub(super) fn admit(entry: &Json<'_>) -> Result<Self, KeyRefusal> {
        let Json::Object(jwk) = entry else {
            return Err(KeyRefusal::Malformed);
        };
        let kty = text(jwk, "kty")?.ok_or(KeyRefusal::Malformed)?;
        if kty == "oct" {
            return Err(KeyRefusal::Symmetric);
        }
        if PRIVATE_MEMBERS.iter().any(|member| jwk.contains(member)) {
            return Err(KeyRefusal::Private);
        }
        check_purpose(jwk)?;
        let kid = text(jwk, "kid")?;
        if kid.is_some_and(|kid| kid.len() > KID_BYTES_MAX) {
            return Err(KeyRefusal::Malformed);
        }
        let (verifiers, material) = match kty {
            "RSA" => rsa(jwk)?,
            "EC" => elliptic(jwk)?,
            "OKP" => edwards(jwk)?,
            _ => return Err(KeyRefusal::KeyType),
        };
        let verifiers = only_named(jwk, verifiers)?;
        let names: Vec<&str> = verifiers
            .iter()
            .map(|(algorithm, _)| algorithm.as_str())
            .collect();
        Ok(Self {
            kid: kid.map(Into::into),
            algorithms: names.join(" "),
            verifiers,
            material,
        })
    }

    /// The parsed key, if it may verify this algorithm.
    pub(crate) fn verifier(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        let found = self.verifiers.iter().find(|(known, _)| *known == algorithm);
        found.map(|(_, key)| key)
    }

    /// What makes two keys the same.
    pub(super) fn identity(&self) -> (Option<&str>, &str, &[u8]) {
        (self.kid.as_deref(), &self.algorithms, &self.material)
    }
}

/// A shared secret from a key set of one's own: never from one that an issuer publishes.
#[derive(Debug)]
pub(crate) struct SharedKey {
    pub(crate) kid: Option<Box<str>>,
    pub(crate) secret: Secret,
}

impl SharedKey {
    /// True for an entry that only a shared secret can be.
    pub(super) fn is_one(entry: &Json<'_>) -> bool {
        matches!(entry, Json::Object(jwk) if jwk.get("kty").and_then(Json::as_str) == Some("oct"))
    }

    /// Admits a secret for HS256 (RFC 7518 section 6.4).
    pub(super) fn admit(entry: &Json<'_>) -> Result<Self, KeyRefusal> {
        let Json::Object(jwk) = entry else {
            return Err(KeyRefusal::Malformed);
        };
        check_purpose(jwk)?;
        let hs256 = Algorithm::Hs256.as_str();
        if text(jwk, "alg")?.is_some_and(|named| named != hs256) {
            return Err(KeyRefusal::Algorithm);
        }
        Ok(Self {
            kid: text(jwk, "kid")?.map(Into::into),
            secret: Secret::new(bytes(jwk, "k")?).map_err(|_| KeyRefusal::SecretLength)?,
        })
    }
}

type Parsed = (Vec<(Algorithm, ParsedPublicKey)>, Vec<u8>);

/// `use` and `key_ops` (RFC 7517 sections 4.2 and 4.3), where present.
fn check_purpose(jwk: &Object<'_>) -> Result<(), KeyRefusal> {
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(KeyRefusal::Use);
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Json::Array(operations)) => {
            let verify = |operation: &Json<'_>| operation.as_str() == Some("verify");
            operations
                .iter()
                .any(verify)
                .then_some(())
                .ok_or(KeyRefusal::Operations)
        }
        Some(_) => Err(KeyRefusal::Malformed),
    }
}

/// Keeps the algorithm that the key itself names, if it names one.
fn only_named(
    jwk: &Object<'_>,
    mut verifiers: Vec<(Algorithm, ParsedPublicKey)>,
) -> Result<Vec<(Algorithm, ParsedPublicKey)>, KeyRefusal> {
    if let Some(name) = text(jwk, "alg")? {
        let named = Algorithm::from_name(name);
        verifiers.retain(|(algorithm, _)| Some(*algorithm) == named);
    }
    if verifiers.is_empty() {
        return Err(KeyRefusal::Algorithm);
    }
    Ok(verifiers)
}

fn rsa(jwk: &Object<'_>) -> Result<Parsed, KeyRefusal> {
    static SCHEMES: [(Algorithm, &RsaParameters); 6] = [
        (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256),
        (Algorithm::Rs384, &RSA_PKCS1_2048_8192_SHA384),
        (Algorithm::Rs512, &RSA_PKCS1_2048_8192_SHA512),
        (Algorithm::Ps256, &RSA_PSS_2048_8192_SHA256),
        (Algorithm::Ps384, &RSA_PSS_2048_8192_SHA384),
        (Algorithm::Ps512, &RSA_PSS_2048_8192_SHA512),
    ];
    let modulus = unsigned(bytes(jwk, "n")?);
    let exponent = unsigned(bytes(jwk, "e")?);
    if !(2048..=8192).contains(&bits(&modulus)) || modulus.last().is_none_or(|low| low % 2 == 0) {
        return Err(KeyRefusal::RsaModulus);
    }
    // A larger exponent only makes each check dearer.
    if !(2..=33).contains(&bits(&exponent)) || exponent.last().is_none_or(|low| low % 2 == 0) {
        return Err(KeyRefusal::RsaExponent);
    }
    if weak::is_roca(&modulus) {
        return Err(KeyRefusal::Roca);
    }
    let components = RsaPublicKeyComponents {
        n: &modulus,
        e: &exponent,
    };
    let mut verifiers = Vec::with_capacity(SCHEMES.len());
    for (algorithm, scheme) in SCHEMES {
        let key = components.to_parsed_public_key(scheme);
        verifiers.push((algorithm, key.map_err(|_| KeyRefusal::RsaModulus)?));
    }
    let material = [&exponent[..], b"/", &modulus[..]].concat();
    Ok((verifiers, material))
}

fn elliptic(jwk: &Object<'_>) -> Result<Parsed, KeyRefusal> {
    let (algorithm, scheme, size): (_, &'static dyn VerificationAlgorithm, _) =
        match text(jwk, "crv")?.ok_or(KeyRefusal::Malformed)? {
            "P-256" => (Algorithm::Es256, &ECDSA_P256_SHA256_FIXED, 32),
            "P-384" => (Algorithm::Es384, &ECDSA_P384_SHA384_FIXED, 48),
            "P-521" => (Algorithm::Es512, &ECDSA_P521_SHA512_FIXED, 66),
            _ => return Err(KeyRefusal::Curve),
        };
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    // Coordinates have the full size of the field (RFC 7518 section 6.2.1.2).
    if x.len() != size || y.len() != size {
        return Err(KeyRefusal::Malformed);
    }
    let point = [&[4][..], &x, &y].concat();
    let key = ParsedPublicKey::new(scheme, &point).map_err(|_| KeyRefusal::Point)?;
    Ok((vec![(algorithm, key)], point))
}

fn edwards(jwk: &Object<'_>) -> Result<Parsed, KeyRefusal> {
    if text(jwk, "crv")?.ok_or(KeyRefusal::Malformed)? != "Ed25519" {
        return Err(KeyRefusal::Curve);
    }
    let point = bytes(jwk, "x")?;
    let fixed: &[u8; 32] = point
        .as_slice()
        .try_into()
        .map_err(|_| KeyRefusal::Malformed)?;
    if weak::is_small_order(fixed) {
        return Err(KeyRefusal::SmallOrder);
    }
    let key = ParsedPublicKey::new(&ED25519, &point).map_err(|_| KeyRefusal::Point)?;
    Ok((vec![(Algorithm::EdDSA, key)], point))
}

fn text<'o>(jwk: &'o Object<'_>, member: &str) -> Result<Option<&'o str>, KeyRefusal> {
    match jwk.get(member) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(KeyRefusal::Malformed),
    }
}

fn bytes(jwk: &Object<'_>, member: &str) -> Result<Vec<u8>, KeyRefusal> {
    let text = text(jwk, member)?.ok_or(KeyRefusal::Malformed)?;
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes());
    bytes.map_err(|_| KeyRefusal::Malformed)
}

/// Without the extra zero byte that some issuers prefix (RFC 7518 section 6.3.1.1 warns of it).
fn unsigned(mut number: Vec<u8>) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.drain(..zeros);
    number
}

/// The length in bits of a number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    number
        .first()
        .map_or(0, |high| number.len() * 8 - high.leading_zeros() as usize)
}
