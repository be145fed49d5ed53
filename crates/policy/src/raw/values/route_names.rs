//! Routes by their names: `METHOD /template`.

use super::names::is_token_byte;
use crate::codes;
use crate::findings::Problem;
use crate::raw::section::text_value;
use crate::route::RouteMethod;
use crate::suggest::nearest;
use crate::template::{Template, TemplateError, TemplateNote};

/// The longest method, in bytes.
const METHOD_BYTES_MAX: usize = 32;

/// Methods that need no second look.
const USUAL_METHODS: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "QUERY",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "PURGE",
    "LINK",
    "UNLINK",
];

text_value! {
    /// A route: `METHOD /template`, or `*`.
    RouteName(RouteNameParts), "a route", ["GET /orders/{order_id}", "ANY /files/{path+}", "*"], route_name
}

/// A route by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RouteNameParts {
    /// `*`: what no template matches.
    Unmatched,
    /// A method and a template.
    Named {
        method: RouteMethod,
        template: Template,
        notes: Vec<TemplateNote>,
        /// The usual method that an unusual one looks like.
        looks_like: Option<&'static str>,
    },
}

pub(crate) fn route_name(text: &str) -> Result<RouteNameParts, Problem> {
    let text = text.trim();
    if text == "*" {
        return Ok(RouteNameParts::Unmatched);
    }
    let Some((method, template)) = text.split_once(char::is_whitespace) else {
        let help = if text.starts_with('/') {
            format!("write the method first: `GET {text}`, or `ANY {text}` for all")
        } else {
            "write a method and a template: `GET /orders/{order_id}`".to_owned()
        };
        return Err(Problem::new(
            codes::METHOD,
            format!("route `{text}` has no method and template"),
            help,
        ));
    };
    let template = template.trim_start();
    let (method, looks_like) = route_method(method, template)?;
    let (template, notes) =
        Template::parse_with_notes(template).map_err(|error| template_problem(template, &error))?;
    Ok(RouteNameParts::Named {
        method,
        template,
        notes,
        looks_like,
    })
}

/// The method, and the usual one that an unusual one looks like.
fn route_method(
    method: &str,
    template: &str,
) -> Result<(RouteMethod, Option<&'static str>), Problem> {
    let wrong = |message: String, help: String| Err(Problem::new(codes::METHOD, message, help));
    if method == "ANY" {
        return Ok((RouteMethod::Any, None));
    }
    if method.starts_with('/') {
        return wrong(
            format!("route begins with a path: `{method}`"),
            format!("write the method first: `GET {method}`"),
        );
    }
    if method == "*" {
        return wrong(
            "`*` is not a method".into(),
            format!("write `ANY {template}` for all methods"),
        );
    }
    let upper = method.to_ascii_uppercase();
    if method != upper && (upper == "ANY" || USUAL_METHODS.contains(&upper.as_str())) {
        return wrong(
            format!("method `{method}` is not in upper case"),
            format!("write `{upper} {template}`"),
        );
    }
    if method.len() > METHOD_BYTES_MAX || !method.bytes().all(is_token_byte) {
        return wrong(
            format!("`{method}` is not a method"),
            format!("write `GET {template}`, `POST {template}` …"),
        );
    }
    let unusual = !USUAL_METHODS.contains(&method);
    let looks_like = if unusual {
        nearest(method, USUAL_METHODS.iter().copied())
    } else {
        None
    };
    Ok((RouteMethod::Token(method.into()), looks_like))
}

fn template_problem(template: &str, error: &TemplateError) -> Problem {
    let help = match error {
        TemplateError::NotAbsolute => format!("write `/{template}`"),
        TemplateError::UnbalancedBraces => "write a parameter as `{name}`".to_owned(),
        TemplateError::TailNotLast { .. } => {
            "write `{name}` for one segment, or end the template here".to_owned()
        }
        TemplateError::TailNotWhole { .. } => {
            "write `{name}`, or give the tail a segment of its own".to_owned()
        }
        TemplateError::DotSegment { .. } => "write the path without `.` and `..`".to_owned(),
        TemplateError::Unmatchable { .. } => {
            "write it without encoded slashes, backslashes, control characters and broken `%XX`"
                .to_owned()
        }
        TemplateError::TooLong | TemplateError::TooManySegments => {
            "write a shorter template".to_owned()
        }
    };
    Problem::new(
        codes::TEMPLATE,
        format!("`{template}` is not a template: {error}"),
        help,
    )
}
