//! Keys that sign, and tokens written by hand so that each part can be wrong.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]

use std::sync::{Arc, LazyLock};

use aws_lc_rs::{
    encoding::{AsBigEndian, AsDer, EcPublicKeyUncompressedBin},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
    },
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tollgate_identity::{
    Algorithm, IssuerRules, KeyHolder, TokenError, TokenVerdict, User, Verifier, VerifierConfig,
};

pub const NOW_S: u64 = 1_800_000_000;
pub const LEEWAY_S: u64 = 60;
pub const DAY_S: u64 = 86_400;
pub const ISSUER: &str = "https://login.example.com";
pub const OTHER_ISSUER: &str = "https://other.example.net";
pub const AUDIENCE: &str = "https://api.example.com";

/// A private key.
pub enum SigningKey {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    P521(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// Made once: generating RSA takes a while.
pub struct Keys {
    pub ed: SigningKey,
    pub other_ed: SigningKey,
    pub p256: SigningKey,
    pub p384: SigningKey,
    pub p521: SigningKey,
    pub rsa: SigningKey,
}

pub static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    ed: SigningKey::ed25519(),
    other_ed: SigningKey::ed25519(),
    p256: SigningKey::p256(),
    p384: SigningKey::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()),
    p521: SigningKey::P521(EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap()),
    rsa: SigningKey::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
});

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(bytes.as_ref())
}

pub fn unb64(text: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
}

impl SigningKey {
    pub fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    pub fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// The public key in the key's own form: raw, an uncompressed point, or PKCS#1.
    pub fn public_bytes(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.public_key().as_ref().to_vec(),
            Self::P256(key) | Self::P384(key) | Self::P521(key) => {
                key.public_key().as_ref().to_vec()
            }
            Self::Rsa(key) => key.public_key().as_ref().to_vec(),
        }
    }

    /// The public key as DER `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> Vec<u8> {
        let der = match self {
            Self::Ed25519(key) => key.public_key().as_der(),
            Self::P256(key) | Self::P384(key) | Self::P521(key) => key.public_key().as_der(),
            Self::Rsa(key) => key.public_key().as_der(),
        };
        der.unwrap().as_ref().to_vec()
    }

    /// Signs as the algorithm says; a mismatch of key and algorithm is a mistake of the test.
    pub fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::P256(key) | Self::P384(key) | Self::P521(key) => {
                key.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Rsa(key) => {
                let scheme: &'static dyn signature::RsaEncoding = match algorithm {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
                    other => panic!("an RSA key does not sign {other}"),
                };
                let mut signed = vec![0; key.public_modulus_len()];
                key.sign(scheme, &random, message, &mut signed).unwrap();
                signed
            }
        }
    }

    /// The public JWK without `kid`, `alg` or `use`.
    pub fn jwk(&self) -> Value {
        match self {
            Self::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key())})
            }
            Self::P256(key) => ec_jwk("P-256", key),
            Self::P384(key) => ec_jwk("P-384", key),
            Self::P521(key) => ec_jwk("P-521", key),
            Self::Rsa(key) => {
                let (modulus, exponent) = rsa_parts(key.public_key().as_ref());
                json!({"kty": "RSA", "n": b64(modulus), "e": b64(exponent)})
            }
        }
    }

    /// The public JWK with these members beside.
    pub fn jwk_with(&self, mut members: Value) -> Value {
        let mut jwk = self.jwk();
        jwk.as_object_mut()
            .unwrap()
            .append(members.as_object_mut().unwrap());
        jwk
    }
}

fn ec_jwk(curve: &str, key: &EcdsaKeyPair) -> Value {
    let point: EcPublicKeyUncompressedBin<'_> = key.public_key().as_be_bytes().unwrap();
    let (x, y) = point.as_ref()[1..].split_at((point.as_ref().len() - 1) / 2);
    json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)})
}

/// Modulus and exponent of a DER `RSAPublicKey`, without leading zeros.
pub fn rsa_parts(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (sequence, _) = der_value(der);
    let (modulus, rest) = der_value(sequence);
    let (exponent, _) = der_value(rest);
    let plain = |number: &[u8]| {
        number
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect()
    };
    (plain(modulus), plain(exponent))
}

fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match der[1] {
        short if short < 0x80 => (usize::from(short), 2),
        long => {
            let digits = usize::from(long & 0x7f);
            let length = der[2..2 + digits]
                .iter()
                .fold(0, |n, byte| n * 256 + usize::from(*byte));
            (length, 2 + digits)
        }
    };
    (&der[start..start + length], &der[start + length..])
}

/// Signs any header and any payload as they are.
pub fn sign_raw(key: &SigningKey, algorithm: Algorithm, header: &str, payload: &[u8]) -> String {
    let signed = format!("{}.{}", b64(header), b64(payload));
    let signature = key.sign(algorithm, signed.as_bytes());
    format!("{signed}.{}", b64(signature))
}

/// Claims that hold, an hour before their end.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice",
        "iat": NOW_S, "exp": NOW_S + 3600,
    })
}

