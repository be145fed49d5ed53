use proptest::prelude::*;

use super::*;
use crate::KeyRing;

const RING: &str = "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 - - current";

fn id(class: &str, method: &str, template: &str) -> BucketId {
    let root =
        KeyRing::parse(RING)
            .unwrap()
            .root("https://login.example.com", "user_001", Some("acc_1"));
    bucket_id(&root, &LimitClass::new(class).unwrap(), method, template)
}

#[test]
fn an_id_is_the_documented_one() {
    let one = id("std", "GET", "/orders/{order_id}");
    assert_eq!(one.to_string(), "std.k1.ZGAQWe02J2dRmNocD6s7gM");
    assert_eq!((one.class(), one.kid()), ("std", "k1"));
}

#[test]
fn the_class_cannot_be_swapped() {
    let one = id("std", "GET", "/");
    let other = id("gold", "GET", "/");
    assert_ne!(
        one.as_str().split('.').nth(2),
        other.as_str().split('.').nth(2)
    );
    let forged: BucketId = one.to_string().replace("std", "gold").parse().unwrap();
    assert_ne!(forged, other);
}

#[test]
fn a_presented_id_is_read_or_refused() {
    let one = id("std", "GET", "/");
    assert_eq!(one.to_string().parse(), Ok(one));
    let tag = "A".repeat(TAG_CHARS);
    for bad in [
        String::new(),
        "..".into(),
        format!("std.k1.{tag}A"),
        format!("std.k1.{}", &tag[1..]),
        format!("std.k1.{}=", &tag[1..]),
        format!("std.k1.{tag}."),
        format!("STD.k1.{tag}"),
        format!(".k1.{tag}"),
        format!("std..{tag}"),
        format!("std.kkkkk.{tag}"),
        format!("123456789.k1.{tag}"),
        format!("std.k1 .{tag}"),
    ] {
        assert_eq!(bad.parse::<BucketId>(), Err(MalformedBucketId), "{bad}");
    }
}

#[test]
fn classes_are_1_to_8_of_a_to_z_and_digits() {
    assert!(LimitClass::new("a").is_ok() && LimitClass::new("12345678").is_ok());
    for bad in ["", "123456789", "A", "a.b", "a-b", "\u{e9}", " a"] {
        assert_eq!(
            LimitClass::new(bad),
            Err(IdentityError::LimitClass),
            "{bad}"
        );
    }
}

#[test]
fn a_root_does_not_show_itself() {
    let root = KeyRing::parse(RING).unwrap().root("i", "s", None);
    assert_eq!(root.expose().len(), ROOT_CHARS);
    assert_eq!(format!("{root:?}"), "Root(k1, [redacted])");
}

proptest! {
    #[test]
    fn reading_never_panics_and_keeps_the_text(text in "[a-z0-9.A-Z_-]{0,40}") {
        if let Ok(id) = text.parse::<BucketId>() {
            prop_assert_eq!(id.as_str(), &text);
        }
    }

    #[test]
    fn lengths_are_written_in_decimal(text in "[a-z]{0,1200}") {
        let mut own = keyed(b"k");
        length_prefixed(&mut own, &text);
        let mut plain = keyed(b"k");
        plain.update(format!("{}:{text}", text.len()).as_bytes());
        prop_assert_eq!(&base64url(own)[..], &base64url(plain)[..]);
    }
}

#[test]
fn a_network_has_a_root_under_a_name_that_scripts_can_make() {
    let ring = KeyRing::parse(RING).unwrap();
    let root = |peer: &str, rules: &crate::NetworkRules| {
        let headers = http::HeaderMap::new();
        let network = crate::client_network(peer.parse().unwrap(), &headers, rules);
        ring.network_root(&network).expose().to_owned()
    };
    let by_hand = |name: &str| {
        let mut mac = keyed(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
        mac.update(format!("tollgate/network/1{}:{name}", name.len()).as_bytes());
        BASE64URL_NOPAD.encode(&mac.finalize().into_bytes())
    };
    let rules = crate::NetworkRules::default();
    assert_eq!(root("192.0.2.7", &rules), by_hand("192.0.2.7/32"));
    assert_eq!(root("::ffff:192.0.2.7", &rules), by_hand("192.0.2.7/32"));
    let prefix = "2001:db8:0:a:0:0:0:0/64";
    assert_eq!(root("2001:db8:0:a::1", &rules), by_hand(prefix));
    assert_eq!(root("2001:db8:0:a:ffff::1", &rules), by_hand(prefix));
    let wide = crate::NetworkRules {
        ipv4_prefix: 24,
        ipv6_prefix: 56,
        ..rules
    };
    assert_eq!(root("192.0.2.7", &wide), by_hand("192.0.2.0/24"));
    assert_eq!(
        root("2001:db8:0:1ff::1", &wide),
        by_hand("2001:db8:0:100:0:0:0:0/56")
    );
}
