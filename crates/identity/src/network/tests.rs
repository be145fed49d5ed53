use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const PROXY: &str = "10.0.0.1";

fn rules() -> NetworkRules {
    NetworkRules {
        trusted: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
        ..NetworkRules::default()
    }
}

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// The client's address behind a trusted proxy that sent these fields.
fn behind(fields: &[(&'static str, &str)]) -> String {
    let found = client_network(PROXY.parse().unwrap(), &headers(fields), &rules());
    found.address.to_string()
}

fn xff(value: &str) -> String {
    behind(&[("x-forwarded-for", value)])
}

fn forwarded(value: &str) -> String {
    behind(&[("forwarded", value)])
}

fn network_of(peer: &str) -> String {
    client_network(peer.parse().unwrap(), &HeaderMap::new(), &rules())
        .network
        .to_string()
}

#[test]
fn case_045_a_stranger_s_fields_are_ignored() {
    let fields = headers(&[("x-forwarded-for", "1.2.3.4"), ("forwarded", "for=1.2.3.4")]);
    let found = client_network("9.9.9.9".parse().unwrap(), &fields, &rules());
    assert_eq!(found.network.to_string(), "9.9.9.9/32");
}

#[test]
fn case_046_only_what_our_proxies_wrote_counts() {
    let fake = vec!["6.6.6.6"; 50].join(", ");
    assert_eq!(xff(&format!("{fake}, 1.2.3.4")), "1.2.3.4");
    assert_eq!(
        xff(&format!("{fake}, 1.2.3.4, 10.1.1.1, 10.2.2.2")),
        "1.2.3.4"
    );
    assert_eq!(
        behind(&[
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "1.2.3.4")
        ]),
        "1.2.3.4"
    );
    assert_eq!(
        behind(&[
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-for", "10.2.2.2")
        ]),
        "1.2.3.4"
    );
    assert_eq!(
        forwarded("for=6.6.6.6, for=1.2.3.4, for=10.1.1.1"),
        "1.2.3.4"
    );
    assert_eq!(
        behind(&[
            ("forwarded", "for=1.2.3.4"),
            ("forwarded", "for=10.1.1.1;by=_p")
        ]),
        "1.2.3.4"
    );
}

#[test]
fn case_047_every_spelling_of_a_hop_is_read() {
    for (value, address) in [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:8080", "1.2.3.4"),
        (" 1.2.3.4\t", "1.2.3.4"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        // From here on garbage: the last good hop counts.
        ("localhost:8080", PROXY),
        ("unknown", PROXY),
        ("", PROXY),
        (",", PROXY),
        ("1.2.3.4,", PROXY),
        ("1.2.3.4.5", PROXY),
        ("1.2.3.4:99999", PROXY),
        ("01.2.3.4", PROXY),
        ("fe80::1%eth0", PROXY),
        ("1.2.3.4 5.6.7.8", PROXY),
        ("\u{661}.2.3.4", PROXY),
        ("1.2.3.4, garbage, 10.9.9.9", "10.9.9.9"),
    ] {
        assert_eq!(xff(value), address, "{value:?}");
    }
    for (value, address) in [
        ("for=\"[2001:db8::1]:443\"", "2001:db8::1"),
        ("For=\"[2001:DB8::1]\"", "2001:db8::1"),
        ("FOR=1.2.3.4", "1.2.3.4"),
        ("for=\"1.2.3.4:80\";proto=https; by=203.0.113.43", "1.2.3.4"),
        ("proto=https ;for=1.2.3.4", "1.2.3.4"),
        ("host=\"a,for=6.6.6.6\";for=1.2.3.4", "1.2.3.4"),
        (
            "for=6.6.6.6;x=\"\\\", for=7.7.7.7\", for=1.2.3.4",
            "1.2.3.4",
        ),
        ("for=1.2.3.4;;", "1.2.3.4"),
        ("for=1.2.3.4:80", "1.2.3.4"),
        ("for=[2001:db8::1]:80", "2001:db8::1"),
        ("for=_x", PROXY),
        ("for=_x, for=10.9.9.9", "10.9.9.9"),
        ("for=unknown", PROXY),
        ("for=\"\"", PROXY),
        ("for=", PROXY),
        ("for", PROXY),
        ("for=1.2.3.4;for=5.6.7.8", PROXY),
        ("for = 1.2.3.4", PROXY),
        ("for=\"1.2.3.4", PROXY),
        ("by=1.2.3.4", PROXY),
        ("for=1.2.3.4, ,for=10.1.1.1", "10.1.1.1"),
        ("\u{e9}", PROXY),
        ("", PROXY),
    ] {
        assert_eq!(forwarded(value), address, "{value:?}");
    }
}

#[test]
fn case_047_hops_and_bytes_are_capped() {
    let own = vec!["10.1.1.1"; HOPS_MAX].join(",");
    assert_eq!(xff(&format!("1.2.3.4,{own}")), "10.1.1.1");
    let own_elements = vec!["for=10.1.1.1"; HOPS_MAX].join(",");
    assert_eq!(
        forwarded(&format!("for=1.2.3.4,{own_elements}")),
        "10.1.1.1"
    );
    let long = "6.6.6.6,".repeat(100_000 / 8);
    assert_eq!(xff(&format!("{long}1.2.3.4")), "1.2.3.4");
    // A field cut within an address yields no half of one.
    let cut = format!(
        "{}1.2.3.4{}",
        "x".repeat(hops::FIELD_BYTES_MAX),
        " ".repeat(hops::FIELD_BYTES_MAX - 5)
    );
    assert_eq!(xff(&cut), PROXY);
    assert_eq!(
        forwarded(&format!("{}for=1.2.3.4", "for=6.6.6.6,".repeat(9000))),
        PROXY
    );
    let few = NetworkRules {
        max_hops: 1,
        ..rules()
    };
    let fields = headers(&[("x-forwarded-for", "1.2.3.4, 10.7.7.7")]);
    let found = client_network(PROXY.parse().unwrap(), &fields, &few);
    assert_eq!(found.address.to_string(), "10.7.7.7");
}

#[test]
fn two_families_count_only_where_they_agree() {
    let both = |forwarded, xff| behind(&[("forwarded", forwarded), ("x-forwarded-for", xff)]);
    assert_eq!(both("for=1.2.3.4", "1.2.3.4"), "1.2.3.4");
    assert_eq!(both("for=6.6.6.6", "1.2.3.4"), PROXY);
    assert_eq!(both("for=1.2.3.4", "6.6.6.6"), PROXY);
    assert_eq!(both("for=_x", "1.2.3.4"), PROXY);
}

#[test]
fn case_048_a_client_is_its_ipv6_64() {
    assert_eq!(network_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    let key = |peer: &str, rules: &NetworkRules| {
        client_network(peer.parse().unwrap(), &HeaderMap::new(), rules).key(&[1; 16])
    };
    let narrow = rules();
    assert_eq!(
        key("2001:db8:1:2::1", &narrow),
        key("2001:db8:1:2:ffff::1", &narrow)
    );
    assert_ne!(
        key("2001:db8:1:2::1", &narrow),
        key("2001:db8:1:3::1", &narrow)
    );
    let wide = NetworkRules {
        ipv6_prefix: 48,
        ipv4_prefix: 24,
        ..rules()
    };
    assert_eq!(key("2001:db8:1:2::1", &wide), key("2001:db8:1:3::1", &wide));
    assert_eq!(key("9.9.9.1", &wide), key("9.9.9.200", &wide));
    let broken = NetworkRules {
        ipv6_prefix: 255,
        ipv4_prefix: 255,
        ..rules()
    };
    assert_ne!(key("9.9.9.1", &broken), key("9.9.9.2", &broken));
}

#[test]
fn case_049_a_mapped_ipv4_address_is_that_address() {
    assert_eq!(network_of("::ffff:1.2.3.4"), "1.2.3.4/32");
    assert_ne!(network_of("::ffff:1.2.3.4"), network_of("::ffff:1.2.3.5"));
    let mapped_proxy = "::ffff:10.0.0.1".parse().unwrap();
    let found = client_network(
        mapped_proxy,
        &headers(&[("x-forwarded-for", "1.2.3.4")]),
        &rules(),
    );
    assert_eq!(found.address.to_string(), "1.2.3.4");
}

#[test]
fn case_050_nat64_and_6to4_are_keyed_on_the_ipv4_inside() {
    assert_eq!(network_of("64:ff9b::8.8.4.4"), "8.8.4.4/32");
    assert_eq!(network_of("2002:808:404:1::1"), "8.8.4.4/32");
    assert_eq!(network_of("64:ff9b:1::808:404"), "64:ff9b:1::/64");
}

#[test]
fn a_private_address_in_a_coat_is_neither_trusted_nor_that_host() {
    for coat in [
        "2002:a00:1::1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::",
        "2002:6440:1::",
        "2002:c0a8:1::",
    ] {
        let fields = headers(&[("x-forwarded-for", "1.2.3.4")]);
        let found = client_network(coat.parse().unwrap(), &fields, &rules());
        assert_eq!(found.address, coat.parse::<IpAddr>().unwrap(), "{coat}");
    }
}

proptest! {
    #[test]
    fn no_field_panics_or_reaches_beyond_the_peer_without_trust(
        value in proptest::collection::vec(any::<u8>(), 0..300), trusted: bool
    ) {
        let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        let mut fields = HeaderMap::new();
        fields.append("forwarded", value.clone());
        fields.append("x-forwarded-for", value);
        let peer: IpAddr = if trusted { "10.0.0.1" } else { "9.9.9.9" }.parse().unwrap();
        let found = client_network(peer, &fields, &rules());
        prop_assert!(trusted || found.address == peer);
    }

    #[test]
    fn near_forwarded_fields_never_let_a_client_choose(
        prefix in r#"[a-z0-9.,;="\\ \[\]:_]{0,60}"#
    ) {
        // Our proxy appends its own element after whatever the client sent.
        let address = forwarded(&format!("{prefix}, for=1.2.3.4"));
        prop_assert!(address == "1.2.3.4" || address == PROXY, "{}", address);
    }

    #[test]
    fn a_client_s_own_hops_never_matter(prefix in r#"[a-z0-9.,: \[\]]{0,60}"#) {
        prop_assert_eq!(xff(&format!("{prefix},1.2.3.4")), "1.2.3.4");
    }
}
