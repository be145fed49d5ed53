//! The route tree as JavaScript, and what of it goes to the key-value store.
//!
//! A node is an object: `/text` is the child for that text, `x` a list of patterns, `p` the child
//! for a parameter named `n`; `h`, `s` and `a` map methods to routes that end here, with a tail of one
//! segment or more, or with any tail. A route is its group, or `[group, template]` where the way
//! to it does not spell the template. A number in place of a child is a value of the store.

use tollgate_policy::{RouteId, RouteMethod, RouteNode, RouteTable};

use super::template::quoted;

/// Longest value of the key-value store, in bytes (AWS: 1 KB).
pub const STORE_VALUE_BYTES_MAX: usize = 1024;

/// The tree written down.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrittenRoutes {
    /// The root, as JavaScript.
    pub(super) root: String,
    /// JSON texts of the store: `r0`, `r1`, …
    pub(super) chunks: Vec<String>,
    /// Most reads of the store for one path.
    pub(super) reads_max: usize,
    pub(super) any_pattern: bool,
}

/// A tree that fits nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooWide {
    /// The node that has too many children for one value, as a path.
    pub(super) path: String,
    /// How many it has.
    pub(super) children: usize,
}

/// One node, ready to be written.
struct Draft {
    /// Name and routes: `h`, `s`, `a`.
    routes: Vec<(char, Vec<(String, Leaf)>)>,
    children: Vec<Child>,
}

enum Leaf {
    Group(usize),
    Told(usize, String),
}

struct Child {
    kind: Kind,
    node: Placed,
}

enum Kind {
    Literal(String),
    Pattern(Vec<String>, String),
    Param(String),
}

enum Placed {
    Here(Draft),
    Stored { index: usize, reads: usize },
}

