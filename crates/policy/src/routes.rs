//! The route table: which route a request is for.
//!
//! The most specific template wins, segment by segment from the left: a literal over a pattern, a
//! pattern over a whole parameter, a parameter over a tail; what fits longer over what fits shorter.
//! A template without the request's method is no candidate, so that a less specific one with it
//! is. The outcome never depends on the order in which routes were written.

mod node;
mod trie;

use std::collections::HashMap;
use std::fmt;

use crate::paths::{PATH_BYTES_MAX, PathRules, TrailingSlash, hex_value};
use crate::route::{Route, RouteId, RouteMethod};
use crate::template::Template;
pub use node::RouteNode;
use trie::{Lookup, Trie};

/// The most routes of a table.
pub const ROUTES_MAX: usize = 100_000;

/// All routes of a policy. Route 0 is `*`; the others are sorted by template, then method.
#[derive(Clone)]
pub struct RouteTable {
    routes: Vec<Route>,
    by_shape: HashMap<(String, RouteMethod), RouteId>,
    trie: Trie,
    rules: PathRules,
}

// === impl RouteTable ===

impl RouteTable {
    /// Builds the table. Of several routes of one shape and method, the template that sorts first
    /// names the route; more than [`ROUTES_MAX`] are not taken.
    #[must_use]
    pub fn build(
        routes: impl IntoIterator<Item = (RouteMethod, Template)>,
        rules: PathRules,
    ) -> RouteTable {
        let mut wanted: Vec<(RouteMethod, Template)> = routes.into_iter().collect();
        wanted.sort_by(|(a_method, a), (b_method, b)| {
            (a.as_str(), a_method).cmp(&(b.as_str(), b_method))
        });
        let mut table = RouteTable {
            routes: vec![Route::unmatched()],
            by_shape: HashMap::with_capacity(wanted.len()),
            trie: Trie::default(),
            rules,
        };
        for (method, template) in wanted {
            let Ok(index) = u32::try_from(table.routes.len()) else {
                break;
            };
            if table.routes.len() > ROUTES_MAX {
                break;
            }
            let id = RouteId(index);
            let key = (template.shape(rules), method.clone());
            if table.by_shape.contains_key(&key) {
                continue;
            }
            table.by_shape.insert(key, id);
            table
                .trie
                .insert(&template.segments(rules), method.clone(), id);
            table.routes.push(Route {
                method,
                template: template.text(),
                never_block: false,
            });
        }
        table.trie.finish();
        table
    }

    /// The route of a request: its method as sent, and its path as [`crate::normalize`] gives it.
    ///
    /// `HEAD` takes the `GET` route where it has none of its own, and any method takes an `ANY`
    /// route. Without a match, [`RouteId::UNMATCHED`]. Allocates nothing.
    #[must_use]
    pub fn classify(&self, method: &str, canonical_path: &str) -> RouteId {
        self.classify_counted(method, canonical_path).0
    }

    /// The same, with the number of trie nodes that were visited.
    pub(crate) fn classify_counted(&self, method: &str, path: &str) -> (RouteId, usize) {
        if !path.starts_with('/') || path.len() > PATH_BYTES_MAX {
            return (RouteId::UNMATCHED, 0);
        }
        let path = match self.rules.trailing_slash {
            TrailingSlash::Ignore if path.len() > 1 => path.strip_suffix('/').unwrap_or(path),
            _ => path,
        };
        let bytes = path.as_bytes();
        if self.rules.case_sensitive && memchr::memchr(b'%', bytes).is_none() {
            self.find(method, bytes)
        } else {
            self.find_decoded(method, bytes)
        }
    }

    fn find(&self, method: &str, path: &[u8]) -> (RouteId, usize) {
        let mut lookup = Lookup::new(&self.trie, method);
        let found = lookup.walk(path);
        (found.unwrap_or(RouteId::UNMATCHED), lookup.visited())
    }

    /// For a path with encodings or letters to fold: decodes into a buffer on the stack first.
    #[inline(never)]
    fn find_decoded(&self, method: &str, path: &[u8]) -> (RouteId, usize) {
        let mut buffer = [0_u8; PATH_BYTES_MAX];
        let mut length = 0;
        let mut at = 0;
        while at < path.len() {
            let mut byte = path[at];
            at += 1;
            if byte == b'%' {
                let digit = |index: usize| path.get(index).and_then(|&digit| hex_value(digit));
                let (Some(high), Some(low)) = (digit(at), digit(at + 1)) else {
                    return (RouteId::UNMATCHED, 0);
                };
                byte = high << 4 | low;
                at += 2;
                // A canonical path has no encoded slash; were there one, it must not split.
                if byte == b'/' {
                    return (RouteId::UNMATCHED, 0);
                }
            }
            buffer[length] = if self.rules.case_sensitive {
                byte
            } else {
                byte.to_ascii_lowercase()
            };
            length += 1;
        }
        self.find(method, &buffer[..length])
    }

    /// A route; `*` for an id that this table did not give.
    #[must_use]
    pub fn get(&self, id: RouteId) -> &Route {
        self.routes.get(id.index()).unwrap_or(&self.routes[0])
    }

    /// How many routes there are, with `*`.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a table always has the route `*`"
    )]
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// All routes, `*` first.
    pub fn iter(&self) -> impl Iterator<Item = (RouteId, &Route)> {
        (0_u32..).map(RouteId).zip(&self.routes)
    }

    /// How paths are matched.
    #[must_use]
    pub fn rules(&self) -> &PathRules {
        &self.rules
    }

    /// The route of this method and of the template's shape: parameter names do not matter.
    #[must_use]
    pub fn named(&self, method: &RouteMethod, template: &Template) -> Option<RouteId> {
        self.by_shape
            .get(&(template.shape(self.rules), method.clone()))
            .copied()
    }

    pub(crate) fn set_never_block(&mut self, id: RouteId) {
        if let Some(route) = self.routes.get_mut(id.index()) {
            route.never_block = true;
        }
    }
}

impl fmt::Debug for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.routes.iter().map(ToString::to_string))
            .finish()
    }
}

#[cfg(test)]
mod tests;
