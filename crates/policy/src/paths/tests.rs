use proptest::prelude::*;

use super::*;

fn owned(raw: &str) -> String {
    match normalize(raw) {
        Ok(Cow::Owned(path)) => path,
        other => panic!("{raw} gave {other:?}"),
    }
}

#[test]
fn a_canonical_path_is_borrowed() {
    for path in [
        "/",
        "/orders/1",
        "/a/.well-known/x",
        "/a/..b/.c",
        "/a%20b",
        "/%C3%A9/%3A",
        "/a;v=1/(x)@,",
        "/100%25",
        "/orders/",
    ] {
        assert!(
            matches!(normalize(path), Ok(Cow::Borrowed(same)) if same == path),
            "{path}"
        );
    }
}

#[test]
fn other_spellings_become_canonical() {
    for (raw, canonical) in [
        ("//orders", "/orders"),
        ("/x/../orders", "/orders"),
        ("/./orders/.", "/orders/"),
        ("/a/b/..", "/a/"),
        ("/a//../b", "/b"),
        ("/%6frders", "/orders"),
        ("/orders/%31", "/orders/1"),
        ("/%7euser", "/~user"),
        ("/a%3ab", "/a%3Ab"),
        ("/é", "/%C3%A9"),
        ("/%c3%a9", "/%C3%A9"),
        ("/a b\"<>^`{|}", "/a%20b%22%3C%3E%5E%60%7B%7C%7D"),
        ("/a?b#c", "/a%3Fb%23c"),
        ("///", "/"),
        ("/..a/../b", "/b"),
    ] {
        assert_eq!(owned(raw), canonical, "{raw}");
    }
}

#[test]
fn the_ambiguous_is_refused_with_its_reason() {
    for (raw, error) in [
        ("", PathError::NotAbsolute),
        ("*", PathError::NotAbsolute),
        ("orders", PathError::NotAbsolute),
        ("/a%2Fb", PathError::EncodedSlash),
        ("/a%2fb", PathError::EncodedSlash),
        ("/a\\b", PathError::Backslash),
        ("/a%5cb", PathError::Backslash),
        ("/%2e%2e/x", PathError::EncodedDot),
        ("/a%2Eb", PathError::EncodedDot),
        ("/%00", PathError::Control),
        ("/\u{0}", PathError::Control),
        ("/a\tb", PathError::Control),
        ("/%0d%0a", PathError::Control),
        ("/\u{7f}", PathError::Control),
        ("/%7F", PathError::Control),
        ("/%", PathError::MalformedEncoding),
        ("/%4", PathError::MalformedEncoding),
        ("/%zz", PathError::MalformedEncoding),
        ("/%+1", PathError::MalformedEncoding),
        ("/%252e", PathError::DoubleEncoding),
        ("/%2541", PathError::DoubleEncoding),
        ("/%25%34%31", PathError::DoubleEncoding),
        ("/%25%2541", PathError::DoubleEncoding),
        ("/%c0%af", PathError::NotUtf8),
        ("/%e9", PathError::NotUtf8),
        ("/%e0%80%af", PathError::NotUtf8),
        ("/%ed%a0%80", PathError::NotUtf8),
        ("/%c3x", PathError::NotUtf8),
        ("/..", PathError::AboveRoot),
        ("/a/../../b", PathError::AboveRoot),
        ("/a/..;/b", PathError::DotSegmentParameter),
        ("/a/.;x/b", PathError::DotSegmentParameter),
        ("/a/..%3bx/b", PathError::DotSegmentParameter),
    ] {
        assert_eq!(normalize(raw), Err(error), "{raw:?}");
    }
}

#[test]
fn size_is_bounded_before_and_after() {
    let exact = format!("/{}", "a".repeat(PATH_BYTES_MAX - 1));
    assert!(normalize(&exact).is_ok());
    assert_eq!(normalize(&format!("{exact}a")), Err(PathError::TooLong));
    let grows = format!("/{}", " ".repeat(PATH_BYTES_MAX / 2));
    assert_eq!(normalize(&grows), Err(PathError::TooLong));
    assert!(normalize(&"/a".repeat(PATH_SEGMENTS_MAX)).is_ok());
    assert_eq!(
        normalize(&"/a".repeat(PATH_SEGMENTS_MAX + 1)),
        Err(PathError::TooManySegments)
    );
    assert_eq!(
        normalize(&"/".repeat(PATH_SEGMENTS_MAX + 1)),
        Err(PathError::TooManySegments)
    );
}

/// An independent statement of the rules, byte by byte and without regard to cost.
fn decode_once(path: &str) -> Vec<u8> {
    let bytes = path.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&path[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

fn path_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just("/".to_owned()),
        3 => "[a-zA-Z0-9._~-]{1,3}",
        2 => Just(".".to_owned()),
        2 => Just("..".to_owned()),
        3 => "%[0-9a-fA-F]{2}",
        1 => "%[0-9a-fA-FgG]{0,2}",
        1 => Just("%25".to_owned()),
        1 => "[ !;:@é日\\\\?#\"]",
        1 => Just("%C3%A9".to_owned()),
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn normalizing_twice_changes_nothing(raw in path_like()) {
        if let Ok(once) = normalize(&raw) {
            let twice = normalize(&once).expect("a canonical path is accepted");
            prop_assert_eq!(&*twice, &*once);
            prop_assert!(matches!(twice, Cow::Borrowed(_)));
        }
    }

    #[test]
    fn an_accepted_path_has_one_reading(raw in path_like()) {
        if let Ok(path) = normalize(&raw) {
            let decoded = decode_once(&path);
            prop_assert!(std::str::from_utf8(&decoded).is_ok());
            prop_assert!(!decoded.iter().any(|&b| b == b'\\' || b < 0x20 || b == 0x7f));
            prop_assert!(!path.contains("//"));
            prop_assert!(path[1..].split('/').all(|segment| segment != "." && segment != ".."));
            let slashes = |bytes: &[u8]| bytes.iter().filter(|&&b| b == b'/').count();
            prop_assert_eq!(slashes(&decoded), slashes(path.as_bytes()));
            prop_assert!(path.bytes().all(|b| b == b'/' || b == b'%' || is_path_byte(b)));
        }
    }

    #[test]
    fn any_text_is_answered(raw in any::<String>()) {
        let _ = normalize(&raw);
        let _ = normalize(&format!("/{raw}"));
    }
}
