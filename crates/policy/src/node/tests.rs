use super::*;
use crate::findings::{Findings, Source};

fn read(text: &str) -> Node {
    parse(Source { name: "x", text }).unwrap_or_else(|found| panic!("{found:?}"))
}

fn text_of(text: &str, span: Span) -> String {
    text[span.start..span.end].to_owned()
}

#[test]
fn values_know_where_they_stand() {
    let text = "é: [x, {y: 'q r'}]\nm:\n  POST /a/{b}: [1, off, true, ~, 1.5]\n";
    let Value::Map(entries) = read(text).value else {
        panic!("a section")
    };
    let Value::List(items) = &entries[0].1.value else {
        panic!("a list")
    };
    assert_eq!(text_of(text, items[0].span), "x");
    let Value::Map(inner) = &items[1].value else {
        panic!("a section")
    };
    assert_eq!(
        (
            text_of(text, inner[0].0.span),
            text_of(text, inner[0].1.span)
        ),
        ("y".into(), "'q r'".into())
    );
    let Value::Map(inner) = &entries[1].1.value else {
        panic!("a section")
    };
    assert_eq!(text_of(text, inner[0].0.span), "POST /a/{b}");
    let Value::List(items) = &inner[0].1.value else {
        panic!("a list")
    };
    let values: Vec<&Value> = items.iter().map(|item| &item.value).collect();
    let expected = [
        Value::Int(1),
        Value::Text("off".into()),
        Value::Bool(true),
        Value::Null,
        Value::Float(1.5),
    ];
    assert_eq!(values, expected.iter().collect::<Vec<_>>());
}

#[test]
fn an_alias_stands_where_its_anchor_is() {
    let text = "a: &x 5\nb: *x\n";
    let Value::Map(entries) = read(text).value else {
        panic!("a section")
    };
    assert_eq!(text_of(text, entries[1].1.span), "5");
}

#[test]
fn depth_and_aliases_are_bounded() {
    let deep = format!("a: {}{}\n", "[".repeat(200), "]".repeat(200));
    assert!(
        parse(Source {
            name: "x",
            text: &deep
        })
        .is_err()
    );
    let wide: String = (0..600_000).map(|_| "- x\n").collect();
    assert!(
        parse(Source {
            name: "x",
            text: &wide
        })
        .is_err()
    );
}

#[test]
fn all_misfits_of_a_list_are_found() {
    let node = read("[1, a, [], b, 2]");
    let mut findings = Findings::new(Source {
        name: "x",
        text: "[1, a, [], b, 2]",
    });
    let read = Vec::<String>::from_node(&node, &mut findings).unwrap();
    assert_eq!(read, ["a", "b"]);
    let columns: Vec<usize> = findings
        .into_list()
        .iter()
        .map(|found| found.column)
        .collect();
    assert_eq!(columns, [2, 8, 15]);
}

#[test]
fn a_node_becomes_json() {
    let node = read("{a: [1, 1.5, x, true, null]}");
    assert_eq!(
        node.to_json(),
        serde_json::json!({"a": [1, 1.5, "x", true, null]})
    );
}