/// Writes the tree: the root within `root_bytes_max`, the rest in values of the store.
pub(super) fn write(
    table: &RouteTable,
    group: &dyn Fn(RouteId) -> usize,
    root_bytes_max: usize,
) -> Result<WrittenRoutes, TooWide> {
    let mut draft = draft(table, table.root(), "", group);
    let any_pattern = draft.any_pattern();
    let mut chunks = Vec::new();
    draft.shrink("", root_bytes_max, Style::Script, &mut chunks)?;
    let mut root = String::new();
    draft.write(Style::Script, &mut root);
    Ok(WrittenRoutes {
        root,
        chunks,
        reads_max: draft.reads(),
        any_pattern,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Names that need no quotes have none.
    Script,
    Json,
}

fn draft(
    table: &RouteTable,
    node: RouteNode<'_>,
    way: &str,
    group: &dyn Fn(RouteId) -> usize,
) -> Draft {
    let leaves = |entries: &mut dyn Iterator<Item = (&RouteMethod, RouteId)>, told: &str| {
        let leaf = |(method, id): (&RouteMethod, RouteId)| {
            let template = &*table.get(id).template;
            let leaf = if template == told {
                Leaf::Group(group(id))
            } else {
                Leaf::Told(group(id), template.to_owned())
            };
            (method.as_str().to_owned(), leaf)
        };
        entries.map(leaf).collect::<Vec<_>>()
    };
    let here = if way.is_empty() { "/" } else { way };
    let routes = vec![
        ('h', leaves(&mut node.here(), here)),
        ('s', leaves(&mut node.tail_some(), "")),
        ('a', leaves(&mut node.tail_any(), "")),
    ];
    let below = |segment: &str, child| draft(table, child, &format!("{way}/{segment}"), group);
    let mut children = Vec::new();
    for (literal, child) in node.literals() {
        let text = one_char_a_byte(literal);
        let node = Placed::Here(below(&text, child));
        children.push(Child {
            kind: Kind::Literal(text),
            node,
        });
    }
    for (literals, child) in node.patterns() {
        let literals: Vec<String> = literals.iter().map(|text| one_char_a_byte(text)).collect();
        let name = name_below(table, child, way).unwrap_or_default();
        let node = Placed::Here(below(&name, child));
        children.push(Child {
            kind: Kind::Pattern(literals, name),
            node,
        });
    }
    if let Some(child) = node.param() {
        let segment = name_below(table, child, way).unwrap_or_default();
        let name = segment
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'));
        let name = name.unwrap_or_default().to_owned();
        let node = Placed::Here(below(&format!("{{{name}}}"), child));
        children.push(Child {
            kind: Kind::Param(name),
            node,
        });
    }
    Draft { routes, children }
}

/// How the first template below a node writes the segment that leads to it.
fn name_below(table: &RouteTable, node: RouteNode<'_>, way: &str) -> Option<String> {
    let depth = way.matches('/').count() + 1;
    let mut ids = Vec::new();
    collect(node, &mut ids);
    let template = ids.into_iter().min().map(|id| &*table.get(id).template)?;
    template.split('/').nth(depth).map(str::to_owned)
}

fn collect(node: RouteNode<'_>, ids: &mut Vec<RouteId>) {
    let routes = node.here().chain(node.tail_some()).chain(node.tail_any());
    ids.extend(routes.map(|(_, id)| id));
    let patterns = node.patterns().map(|(_, child)| child);
    let literals = node.literals().map(|(_, child)| child);
    for child in literals.chain(patterns).chain(node.param()) {
        collect(child, ids);
    }
}

/// The function compares decoded bytes, of which each is one character there.
fn one_char_a_byte(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

// === impl Draft ===

impl Draft {
    /// Moves children to the store until what is left fits: the largest that fits there first.
    fn shrink(
        &mut self,
        way: &str,
        bytes_max: usize,
        style: Style,
        chunks: &mut Vec<String>,
    ) -> Result<(), TooWide> {
        while self.len(style) > bytes_max {
            let here = |child: &&mut Child| matches!(child.node, Placed::Here(_));
            let sized = self.children.iter_mut().filter(here).map(|child| {
                let bytes = child.len(style);
                (bytes, child)
            });
            // A child that is as short as its number would gain nothing.
            let largest = sized.max_by_key(|(bytes, _)| *bytes);
            let Some((_, child)) = largest.filter(|(bytes, _)| *bytes > STORED_GAINS_FROM) else {
                return Err(TooWide {
                    path: if way.is_empty() {
                        "/".to_owned()
                    } else {
                        way.to_owned()
                    },
                    children: self.children.len(),
                });
            };
            let way = format!("{way}/{}", child.kind.segment());
            if let Placed::Here(node) = &mut child.node {
                node.shrink(&way, STORE_VALUE_BYTES_MAX, Style::Json, chunks)?;
                let mut text = String::new();
                node.write(Style::Json, &mut text);
                let reads = node.reads() + 1;
                chunks.push(text);
                let index = chunks.len() - 1;
                child.node = Placed::Stored { index, reads };
            }
        }
        Ok(())
    }

    fn len(&self, style: Style) -> usize {
        let mut text = String::new();
        self.write(style, &mut text);
        text.len()
    }

    /// The most reads of one request: one literal, and where that leads nowhere every pattern and
    /// the parameter.
    fn reads(&self) -> usize {
        let (mut literal, mut others) = (0, 0);
        for child in &self.children {
            let reads = match &child.node {
                Placed::Here(node) => node.reads(),
                Placed::Stored { reads, .. } => *reads,
            };
            match child.kind {
                Kind::Literal(_) => literal = literal.max(reads),
                Kind::Pattern(..) | Kind::Param(_) => others += reads,
            }
        }
        literal + others
    }

    fn any_pattern(&self) -> bool {
        self.children.iter().any(|child| {
            let below = matches!(&child.node, Placed::Here(node) if node.any_pattern());
            matches!(child.kind, Kind::Pattern(..)) || below
        })
    }

    fn write(&self, style: Style, out: &mut String) {
        let mut members = Members::open(style, out);
        for (name, routes) in self.routes.iter().filter(|(_, routes)| !routes.is_empty()) {
            members.name(&name.to_string());
            let mut inner = Members::open(style, members.out);
            for (method, leaf) in routes {
                inner.name(method);
                match leaf {
                    Leaf::Group(group) => inner.out.push_str(&group.to_string()),
                    Leaf::Told(group, template) => {
                        inner
                            .out
                            .push_str(&format!("[{group},{}]", quoted(template)));
                    }
                }
            }
            inner.close();
        }
        for child in &self.children {
            if let Kind::Literal(text) = &child.kind {
                members.name(&format!("/{text}"));
                child.write(style, members.out);
            }
        }
        let patterns = self.children.iter().filter_map(|child| match &child.kind {
            Kind::Pattern(literals, name) => Some((child, literals, name)),
            _ => None,
        });
        for (index, (child, literals, name)) in patterns.clone().enumerate() {
            if index == 0 {
                members.name("x");
                members.out.push('[');
            } else {
                members.out.push(',');
            }
            let literals: Vec<String> = literals.iter().map(|text| quoted(text)).collect();
            members.out.push_str(&format!("[[{}],", literals.join(",")));
            child.write(style, members.out);
            members.out.push_str(&format!(",{}]", quoted(name)));
        }
        if patterns.count() > 0 {
            members.out.push(']');
        }
        for child in &self.children {
            if let Kind::Param(name) = &child.kind {
                members.name("n");
                members.out.push_str(&quoted(name));
                members.name("p");
                child.write(style, members.out);
            }
        }
        members.close();
    }
}

/// Bytes from which on a child is worth a value of its own.
const STORED_GAINS_FROM: usize = 24;

impl Child {
    fn write(&self, style: Style, out: &mut String) {
        match &self.node {
            Placed::Here(node) => node.write(style, out),
            Placed::Stored { index, .. } => out.push_str(&index.to_string()),
        }
    }

    fn len(&self, style: Style) -> usize {
        let mut text = String::new();
        self.write(style, &mut text);
        text.len()
    }
}

impl Kind {
    fn segment(&self) -> String {
        match self {
            Kind::Literal(text) | Kind::Pattern(_, text) => text.clone(),
            Kind::Param(name) => format!("{{{name}}}"),
        }
    }
}

/// Members of an object.
struct Members<'o> {
    out: &'o mut String,
    style: Style,
    any: bool,
}

impl<'o> Members<'o> {
    fn open(style: Style, out: &'o mut String) -> Members<'o> {
        out.push('{');
        Members {
            out,
            style,
            any: false,
        }
    }

    fn name(&mut self, name: &str) {
        if self.any {
            self.out.push(',');
        }
        self.any = true;
        let is_bare = name.bytes().all(|byte| byte.is_ascii_alphabetic());
        if self.style == Style::Script && is_bare {
            self.out.push_str(name);
        } else {
            self.out.push_str(&quoted(name));
        }
        self.out.push(':');
    }

    fn close(self) {
        self.out.push('}');
    }
}

#[cfg(test)]
mod tests;
