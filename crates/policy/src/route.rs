//! A route: a method and a path template.

use std::fmt;
use std::sync::Arc;

/// Which route, as an index into a [`crate::RouteTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub u32);

impl RouteId {
    /// The route `*`: every request that no template matches shares it.
    pub const UNMATCHED: RouteId = RouteId(0);

    /// As an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The method of a route.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RouteMethod {
    /// Any method (`ANY /x`).
    Any,
    /// One method, an upper-case token.
    Token(Arc<str>),
}

impl RouteMethod {
    /// `ANY` or the method.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            RouteMethod::Any => "ANY",
            RouteMethod::Token(token) => token,
        }
    }
}

impl fmt::Display for RouteMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A method and a template. Displays as `GET /orders/{order_id}`, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Which methods.
    pub method: RouteMethod,
    /// The template as written (`/orders/{order_id}`), or `*` for the unmatched.
    pub template: Arc<str>,
    /// Whether a caller who is over a limit still gets through here.
    pub never_block: bool,
}

impl Route {
    /// The route of all requests that no template matches.
    #[must_use]
    pub fn unmatched() -> Route {
        Route {
            method: RouteMethod::Any,
            template: Arc::from("*"),
            never_block: false,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if &*self.template == "*" {
            f.write_str("*")
        } else {
            write!(f, "{} {}", self.method, self.template)
        }
    }
}
