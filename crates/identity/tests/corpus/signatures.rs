//! Signatures: over something else, out of range, in another shape.

use serde_json::json;
use tollgate_identity::{Algorithm, TokenError};

use super::{Attack, Table, World, attacks};
use crate::support::*;

/// One algorithm of each kind with its key and the key's id.
pub fn algorithms() -> [(Algorithm, &'static SigningKey, &'static str); 7] {
    [
        (Algorithm::EdDSA, &KEYS.ed, "ed"),
        (Algorithm::Es256, &KEYS.p256, "p256"),
        (Algorithm::Es384, &KEYS.p384, "p384"),
        (Algorithm::Rs256, &KEYS.rsa, "rsa"),
        (Algorithm::Rs384, &KEYS.rsa, "rsa"),
        (Algorithm::Rs512, &KEYS.rsa, "rsa"),
        (Algorithm::Ps256, &KEYS.rsa, "ps256"),
    ]
}

/// A good token of that algorithm.
pub fn good(algorithm: Algorithm, key: &SigningKey, kid: &str) -> String {
    let header = json!({"alg": algorithm.as_str(), "kid": kid}).to_string();
    sign_raw(key, algorithm, &header, claims().to_string().as_bytes())
}

/// What any verifier must refuse; were this to pass, nothing below would mean anything.
pub fn of_another_message() -> Table {
    let mut attacks: Vec<_> = algorithms()
        .into_iter()
        .map(|(algorithm, key, kid)| {
            let signature = b64(key.sign(algorithm, b"another message"));
            let token = with_signature(&good(algorithm, key, kid), &signature);
            let what = format!("{algorithm} signature of another message");
            Attack::by_token(what, token, TokenError::Signature)
        })
        .collect();
    let honest = ed_token(&claims_with(json!({"sub": "mallory"})));
    let (_, signature) = honest.rsplit_once('.').unwrap();
    let stranger = SigningKey::ed25519();
    attacks.extend(attacks! {
        "the victim's claims under the attacker's own signature" => with_signature(&ed_token(&claims()), signature), Signature;
        "the victim's claims signed by a stranger under our key id" => good(Algorithm::EdDSA, &stranger, "ed"), Signature;
    });
    Table {
        case: 0,
        title: "A signature over something else",
        source: "RFC 7515, 5.2",
        world: World::usual(),
        attacks,
    }
}

/// Case 11.
pub fn ecdsa_out_of_range() -> Table {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order = data_encoding::HEXLOWER.decode(ORDER.as_bytes()).unwrap();
    let good = good(Algorithm::Es256, &KEYS.p256, "p256");
    let signature = unb64(good.rsplit('.').next().unwrap());
    let (r, s) = signature.split_at(32);
    let (zero, most) = ([0; 32], [0xff; 32]);
    let pair = |r: &[u8], s: &[u8]| with_signature(&good, &b64([r, s].concat()));
    let der = [&[0x30, 0x46, 0x02, 0x21, 0][..], r, &[0x02, 0x21, 0], s].concat();
    let mut attacks = attacks! {
        "DER in place of the fixed form" => with_signature(&good, &b64(der)), Signature;
        "one byte more" => pair(r, &[s, &[0]].concat()), Signature;
        "one byte less" => pair(r, &s[..31]), Signature;
        "zeros in front of r and s" => pair(&[&[0], r].concat(), &[&[0], s].concat()), Signature;
        "r and s swapped" => pair(s, r), Signature;
        "r alone" => with_signature(&good, &b64(r)), Signature;
    };
    for (value, name) in [(&zero[..], "0"), (&order, "n"), (&most, "2^256-1")] {
        let row = |what, token| Attack::by_token(what, token, TokenError::Signature);
        attacks.extend([
            row(format!("r = {name}"), pair(value, s)),
            row(format!("s = {name}"), pair(r, value)),
            row(format!("r = s = {name}"), pair(value, value)),
        ]);
    }
    Table {
        case: 11,
        title: "ECDSA signatures out of range or shape",
        source: "CVE-2022-21449, Wycheproof",
        world: World::usual(),
        attacks,
    }
}

/// Case 12: an EdDSA signature has one scalar.
pub fn eddsa_scalars() -> Table {
    // The order of the group: s + order verifies in readers that do not reduce (RFC 8032 5.1.7).
    const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let order = data_encoding::HEXLOWER.decode(ORDER.as_bytes()).unwrap();
    let good = ed_token(&claims());
    let mut signature = unb64(good.rsplit('.').next().unwrap());
    let mut carry = 0;
    for (digit, add) in signature[32..].iter_mut().zip(&order) {
        let sum = u16::from(*digit) + u16::from(*add) + carry;
        *digit = u8::try_from(sum % 256).unwrap();
        carry = sum / 256;
    }
    Table {
        case: 12,
        title: "A token has one spelling",
        source: "RFC 4648, 3.5; RFC 8032, 5.1.7; seen in Envoy 1.40, HAProxy 2.6, npm jose 6",
        world: World::usual(),
        attacks: attacks! {
            "EdDSA, s + order" => with_signature(&good, &b64(&signature)), Signature;
            "EdDSA, all zero" => with_signature(&good, &b64([0; 64])), Signature;
            "EdDSA, identity and zero" => with_signature(&good, &b64([&[1][..], &[0; 63]].concat())), Signature;
        },
    }
}
