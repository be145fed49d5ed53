mod oracle;
mod size;

use super::*;

fn named(text: &str) -> (RouteMethod, Template) {
    let (method, template) = text.split_once(' ').unwrap();
    let method = if method == "ANY" {
        RouteMethod::Any
    } else {
        RouteMethod::Token(method.into())
    };
    (method, Template::parse(template).unwrap())
}

fn table_with(routes: &[&str], rules: PathRules) -> RouteTable {
    RouteTable::build(routes.iter().map(|route| named(route)), rules)
}

fn table(routes: &[&str]) -> RouteTable {
    table_with(routes, PathRules::default())
}

fn expect(table: &RouteTable, cases: &[(&str, &str)]) {
    for (request, expected) in cases {
        let (method, path) = request.split_once(' ').unwrap();
        assert_eq!(
            table.get(table.classify(method, path)).to_string(),
            *expected,
            "{request}"
        );
    }
}

#[test]
fn the_most_specific_template_wins() {
    let table = table(&[
        "GET /orders/{id}",
        "GET /orders/new",
        "GET /orders/{id}.json",
        "GET /orders/{id}:cancel",
        "GET /orders/{id}:{verb}",
        "GET /orders/{path+}",
        "GET /orders/{id}/items",
        "GET /{any*}",
    ]);
    expect(
        &table,
        &[
            ("GET /orders/1", "GET /orders/{id}"),
            ("GET /orders/new", "GET /orders/new"),
            ("GET /orders/1.json", "GET /orders/{id}.json"),
            ("GET /orders/1:cancel", "GET /orders/{id}:cancel"),
            ("GET /orders/1:ship", "GET /orders/{id}:{verb}"),
            ("GET /orders/1/items", "GET /orders/{id}/items"),
            ("GET /orders/1/other", "GET /orders/{path+}"),
            ("GET /orders", "GET /{any*}"),
            ("GET /", "GET /{any*}"),
        ],
    );
}

#[test]
fn a_lookup_goes_back_from_a_dead_end() {
    let table = table(&[
        "GET /a/b/c",
        "GET /{x}/b/d",
        "GET /a/{y}/e",
        "GET /{x}/{y}/{z}",
        "GET /a/**",
    ]);
    expect(
        &table,
        &[
            ("GET /a/b/c", "GET /a/b/c"),
            ("GET /a/b/d", "GET /a/**"),
            ("GET /a/b/e", "GET /a/{y}/e"),
            ("GET /q/b/d", "GET /{x}/b/d"),
            ("GET /q/b/e", "GET /{x}/{y}/{z}"),
            ("GET /q/b", "*"),
        ],
    );
}

#[test]
fn a_template_without_the_method_is_no_candidate() {
    let table = table(&[
        "POST /orders/new",
        "GET /orders/{id}",
        "ANY /orders/{path*}",
        "HEAD /orders/{id}",
        "GET /x",
    ]);
    expect(
        &table,
        &[
            ("GET /orders/new", "GET /orders/{id}"),
            ("HEAD /orders/new", "HEAD /orders/{id}"),
            ("PUT /orders/new", "ANY /orders/{path*}"),
            ("get /orders/new", "ANY /orders/{path*}"),
            ("HEAD /x", "GET /x"),
            ("OPTIONS /x", "*"),
            ("get /x", "*"),
        ],
    );
}

#[test]
fn a_tail_of_none_or_more_and_one_of_some_differ_at_their_end() {
    let table = table(&["GET /a/{p+}", "GET /b/{p*}", "POST /a/**"]);
    expect(
        &table,
        &[
            ("GET /a", "*"),
            ("GET /a/", "*"),
            ("GET /a/x/y", "GET /a/{p+}"),
            ("GET /b", "GET /b/{p*}"),
            ("GET /b/x/y/", "GET /b/{p*}"),
            ("POST /a", "POST /a/**"),
        ],
    );
}

#[test]
fn trailing_slashes_and_case_follow_the_rules() {
    let strict = PathRules {
        trailing_slash: TrailingSlash::Strict,
        case_sensitive: false,
    };
    let table = table_with(
        &[
            "GET /Orders",
            "GET /orders/",
            "GET /a/{id}",
            "GET /v{n}/X",
            "GET /t/{p+}",
        ],
        strict,
    );
    expect(
        &table,
        &[
            ("GET /orders", "GET /Orders"),
            ("GET /ORDERS/", "GET /orders/"),
            ("GET /A/b", "GET /a/{id}"),
            ("GET /a/b/", "*"),
            ("GET /V1/x", "GET /v{n}/X"),
            ("GET /t/", "*"),
            ("GET /t/a/", "GET /t/{p+}"),
        ],
    );
    let loose = table_with(&["GET /orders/{id}/"], PathRules::default());
    expect(
        &loose,
        &[
            ("GET /orders/1", "GET /orders/{id}/"),
            ("GET /orders/1/", "GET /orders/{id}/"),
        ],
    );
}

#[test]
fn an_encoded_character_equals_itself() {
    let table = table(&[
        "GET /orders/{id}:cancel",
        "GET /a%3Ab",
        "GET /caf%C3%A9/{x}",
        "GET /a b",
    ]);
    expect(
        &table,
        &[
            ("GET /orders/1%3Acancel", "GET /orders/{id}:cancel"),
            ("GET /a:b", "GET /a%3Ab"),
            ("GET /a%3Ab", "GET /a%3Ab"),
            ("GET /caf%C3%A9/%20", "GET /caf%C3%A9/{x}"),
            ("GET /a%20b", "GET /a b"),
            ("GET /a%2Fb", "*"),
            ("GET /a%zz", "*"),
            ("GET a", "*"),
            ("GET *", "*"),
        ],
    );
}

#[test]
fn the_order_of_routes_never_matters() {
    let mut routes = [
        "GET /a/{x}",
        "GET /a/{y}",
        "GET /a/{x}.{y}",
        "GET /a/{x}-{y}",
        "POST /a/{z}",
        "ANY /a/{q}",
        "GET /a/z{x}",
        "GET /a/{x}z",
    ];
    let listing = |table: &RouteTable| {
        table
            .iter()
            .map(|(id, route)| format!("{} {route}", id.0))
            .collect::<Vec<_>>()
    };
    let first = table(&routes);
    for turn in 0..routes.len() {
        routes.rotate_left(1);
        if turn % 2 == 0 {
            routes.swap(0, 3);
        }
        let other = table(&routes);
        assert_eq!(listing(&other), listing(&first));
        for path in ["/a/1", "/a/1.2-3", "/a/zz", "/a/z1z"] {
            assert_eq!(
                other.classify("GET", path),
                first.classify("GET", path),
                "{path}"
            );
        }
    }
    assert_eq!(first.len(), 8, "two routes of one shape and method are one");
}

#[test]
fn routes_are_found_by_shape() {
    let table = table(&["GET /orders/{order_id}", "ANY /files/{path+}"]);
    let find = |text: &str| {
        let (method, template) = named(text);
        table
            .named(&method, &template)
            .map(|id| table.get(id).to_string())
    };
    assert_eq!(
        find("GET /orders/{x}/").as_deref(),
        Some("GET /orders/{order_id}")
    );
    assert_eq!(find("POST /orders/{x}"), None);
    assert_eq!(
        find("ANY /files/{rest+}").as_deref(),
        Some("ANY /files/{path+}")
    );
    assert_eq!(find("ANY /files/{rest*}"), None);
}
