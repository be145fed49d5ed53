use tollgate_policy::{PathRules, RouteMethod, RouteTable, Template};

use super::*;

fn table(routes: &[&str]) -> RouteTable {
    let parse = |text: &&str| {
        let (method, template) = text.split_once(' ').unwrap();
        let method = match method {
            "ANY" => RouteMethod::Any,
            method => RouteMethod::Token(method.into()),
        };
        (method, Template::parse(template).unwrap())
    };
    RouteTable::build(routes.iter().map(parse), PathRules::default())
}

fn written(routes: &[&str], bytes_max: usize) -> Result<WrittenRoutes, TooWide> {
    write(&table(routes), &|id| id.index(), bytes_max)
}

#[test]
fn a_tree_tells_templates_where_the_way_does_not() {
    let routes = ["GET /a", "GET /a/{id}", "POST /a/{other}", "ANY /f/{rest+}"];
    let tree = written(&routes, 1000).unwrap();
    let root = r#"{"/a":{h:{GET:1},n:"id",p:{h:{GET:2,POST:[3,"/a/{other}"]}}},"/f":{s:{ANY:[4,"/f/{rest+}"]}}}"#;
    assert_eq!(tree.root, root);
    assert!(tree.chunks.is_empty() && tree.reads_max == 0 && !tree.any_pattern);
    let tree = written(&["GET /v{n}/x", "GET /"], 1000).unwrap();
    assert_eq!(
        tree.root,
        r#"{h:{GET:1},x:[[["v",""],{"/x":{h:{GET:2}}},"v{n}"]]}"#
    );
    assert!(tree.any_pattern);
}

#[test]
fn what_does_not_fit_goes_to_the_store_in_values_that_fit() {
    let routes: Vec<String> = (0..400)
        .map(|n| format!("GET /group{}/resource{n}/{{id}}", n % 10))
        .collect();
    let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
    let whole = written(&routes, usize::MAX).unwrap();
    assert!(whole.root.len() > 10_000 && whole.chunks.is_empty());
    let tree = written(&routes, 2000).unwrap();
    assert!(tree.root.len() <= 2000 && !tree.chunks.is_empty());
    for chunk in &tree.chunks {
        assert!(chunk.len() <= STORE_VALUE_BYTES_MAX, "{}", chunk.len());
        serde_json::from_str::<serde_json::Value>(chunk).unwrap();
    }
    assert!(tree.reads_max <= 3, "{}", tree.reads_max);
}

#[test]
fn a_node_that_fits_nowhere_is_named() {
    let routes: Vec<String> = (0..200).map(|n| format!("GET /all/resource{n}")).collect();
    let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
    let refused = written(&routes, 1000).unwrap_err();
    assert_eq!(
        refused,
        TooWide {
            path: "/all".to_owned(),
            children: 200
        }
    );
}
