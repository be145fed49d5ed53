use super::*;

fn import_with(text: &str, base: &BasePath) -> (Vec<String>, Vec<(&'static str, usize)>) {
    let mut findings = Findings::new(Source {
        name: "api.yaml",
        text,
    });
    let routes = import(text, base, PathRules::default(), &mut findings);
    let table = RouteTable::build(routes, PathRules::default());
    let names = table
        .iter()
        .skip(1)
        .map(|(_, route)| route.to_string())
        .collect();
    (
        names,
        findings
            .into_list()
            .iter()
            .map(|found| (found.code, found.line))
            .collect(),
    )
}

fn import_all(text: &str) -> (Vec<String>, Vec<(&'static str, usize)>) {
    import_with(text, &BasePath::None)
}

#[test]
fn all_versions_are_read_from_yaml_and_json() {
    for text in [
        "swagger: '2.0'\npaths:\n  /a: {get: {}, parameters: []}\n",
        "swagger: 2.0\npaths:\n  /a: {get: {}}\n",
        "openapi: 3.0.3\npaths:\n  /a: {get: {responses: {200: {schema: {exclusiveMinimum: true}}}}}\n",
        "openapi: 3.1.0\npaths:\n  /a: {get: {responses: {200: {schema: {type: [string, 'null']}}}}}\n",
        "openapi: 3.2.0\npaths:\n  /a: {get: {}, summary: x, description: y, servers: []}\n",
        "{\"openapi\": \"3.1.0\", \"paths\": {\"/a\": {\"get\": {}, \"x-note\": 1}, \"x-b\": {\"get\": {}}}}",
        "\u{feff}{\"openapi\": \"3.1.0\", \"paths\": {\"/a\": {\"get\": {}}}}",
    ] {
        assert_eq!(
            import_all(text),
            (vec!["GET /a".to_owned()], vec![]),
            "{text}"
        );
    }
}

#[test]
fn every_method_counts_and_3_2_may_name_others() {
    let text = "openapi: 3.2.0\npaths:\n  /a:\n    query: {}\n    head: {}\n    trace: {}\n    additionalOperations: {COPY: {}, LINK: {}}\n";
    let (names, found) = import_all(text);
    assert_eq!(
        names,
        ["COPY /a", "HEAD /a", "LINK /a", "QUERY /a", "TRACE /a"]
    );
    assert!(found.is_empty());
}

#[test]
fn a_base_path_is_taken_when_asked_for_and_told_when_not() {
    let servers = "openapi: 3.0.0\nservers:\n  - {url: 'https://x.example.com/{v}/', variables: {v: {default: v2}}}\npaths:\n  /a: {get: {}}\n";
    assert_eq!(
        import_with(servers, &BasePath::Servers),
        (vec!["GET /v2/a".into()], vec![])
    );
    assert_eq!(
        import_with(servers, &BasePath::None),
        (vec!["GET /a".into()], vec![])
    );
    assert_eq!(
        import_with(servers, &BasePath::Unsaid),
        (vec!["GET /a".into()], vec![("TG0037", 2)])
    );
    assert_eq!(
        import_with(servers, &BasePath::Path("/w/".into())),
        (vec!["GET /w/a".into()], vec![])
    );
    let swagger = "swagger: '2.0'\nhost: x\nbasePath: /v1/\npaths:\n  /a: {get: {}}\n";
    assert_eq!(
        import_with(swagger, &BasePath::Servers),
        (vec!["GET /v1/a".into()], vec![])
    );
    let several = "openapi: 3.0.0\nservers: [{url: /v1}, {url: //h/v2}]\npaths:\n  /a: {get: {}}\n";
    assert_eq!(
        import_with(several, &BasePath::Servers),
        (vec!["GET /v1/a".into()], vec![("TG0037", 2)])
    );
    let root = "openapi: 3.0.0\nservers: [{url: https://x.example.com}]\npaths:\n  /a: {get: {}}\n";
    assert_eq!(
        import_with(root, &BasePath::Unsaid),
        (vec!["GET /a".into()], vec![])
    );
}

#[test]
fn odd_paths_are_told_once_each_and_never_end_the_import() {
    let text = "openapi: 3.0.0\npaths:\n  /a#x: {post: {}}\n  /a#y: {post: {}}\n  /b?c={c}: {get: {}}\n  /d/{x}: {get: {}}\n  /d/{y}: {get: {}}\n  e: {get: {}}\n  /f/{p+}/g: {get: {}}\n  /h: {$ref: '#/x'}\n  /i: null\n  /j: [1]\n";
    let (names, found) = import_all(text);
    assert_eq!(names, ["POST /a", "GET /b", "GET /d/{x}", "ANY /h"]);
    let expected = [
        ("TG0023", 3),
        ("TG0023", 5),
        ("TG0022", 7),
        ("TG0036", 8),
        ("TG0036", 9),
        ("TG0037", 10),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_no_document_is_refused_with_its_place() {
    for (text, line) in [
        ("", 1),
        ("[]", 1),
        ("{\"paths\": {}}", 1),
        ("openapi: 4.0.0\n", 1),
        ("{\n\"openapi\": \"3.0.0\",\n\"paths\": {\"/a\" 1}}", 3),
        ("openapi: 3.0.0\npaths:\n  /a: {get: [}\n", 3),
    ] {
        let (names, found) = import_all(text);
        assert!(names.is_empty(), "{text}");
        assert_eq!(found, [("TG0035", line)], "{text}");
    }
}

#[test]
fn a_document_that_is_all_aliases_is_bounded() {
    let mut text = "openapi: 3.0.0\npaths: {}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        text.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![alias; 10].join(", ")
        ));
    }
    let (_, found) = import_all(&text);
    assert_eq!(found.first().map(|found| found.0), Some("TG0035"));
}
