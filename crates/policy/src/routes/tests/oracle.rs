//! The table against a matcher that tries every template and sorts what fits.

use proptest::prelude::*;

use super::super::*;
use crate::template::{Segment, Tail};

/// Less is more specific: segment by segment, literal, pattern, parameter, tail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Literal,
    Pattern(
        std::cmp::Reverse<usize>,
        std::cmp::Reverse<usize>,
        usize,
        String,
    ),
    Param,
    TailSome,
    TailAny,
}

/// Whether a template fits, by plain recursion over decoded segments.
fn fits(template: &[Segment], path: &[String]) -> bool {
    match (template, path) {
        ([], []) | ([Segment::Tail(Tail::Any)], _) => true,
        ([Segment::Tail(Tail::Some)], [first, ..]) => !first.is_empty() || path.len() > 1,
        ([segment, template @ ..], [text, path @ ..]) => {
            let here = match segment {
                Segment::Literal(literal) => literal == text.as_bytes(),
                Segment::Pattern(_) => pattern_fits(&pieces(segment), text),
                Segment::Param => !text.is_empty(),
                Segment::Tail(_) => false,
            };
            here && fits(template, path)
        }
        _ => false,
    }
}

/// Literals around gaps, from the shape.
fn pieces(segment: &Segment) -> Vec<String> {
    let Segment::Pattern(pattern) = segment else {
        return Vec::new();
    };
    let mut out = vec![String::new()];
    pattern.fill(
        &mut out,
        |out: &mut Vec<String>, text| {
            out.last_mut()
                .unwrap()
                .push_str(std::str::from_utf8(text).unwrap())
        },
        &mut |out: &mut Vec<String>| out.push(String::new()),
    );
    out
}

/// Tries every place for every literal.
fn pattern_fits(pieces: &[String], text: &str) -> bool {
    let [first, rest @ ..] = pieces else {
        return text.is_empty();
    };
    let Some(after) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    if rest.is_empty() {
        return after.is_empty();
    }
    after
        .char_indices()
        .skip(1)
        .map(|(at, _)| at)
        .chain([after.len()])
        .any(|at| at > 0 && pattern_fits(rest, &after[at..]))
}

fn rank(template: &[Segment]) -> Vec<Rank> {
    let rank = |segment: &Segment| match segment {
        Segment::Literal(_) => Rank::Literal,
        Segment::Pattern(_) => {
            let pieces = pieces(segment);
            let text = pieces.iter().map(String::len).sum();
            Rank::Pattern(
                std::cmp::Reverse(text),
                std::cmp::Reverse(pieces[0].len()),
                pieces.len(),
                pieces.join("\0"),
            )
        }
        Segment::Param => Rank::Param,
        Segment::Tail(Tail::Some) => Rank::TailSome,
        Segment::Tail(Tail::Any) => Rank::TailAny,
    };
    template.iter().map(rank).collect()
}

/// Exact method, then `GET` for `HEAD`, then any.
fn method_rank(route: &RouteMethod, method: &str) -> Option<u8> {
    match route {
        RouteMethod::Token(token) if **token == *method => Some(0),
        RouteMethod::Token(token) if method == "HEAD" && &**token == "GET" => Some(1),
        RouteMethod::Token(_) => None,
        RouteMethod::Any => Some(2),
    }
}

fn oracle(table: &RouteTable, method: &str, path: &str) -> RouteId {
    let rules = *table.rules();
    let mut path = path[1..].to_owned();
    if rules.trailing_slash == TrailingSlash::Ignore {
        path = path.strip_suffix('/').unwrap_or(&path).to_owned();
    }
    if !rules.case_sensitive {
        path.make_ascii_lowercase();
    }
    let segments: Vec<String> = if path.is_empty() {
        Vec::new()
    } else {
        path.split('/').map(str::to_owned).collect()
    };
    let candidates = table.iter().skip(1).filter_map(|(id, route)| {
        let template = Template::parse(&route.template).unwrap().segments(rules);
        let fits = fits(&template, &segments);
        Some((rank(&template), method_rank(&route.method, method)?, id)).filter(|_| fits)
    });
    candidates.min().map_or(RouteId::UNMATCHED, |(_, _, id)| id)
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab]{1,2}",
        3 => Just("{p}".to_owned()),
        1 => Just("{p}.{q}".to_owned()),
        1 => Just("{p}:a".to_owned()),
        1 => Just("a{p}".to_owned()),
        1 => Just("{p}b".to_owned()),
        1 => Just("a{p}b{q}".to_owned()),
        1 => Just("{p}{q}".to_owned()),
    ]
}

fn template() -> impl Strategy<Value = String> {
    let tail = prop_oneof![6 => Just(""), 1 => Just("/{t+}"), 1 => Just("/{t*}"), 1 => Just("/")];
    (proptest::collection::vec(segment(), 0..4), tail)
        .prop_map(|(segments, tail)| format!("/{}{tail}", segments.join("/")).replace("//", "/"))
}

fn method() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just("GET"), 1 => Just("POST"), 1 => Just("HEAD"), 1 => Just("ANY")]
}

fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![6 => "[abAB.:]{1,3}", 1 => "[ab.:]{4,6}"];
    let segment = segment.prop_filter("not a dot segment", |segment| {
        segment != "." && segment != ".."
    });
    (proptest::collection::vec(segment, 0..5), any::<bool>()).prop_map(|(segments, slash)| {
        let path = format!("/{}", segments.join("/"));
        if slash && path.len() > 1 {
            path + "/"
        } else {
            path
        }
    })
}

fn rules() -> impl Strategy<Value = PathRules> {
    (any::<bool>(), any::<bool>()).prop_map(|(strict, case_sensitive)| PathRules {
        trailing_slash: if strict {
            TrailingSlash::Strict
        } else {
            TrailingSlash::Ignore
        },
        case_sensitive,
    })
}

fn table() -> impl Strategy<Value = RouteTable> {
    (
        proptest::collection::vec((method(), template()), 0..24),
        rules(),
    )
        .prop_map(|(routes, rules)| {
            let named = routes
                .iter()
                .map(|(method, template)| super::named(&format!("{method} {template}")));
            RouteTable::build(named, rules)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn the_table_agrees_with_the_naive_matcher(table in table(), method in method(), path in path()) {
        let found = table.classify(method, &path);
        let expected = oracle(&table, method, &path);
        prop_assert_eq!(table.get(found).to_string(), table.get(expected).to_string(), "{} {} in {:?}", method, path, table);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_path_made_from_a_template_maps_back_to_it(table in table()) {
        for (id, route) in table.iter().skip(1) {
            let template = Template::parse(&route.template).unwrap();
            // `~` is in no literal, so that nothing more specific takes the path.
            let path = template.path(|index| format!("~{index}"));
            let method = if route.method == RouteMethod::Any { "PURGE" } else { route.method.as_str() };
            let normal = crate::paths::normalize(&path).unwrap().into_owned();
            prop_assert_eq!(&normal, &path);
            let found = table.classify(method, &path);
            prop_assert_eq!(found, oracle(&table, method, &path));
            // Patterns and tails overlap with others, and one comes first: then the oracle decides.
            let segments = template.segments(*table.rules());
            let overlaps = segments.iter().any(|segment| matches!(segment, Segment::Pattern(_) | Segment::Tail(_)));
            prop_assert!(found == id || overlaps, "{} gave {}", path, table.get(found));
        }
    }

    #[test]
    fn any_method_and_path_is_answered(table in table(), method in ".*", path in ".*") {
        let _ = table.classify(&method, &path);
        let _ = table.classify(&method, &format!("/{path}"));
    }
}