/// The same with members replaced (or removed, by null).
pub fn claims_with(mut members: Value) -> Value {
    let mut claims = claims();
    let all = claims.as_object_mut().unwrap();
    all.append(members.as_object_mut().unwrap());
    all.retain(|_, value| !value.is_null());
    claims
}

/// A token of the EdDSA key `ed`.
pub fn ed_token(claims: &Value) -> String {
    sign_raw(
        &KEYS.ed,
        Algorithm::EdDSA,
        r#"{"alg":"EdDSA","kid":"ed"}"#,
        claims.to_string().as_bytes(),
    )
}

/// A token of the EdDSA key `ed` with a header and claims as written.
pub fn ed_raw(header: &str, claims: &str) -> String {
    sign_raw(&KEYS.ed, Algorithm::EdDSA, header, claims.as_bytes())
}

/// PEM in lines of 64 characters, as OpenSSL writes it.
pub fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in data_encoding::BASE64.encode(der).as_bytes().chunks(64) {
        text.push_str(str::from_utf8(line).unwrap());
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// A token signed with HMAC-SHA256.
pub fn hs256(secret: &[u8], header: &str, claims: &Value) -> String {
    hmac_signed(hmac::HMAC_SHA256, secret, header, claims)
}

/// A token signed with the HMAC that its name says; with SHA-256 where it says none.
pub fn with_hmac(alg: &str, secret: &[u8], kid: &str, claims: &Value) -> String {
    let hash = match alg {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let header = json!({"alg": alg, "kid": kid}).to_string();
    hmac_signed(hash, secret, &header, claims)
}

fn hmac_signed(hash: hmac::Algorithm, secret: &[u8], header: &str, claims: &Value) -> String {
    let signed = format!("{}.{}", b64(header), b64(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hash, secret), signed.as_bytes());
    format!("{signed}.{}", b64(tag.as_ref()))
}

pub fn with_signature(token: &str, signature: &str) -> String {
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.{signature}")
}

/// Good claims under a header as written.
pub fn with_header(header: &str) -> String {
    ed_raw(header, &claims().to_string())
}

/// A good token but for these claims.
pub fn with_claims(members: Value) -> String {
    ed_token(&claims_with(members))
}

/// Good claims with text in front, so that JSON may be wrong.
pub fn raw_claims(prefix: &str) -> String {
    let claims = claims().to_string();
    ed_raw(
        r#"{"alg":"EdDSA","kid":"ed"}"#,
        &format!("{{{prefix},{}", &claims[1..]),
    )
}

pub fn key_set(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

/// One key of each kind, each under its own id.
pub fn all_keys() -> Vec<u8> {
    key_set(&[
        KEYS.ed
            .jwk_with(json!({"kid": "ed", "use": "sig", "alg": "EdDSA"})),
        KEYS.p256
            .jwk_with(json!({"kid": "p256", "key_ops": ["verify"]})),
        KEYS.p384.jwk_with(json!({"kid": "p384"})),
        KEYS.p521.jwk_with(json!({"kid": "p521"})),
        KEYS.rsa.jwk_with(json!({"kid": "rsa"})),
        KEYS.rsa.jwk_with(json!({"kid": "rs256", "alg": "RS256"})),
        KEYS.rsa.jwk_with(json!({"kid": "ps256", "alg": "PS256"})),
    ])
}

pub fn holder(jwks: &[u8]) -> Arc<KeyHolder> {
    let holder = KeyHolder::new("test".into());
    holder.install(jwks).unwrap();
    holder
}

pub fn rules(issuer: &str, keys: Arc<KeyHolder>) -> IssuerRules {
    IssuerRules {
        issuer: issuer.into(),
        audiences: vec![AUDIENCE.into()],
        algorithms: Algorithm::ALL
            .into_iter()
            .filter(|a| !a.is_symmetric())
            .collect(),
        leeway_s: LEEWAY_S,
        required_claims: Vec::new(),
        subject_claim: "sub".into(),
        client_claim: None,
        account_claim: Some("account".into()),
        plan_claim: Some("plan".into()),
        typ: None,
        max_lifetime_s: DAY_S,
        secret: None,
        keys,
    }
}

pub fn verifier_of(issuers: Vec<IssuerRules>) -> Verifier {
    let config = VerifierConfig {
        issuers,
        cache_entries: 1000,
        negative_ttl_s: 5,
        hash_key: [9; 16],
    };
    Verifier::new(config).unwrap()
}

/// Our issuer with every key, and another one with its own EdDSA key `ed`.
pub fn verifier() -> Verifier {
    let other = key_set(&[KEYS.other_ed.jwk_with(json!({"kid": "ed"}))]);
    verifier_of(vec![
        rules(ISSUER, holder(&all_keys())),
        rules(OTHER_ISSUER, holder(&other)),
    ])
}

/// The user of a token, or the reason against it, in words.
pub fn verdict(verifier: &Verifier, token: &str) -> Result<Arc<User>, TokenError> {
    match verifier.verify(token, NOW_S) {
        TokenVerdict::Valid(user) => Ok(user),
        TokenVerdict::Invalid(reason) => Err(reason),
        other => panic!("no verdict: {other:?}"),
    }
}
