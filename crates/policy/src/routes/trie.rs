//! A trie over path segments.
//!
//! A node stands for one way to read the segments before it, and is reached by that way only: a
//! lookup visits it at most once, so that going back is bounded by the size of the trie.

use std::collections::HashMap;

use crate::route::{RouteId, RouteMethod};
use crate::template::{Pattern, Segment, Tail};

/// Node 0 is the root.
#[derive(Clone)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    /// Children by segment while the trie is built; empty afterwards.
    children: HashMap<(u32, Segment), u32>,
}

#[derive(Clone, Default)]
pub(super) struct Node {
    /// Sorted once the trie is finished.
    pub(super) literals: Vec<(Vec<u8>, u32)>,
    /// Most specific first, once the trie is finished.
    pub(super) patterns: Vec<(Pattern, u32)>,
    pub(super) param: Option<u32>,
    /// Templates that end here.
    pub(super) here: Methods,
    /// Templates that end here with a tail of one segment or more.
    pub(super) tail_some: Methods,
    /// Templates that end here with a tail of none or more.
    pub(super) tail_any: Methods,
}

#[derive(Clone, Default)]
pub(super) struct Methods(pub(super) Vec<(RouteMethod, RouteId)>);

/// One lookup.
pub(super) struct Lookup<'a> {
    trie: &'a Trie,
    method: &'a str,
    visited: usize,
}

// === impl Trie ===

impl Default for Trie {
    fn default() -> Self {
        Trie {
            nodes: vec![Node::default()],
            children: HashMap::new(),
        }
    }
}

impl Trie {
    pub(super) fn insert(&mut self, segments: &[Segment], method: RouteMethod, id: RouteId) {
        let mut at = 0_u32;
        for segment in segments {
            match segment {
                Segment::Tail(Tail::Some) => {
                    return self.nodes[at as usize].tail_some.0.push((method, id));
                }
                Segment::Tail(Tail::Any) => {
                    return self.nodes[at as usize].tail_any.0.push((method, id));
                }
                _ => at = self.child(at, segment),
            }
        }
        self.nodes[at as usize].here.0.push((method, id));
    }

    /// The child of a node for a segment, made if there is none.
    fn child(&mut self, parent: u32, segment: &Segment) -> u32 {
        if let Some(&known) = self.children.get(&(parent, segment.clone())) {
            return known;
        }
        let new = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let node = &mut self.nodes[parent as usize];
        match segment {
            Segment::Literal(literal) => node.literals.push((literal.clone(), new)),
            Segment::Pattern(pattern) => node.patterns.push((pattern.clone(), new)),
            Segment::Param | Segment::Tail(_) => node.param = Some(new),
        }
        self.nodes.push(Node::default());
        self.children.insert((parent, segment.clone()), new);
        new
    }

    pub(super) fn node(&self, index: u32) -> &Node {
        &self.nodes[index as usize]
    }

    /// Sorts what lookups search.
    pub(super) fn finish(&mut self) {
        self.children = HashMap::new();
        for node in &mut self.nodes {
            node.literals.sort();
            node.patterns.sort_by(|(a, _), (b, _)| a.specificity(b));
        }
    }
}

// === impl Methods ===

impl Methods {
    /// The method itself, `GET` for `HEAD`, then any.
    fn find(&self, method: &str) -> Option<RouteId> {
        let exact = |wanted: &str| {
            let mut entries = self.0.iter();
            entries
                .find(|(known, _)| matches!(known, RouteMethod::Token(token) if &**token == wanted))
        };
        let any = || self.0.iter().find(|(known, _)| *known == RouteMethod::Any);
        let head = || if method == "HEAD" { exact("GET") } else { None };
        exact(method).or_else(head).or_else(any).map(|(_, id)| *id)
    }
}

// === impl Lookup ===

impl<'a> Lookup<'a> {
    pub(super) fn new(trie: &'a Trie, method: &'a str) -> Self {
        Lookup {
            trie,
            method,
            visited: 0,
        }
    }

    /// Nodes visited so far.
    pub(super) fn visited(&self) -> usize {
        self.visited
    }

    /// The most specific route for a decoded path that begins with a slash.
    pub(super) fn walk(&mut self, path: &[u8]) -> Option<RouteId> {
        match path {
            [] | [b'/'] => self.visit(0, None),
            [_, rest @ ..] => self.visit(0, Some(rest)),
        }
    }

    /// `rest` is what follows the slash after the segments read so far; `None` at the end. As deep
    /// as the deepest template, which [`crate::TEMPLATE_SEGMENTS_MAX`] bounds.
    fn visit(&mut self, node: u32, rest: Option<&[u8]>) -> Option<RouteId> {
        self.visited += 1;
        let node = &self.trie.nodes[node as usize];
        let Some(rest) = rest else {
            return node
                .here
                .find(self.method)
                .or_else(|| node.tail_any.find(self.method));
        };
        let (segment, after) = match memchr::memchr(b'/', rest) {
            Some(slash) => (&rest[..slash], Some(&rest[slash + 1..])),
            None => (rest, None),
        };
        if let Ok(index) = node
            .literals
            .binary_search_by(|(literal, _)| literal.as_slice().cmp(segment))
            && let Some(found) = self.visit(node.literals[index].1, after)
        {
            return Some(found);
        }
        for (pattern, child) in &node.patterns {
            if pattern.matches(segment)
                && let Some(found) = self.visit(*child, after)
            {
                return Some(found);
            }
        }
        if let Some(child) = node.param
            && !segment.is_empty()
            && let Some(found) = self.visit(child, after)
        {
            return Some(found);
        }
        let some = if rest.is_empty() {
            None
        } else {
            node.tail_some.find(self.method)
        };
        some.or_else(|| node.tail_any.find(self.method))
    }
}
