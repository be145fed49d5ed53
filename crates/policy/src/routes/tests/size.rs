//! A table of 15,000 routes: what a lookup costs, in nodes visited.

use super::super::*;

const ROUTES: usize = 15_000;

fn build(template: impl Fn(usize) -> String) -> RouteTable {
    let routes = (0..ROUTES).map(|index| super::named(&format!("GET {}", template(index))));
    let table = RouteTable::build(routes, PathRules::default());
    assert_eq!(table.len(), ROUTES + 1);
    table
}

#[test]
fn a_lookup_visits_as_many_nodes_as_the_path_has_segments() {
    let table = build(|index| {
        format!(
            "/area{}/{{tenant}}/kind{}/{{id}}/part{}",
            index % 25,
            index % 30,
            index
        )
    });
    for index in (0..ROUTES).step_by(97) {
        let path = format!("/area{}/t/kind{}/1/part{index}", index % 25, index % 30);
        let (id, visited) = table.classify_counted("GET", &path);
        assert_ne!(id, RouteId::UNMATCHED, "{path}");
        assert_eq!(visited, 6, "the root and five segments");
    }
    let (id, visited) = table.classify_counted("GET", "/area1/t/kind2/1/part99999");
    assert_eq!(id, RouteId::UNMATCHED);
    assert!(visited <= 6, "{visited}");
}

#[test]
fn a_wide_level_is_one_node() {
    let table = build(|index| format!("/things/{index}"));
    let (id, visited) = table.classify_counted("GET", "/things/14999");
    assert_eq!(
        (table.get(id).to_string().as_str(), visited),
        ("GET /things/14999", 3)
    );
}

/// The worst table for going back: at every level a literal and a parameter, and no end that fits.
#[test]
fn going_back_visits_each_node_at_most_once() {
    let depth = 10;
    let templates = (0_usize..1 << depth).map(|bits| {
        let segment = |level: usize| {
            if bits >> level & 1 == 0 {
                "/a".to_owned()
            } else {
                "/{p}".to_owned()
            }
        };
        (0..depth).map(segment).collect::<String>()
    });
    let table = RouteTable::build(
        templates.map(|template| super::named(&format!("GET {template}"))),
        PathRules::default(),
    );
    let nodes = (1_usize << (depth + 1)) - 1;
    let (id, visited) = table.classify_counted("POST", &"/a".repeat(depth));
    assert_eq!(id, RouteId::UNMATCHED);
    assert_eq!(visited, nodes, "all of them, once");
    let (_, visited) = table.classify_counted("GET", &"/a".repeat(200));
    assert!(visited <= nodes, "{visited}");
}
