//! The route table as a tree, for those who write it down in another language.

use super::RouteTable;
use super::trie::{Methods, Node, Trie};
use crate::route::{RouteId, RouteMethod};

/// One node: the segments of a path that were read to come here.
///
/// A lookup tries a node's children in the order of these methods, and goes back to the next one
/// where a child leads nowhere; `docs/policy.md` tells the rules.
#[derive(Clone, Copy)]
pub struct RouteNode<'a> {
    trie: &'a Trie,
    node: &'a Node,
}

impl RouteTable {
    /// The node of the path `/`.
    #[must_use]
    pub fn root(&self) -> RouteNode<'_> {
        RouteNode {
            trie: &self.trie,
            node: self.trie.node(0),
        }
    }
}

impl<'a> RouteNode<'a> {
    fn at(self, index: u32) -> Self {
        RouteNode {
            node: self.trie.node(index),
            ..self
        }
    }

    /// Children for one text each, decoded, in order.
    pub fn literals(self) -> impl Iterator<Item = (&'a [u8], RouteNode<'a>)> {
        let literals = self.node.literals.iter();
        literals.map(move |(text, child)| (text.as_slice(), self.at(*child)))
    }

    /// Children for literals with gaps of at least one byte between them, the most specific first.
    pub fn patterns(self) -> impl Iterator<Item = (&'a [Vec<u8>], RouteNode<'a>)> {
        let patterns = self.node.patterns.iter();
        patterns.map(move |(pattern, child)| (pattern.literals(), self.at(*child)))
    }

    /// The child for any segment that is not empty.
    #[must_use]
    pub fn param(self) -> Option<RouteNode<'a>> {
        self.node.param.map(|child| self.at(child))
    }

    /// Routes of paths that end here.
    pub fn here(self) -> impl Iterator<Item = (&'a RouteMethod, RouteId)> {
        entries(&self.node.here)
    }

    /// Routes of paths that go on by one segment or more.
    pub fn tail_some(self) -> impl Iterator<Item = (&'a RouteMethod, RouteId)> {
        entries(&self.node.tail_some)
    }

    /// Routes of paths that end here or go on.
    pub fn tail_any(self) -> impl Iterator<Item = (&'a RouteMethod, RouteId)> {
        entries(&self.node.tail_any)
    }
}

fn entries(methods: &Methods) -> impl Iterator<Item = (&RouteMethod, RouteId)> {
    methods.0.iter().map(|(method, id)| (method, *id))
}
