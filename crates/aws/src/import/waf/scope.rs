//! A scope-down statement as a route, where it is one.

use crate::waf::model::{
    ByteMatch, Field, Positional, Statement, Transformation, TransformationKind,
};

/// What a scope-down statement leaves.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Everything,
    /// `POST /login`, `ANY /api/{rest*}`.
    Route(String),
}

/// A part of a conjunction.
enum Part {
    Method(String),
    Path(String),
    AnyPath,
}

/// The route; none where the statement says something else. `said` gets what is a little different.
pub(super) fn route(statement: &Statement, said: &mut Vec<String>) -> Option<Scope> {
    let parts = match statement {
        Statement::And(all) => all.iter().map(part).collect::<Option<Vec<_>>>()?,
        one => vec![part(one)?],
    };
    let (mut method, mut path) = (None, None);
    for part in parts {
        let twice = match part {
            Part::Method(found) => method.replace(found).is_some(),
            Part::Path(found) => path.replace(found).is_some(),
            Part::AnyPath => false,
        };
        if twice {
            return None;
        }
    }
    let route = match (method, path) {
        (None, None) => return Some(Scope::Everything),
        (method, path) => {
            let method = method.as_deref().unwrap_or("ANY");
            let path = path.as_deref().unwrap_or("/{rest*}");
            format!("{method} {path}")
        }
    };
    said.push(format!(
        "its scope-down statement becomes the route `{route}`: matched on the normalised path, with \
         a trailing slash or without"
    ));
    Some(Scope::Route(route))
}

fn part(statement: &Statement) -> Option<Part> {
    let Statement::ByteMatch(ByteMatch {
        inspect,
        positional,
        search,
    }) = statement
    else {
        return None;
    };
    let changes = |one: &Transformation| one.kind != TransformationKind::None;
    if inspect.transformations.iter().any(changes) {
        return None;
    }
    let search = search.known()?;
    match (&inspect.field, positional) {
        (Field::Method, Positional::Exactly) => {
            let is_method =
                !search.is_empty() && search.bytes().all(|byte| byte.is_ascii_uppercase());
            is_method.then(|| Part::Method(search.to_owned()))
        }
        (Field::UriPath, Positional::Exactly) => {
            is_plain(search).then(|| Part::Path(search.to_owned()))
        }
        (Field::UriPath, Positional::StartsWith) if search == "/" => Some(Part::AnyPath),
        // Without the slash it would be a beginning of a segment, which is no route.
        (Field::UriPath, Positional::StartsWith) => {
            let folder = search.strip_suffix('/').filter(|folder| is_plain(folder))?;
            Some(Part::Path(format!("{folder}/{{rest*}}")))
        }
        _ => None,
    }
}

/// A path of which every letter stands for itself, in a template as in a request.
fn is_plain(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let fits = |segment: &str| {
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(plain)
    };
    rest.is_empty() || rest.split('/').all(fits)
}
