use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Object<'_>, JsonError> {
    Object::parse(text.as_bytes(), TOKEN_VALUES_MAX)
}

#[test]
fn members_are_found_by_their_unescaped_name() {
    let object = parse(r#"{"b":1,"\u0061":"x\ny","__proto__":null,"c":[true,-2,1.5]}"#).unwrap();
    assert_eq!(object.get("a").and_then(Json::as_str), Some("x\ny"));
    assert_eq!(object.get("b"), Some(&Json::Unsigned(1)));
    assert_eq!(object.get("__proto__"), Some(&Json::Null));
    assert_eq!(object.get("constructor"), None);
    let list = vec![Json::Bool(true), Json::Negative(-2), Json::Float(1.5)];
    assert_eq!(object.get("c"), Some(&Json::Array(list)));
}

#[test]
fn a_name_twice_is_refused_at_any_level() {
    for bad in [
        r#"{"a":1,"a":1}"#,
        r#"{"alg":1,"\u0061lg":2}"#,
        r#"{"x":{"y":[{"k":1,"j":2,"k":3}]}}"#,
        r#"{"":1,"":2}"#,
    ] {
        assert_eq!(parse(bad), Err(JsonError::Duplicate), "{bad}");
    }
    assert!(parse(r#"{"a":{"a":1},"A":1}"#).is_ok());
}

#[test]
fn only_one_object_is_a_document() {
    for bad in [
        "",
        "null",
        "[]",
        "\"x\"",
        "1",
        "{}x",
        "{} {}",
        "{",
        r#"{"a"}"#,
        "{a:1}",
        r#"{"a":1,}"#,
        "\u{feff}{}",
        r#"{"a":01}"#,
        r#"{"a":+1}"#,
        r#"{"a":NaN}"#,
        r#"{"a":1e400}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\ud800\u0041"}"#,
        "{\"a\":\"\n\"}",
        r"{'a':1}",
        "{/**/}",
    ] {
        assert_eq!(parse(bad), Err(JsonError::Invalid), "{bad}");
    }
    assert!(parse(" {\n} ").is_ok());
    assert_eq!(
        Object::parse(b"{\"a\":\"\xff\"}", 9),
        Err(JsonError::Invalid)
    );
}

#[test]
fn depth_is_bounded() {
    let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert!(parse(&nested(DEPTH_MAX as usize - 1)).is_ok());
    assert_eq!(parse(&nested(DEPTH_MAX as usize)), Err(JsonError::Invalid));
    assert_eq!(parse(&nested(5000)), Err(JsonError::Invalid));
}

#[test]
fn values_are_bounded() {
    let wide = |n: usize| format!("{{\"a\":[{}]}}", vec!["1"; n].join(","));
    // The document and the array are values too.
    assert!(parse(&wide(TOKEN_VALUES_MAX as usize - 2)).is_ok());
    assert_eq!(
        parse(&wide(TOKEN_VALUES_MAX as usize - 1)),
        Err(JsonError::Invalid)
    );
}

proptest! {
    #[test]
    fn bytes_never_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Object::parse(&text, TOKEN_VALUES_MAX);
    }

    #[test]
    fn near_json_never_panics_and_agrees_with_a_lenient_reader(
        text in r#"\{("[ab]":([0-9]{1,3}|"[a-z\\]{0,3}"|\[1,2\]|\{"a":1\})(,"[ab]":1)?)?\}"#
    ) {
        let lenient: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(&text);
        match parse(&text) {
            Ok(object) => prop_assert_eq!(object.0.len(), lenient.unwrap().len()),
            Err(JsonError::Duplicate) => prop_assert!(lenient.is_ok()),
            Err(JsonError::Invalid) => prop_assert!(lenient.is_err()),
        }
    }
}
