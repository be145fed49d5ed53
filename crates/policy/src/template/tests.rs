use super::*;

fn template(text: &str) -> Template {
    Template::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn shape(text: &str) -> String {
    template(text).shape(PathRules::default())
}

#[test]
fn the_shape_forgets_names_and_spellings() {
    for (text, expected) in [
        ("/", "/"),
        ("/orders", "/orders"),
        ("/orders/{order_id}", "/orders/{}"),
        ("/orders/{id}/", "/orders/{}"),
        ("/orders//{id}", "/orders/{}"),
        ("/*", "/{}"),
        ("/{id:[0-9]+}", "/{}"),
        ("/{id:[0-9]{3}}/x", "/{}/x"),
        ("/{path:.*/x}", "/{}"),
        ("/{a}.{b}", "/{}.{}"),
        ("/{a}{b}", "/{}"),
        ("/v{a}{b}", "/v{}"),
        ("/{id}:verb", "/{}:verb"),
        ("/{id}%3averb", "/{}:verb"),
        ("/%6frders", "/orders"),
        ("/a b/é", "/a%20b/%C3%A9"),
        ("/files/{path+}", "/files/{+}"),
        ("/files/{+path}", "/files/{+}"),
        ("/files/{proxy+}", "/files/{+}"),
        ("/files/{path*}", "/files/{*}"),
        ("/files/**", "/files/{*}"),
        ("/projects{.format}", "/projects{}"),
    ] {
        assert_eq!(shape(text), expected, "{text}");
    }
}

#[test]
fn fragments_and_queries_are_cut_with_a_note() {
    for (text, kept, note) in [
        ("/#Action=Run", "/", TemplateNote::FragmentCut),
        ("/items#x", "/items", TemplateNote::FragmentCut),
        ("/items{#x}", "/items", TemplateNote::FragmentCut),
        ("/items?a={a}", "/items", TemplateNote::QueryCut),
        ("/items?a={", "/items", TemplateNote::QueryCut),
        ("/items{?a,b}", "/items", TemplateNote::QueryCut),
        ("/items/{?a}", "/items/", TemplateNote::QueryCut),
        ("//items", "//items", TemplateNote::SlashesCollapsed),
        ("/:id", "/:id", TemplateNote::ColonLiteral),
    ] {
        let (template, notes) = Template::parse_with_notes(text).unwrap();
        assert_eq!(template.as_str(), kept, "{text}");
        assert_eq!(notes, [note], "{text}");
    }
    assert!(Template::parse_with_notes("/{id?}/x").unwrap().1.is_empty());
}

#[test]
fn what_can_never_match_is_refused() {
    use TemplateError as E;
    type Fits = fn(&E) -> bool;
    let cases: [(&str, Fits); 15] = [
        ("", |e| matches!(e, E::NotAbsolute)),
        ("orders", |e| matches!(e, E::NotAbsolute)),
        ("/{id", |e| matches!(e, E::UnbalancedBraces)),
        ("/id}", |e| matches!(e, E::UnbalancedBraces)),
        ("/{a{b}", |e| matches!(e, E::UnbalancedBraces)),
        (
            "/{path+}/x",
            |e| matches!(e, E::TailNotLast { tail } if tail == "{path+}"),
        ),
        ("/**/x", |e| matches!(e, E::TailNotLast { .. })),
        ("/x{path+}", |e| matches!(e, E::TailNotWhole { .. })),
        ("/a/./b", |e| matches!(e, E::DotSegment { .. })),
        ("/a/..", |e| matches!(e, E::DotSegment { .. })),
        ("/a%2Fb", |e| matches!(e, E::Unmatchable { .. })),
        ("/a\\b", |e| matches!(e, E::Unmatchable { .. })),
        ("/100%", |e| matches!(e, E::Unmatchable { .. })),
        ("/a\tb", |e| matches!(e, E::Unmatchable { .. })),
        ("/%ff", |e| matches!(e, E::Unmatchable { .. })),
    ];
    for (text, fits) in cases {
        let error = Template::parse(text).expect_err(text);
        assert!(fits(&error), "{text}: {error:?}");
    }
    let deep = "/a".repeat(TEMPLATE_SEGMENTS_MAX + 1);
    assert_eq!(Template::parse(&deep), Err(TemplateError::TooManySegments));
    let long = format!("/{}", "a".repeat(TEMPLATE_BYTES_MAX));
    assert_eq!(Template::parse(&long), Err(TemplateError::TooLong));
}

#[test]
fn a_pattern_needs_something_in_every_gap() {
    let pattern = |text: &str| match template(text).segments.pop() {
        Some(Segment::Pattern(pattern)) => pattern,
        other => panic!("{text} is {other:?}"),
    };
    for (text, fits, misses) in [
        (
            "/{a}.{b}",
            &["a.b", "a.b.c", "..b", "a.."][..],
            &["a", ".", "a.", ".b", "ab", ".."][..],
        ),
        (
            "/{id}:verb",
            &["1:verb", ":verb:verb", "::verb"],
            &[":verb", "1:verbs", "1"],
        ),
        ("/v{n}", &["v1", "vv"], &["v", "x1"]),
        (
            "/a{x}b{y}c",
            &["a1b2c", "abbbc", "a-bb-c"],
            &["abc", "a1bc", "ab1c", "a1b2"],
        ),
        (
            "/{a}...{b}",
            &["main...next", "a....b"],
            &["main..next", "...b", "a..."],
        ),
    ] {
        let pattern = pattern(text);
        for segment in fits {
            assert!(pattern.matches(segment.as_bytes()), "{text} {segment}");
        }
        for segment in misses {
            assert!(!pattern.matches(segment.as_bytes()), "{text} {segment}");
        }
    }
}

#[test]
fn a_concrete_path_is_canonical() {
    let value = |index: usize| format!("v {index}");
    assert_eq!(
        template("/a/{x}/é/{y}.{z}/").path(value),
        "/a/v%200/%C3%A9/v%201.v%202/"
    );
    assert_eq!(template("/").path(value), "/");
    assert_eq!(template("/f/{p+}").path(value), "/f/v%200");
}
