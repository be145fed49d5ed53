//! Signing keys of the JOSE algorithms, made by aws-lc, with their public half as JWK and PEM.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding,
    RsaKeyPair,
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};

/// A signature algorithm of RFC 7518 or RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// RSA PKCS#1 v1.5 with SHA-384.
    Rs384,
    /// RSA PKCS#1 v1.5 with SHA-512.
    Rs512,
    /// RSA-PSS with SHA-256.
    Ps256,
}

impl Algorithm {
    /// The JOSE name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Es256 => "ES256",
            Algorithm::Es384 => "ES384",
            Algorithm::Rs256 => "RS256",
            Algorithm::Rs384 => "RS384",
            Algorithm::Rs512 => "RS512",
            Algorithm::Ps256 => "PS256",
        }
    }

    fn rsa_encoding(self) -> Option<&'static dyn RsaEncoding> {
        match self {
            Algorithm::Rs256 => Some(&RSA_PKCS1_SHA256),
            Algorithm::Rs384 => Some(&RSA_PKCS1_SHA384),
            Algorithm::Rs512 => Some(&RSA_PKCS1_SHA512),
            Algorithm::Ps256 => Some(&RSA_PSS_SHA256),
            Algorithm::EdDsa | Algorithm::Es256 | Algorithm::Es384 => None,
        }
    }
}

enum Pair {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// A private key with its key id and the algorithm that it signs with.
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    pair: Pair,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A fresh key; RSA ones have 2048 bits and take some tenths of a second.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "aws-lc generates these standard keys unless the machine has no randomness"
    )]
    pub fn generate(kid: &str, algorithm: Algorithm) -> SigningKey {
        let ec = |signing| EcdsaKeyPair::generate(signing).expect("EC key generation");
        let pair = match algorithm {
            Algorithm::EdDsa => Pair::Ed(Ed25519KeyPair::generate().expect("Ed25519 generation")),
            Algorithm::Es256 => Pair::Ec(ec(&ECDSA_P256_SHA256_FIXED_SIGNING)),
            Algorithm::Es384 => Pair::Ec(ec(&ECDSA_P384_SHA384_FIXED_SIGNING)),
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("RSA generation");
                Pair::Rsa(Box::new(pair))
            }
        };
        SigningKey {
            kid: kid.to_owned(),
            algorithm,
            pair,
        }
    }

    /// The key id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The raw JOSE signature of `message`.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "a key pair signs any message with its own algorithm"
    )]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Ec(pair) => {
                let signature = pair.sign(&random, message).expect("EC signature");
                signature.as_ref().to_vec()
            }
            Pair::Rsa(pair) => {
                let encoding = self.algorithm.rsa_encoding().expect("an RSA algorithm");
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature)
                    .expect("RSA signature");
                signature
            }
        }
    }

    /// A compact JWS of these two members exactly as given.
    #[must_use]
    pub fn sign_compact(&self, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            BASE64URL_NOPAD.encode(header.to_string().as_bytes()),
            BASE64URL_NOPAD.encode(claims.to_string().as_bytes())
        );
        let signature = BASE64URL_NOPAD.encode(&self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// The public key as a JWK (RFC 7517) with `kid`, `alg` and `use`.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Ed(pair) => json!({
                "kty": "OKP",
                "crv": "Ed25519",
                "x": BASE64URL_NOPAD.encode(pair.public_key().as_ref()),
            }),
            Pair::Ec(pair) => {
                // SEC 1, uncompressed: 0x04, x, y.
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = match self.algorithm {
                    Algorithm::Es384 => "P-384",
                    _ => "P-256",
                };
                json!({
                    "kty": "EC",
                    "crv": curve,
                    "x": BASE64URL_NOPAD.encode(x),
                    "y": BASE64URL_NOPAD.encode(y),
                })
            }
            Pair::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair.public_key().as_ref());
                json!({
                    "kty": "RSA",
                    "n": BASE64URL_NOPAD.encode(n),
                    "e": BASE64URL_NOPAD.encode(e),
                })
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm.as_str());
        jwk["use"] = json!("sig");
        jwk
    }

    /// The public key as PEM `SubjectPublicKeyInfo`, as HAProxy and OpenSSL read it.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "aws-lc encodes the public half of a key that it made"
    )]
    pub fn public_pem(&self) -> String {
        let der = match &self.pair {
            Pair::Ed(pair) => pair.public_key().as_der(),
            Pair::Ec(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
        };
        let text = BASE64.encode(der.expect("public key encoding").as_ref());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        pem
    }
}

/// Modulus and exponent, without leading zeros, of a DER `RSAPublicKey` (RFC 8017 A.1.1).
fn rsa_numbers(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = der_value(der);
    let (n, rest) = der_value(sequence);
    let (e, _) = der_value(rest);
    (without_leading_zeros(n), without_leading_zeros(e))
}

/// The content of the first DER element, and what follows it. The input is our own encoder's.
fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let first = usize::from(der[1]);
    let (start, length) = if first < 0x80 {
        (2, first)
    } else {
        let end = 2 + (first & 0x7f);
        let length = der[2..end]
            .iter()
            .fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
        (end, length)
    };
    der[start..].split_at(length)
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
        RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
    };

    use super::*;

    fn number(jwk: &Value, member: &str) -> Vec<u8> {
        BASE64URL_NOPAD
            .decode(jwk[member].as_str().unwrap().as_bytes())
            .unwrap()
    }

    #[test]
    fn an_okp_jwk_verifies_what_its_key_signed() {
        let key = SigningKey::generate("k", Algorithm::EdDsa);
        let public = UnparsedPublicKey::new(&ED25519, number(&key.jwk(), "x"));
        public.verify(b"message", &key.sign(b"message")).unwrap();
        assert!(public.verify(b"other", &key.sign(b"message")).is_err());
    }

    #[test]
    fn an_ec_jwk_verifies_what_its_key_signed() {
        for (algorithm, verification) in [
            (Algorithm::Es256, &ECDSA_P256_SHA256_FIXED),
            (Algorithm::Es384, &ECDSA_P384_SHA384_FIXED),
        ] {
            let key = SigningKey::generate("k", algorithm);
            let jwk = key.jwk();
            let point = [vec![4], number(&jwk, "x"), number(&jwk, "y")].concat();
            UnparsedPublicKey::new(verification, point)
                .verify(b"message", &key.sign(b"message"))
                .unwrap();
        }
    }

    #[test]
    fn an_rsa_jwk_verifies_what_its_key_signed() {
        for (algorithm, verification) in [
            (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256),
            (Algorithm::Ps256, &RSA_PSS_2048_8192_SHA256),
        ] {
            let key = SigningKey::generate("k", algorithm);
            let jwk = key.jwk();
            let public = RsaPublicKeyComponents {
                n: number(&jwk, "n"),
                e: number(&jwk, "e"),
            };
            public
                .verify(verification, b"message", &key.sign(b"message"))
                .unwrap();
        }
    }

    #[test]
    fn the_pem_of_a_key_has_lines_of_at_most_64_characters() {
        let pem = SigningKey::generate("k", Algorithm::EdDsa).public_pem();
        assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA"));
        assert!(pem.lines().all(|line| line.len() <= 64));
    }
}
