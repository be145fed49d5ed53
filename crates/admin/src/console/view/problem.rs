//! The page of what was not done, and why.

use axum::response::Response;
use maud::html;

use super::super::door::Visitor;
use super::layout::{outside, page};
use crate::problem::Problem;

/// The same that the API would say, for people.
pub(in super::super) fn problem_page(visitor: Option<&Visitor>, problem: &Problem) -> Response {
    let (title, detail, findings) = problem.words();
    let content = html! {
        p.problem role="alert" { (detail) }
        @if findings.len() > 1 || findings.iter().any(|found| found.detail != detail) {
            ul.findings {
                @for found in findings {
                    li { code { (found.pointer) } " " span.lines { (found.detail) } }
                }
            }
        } @else if let Some(found) = findings.first() {
            p { "It is about " code { (found.pointer) } "." }
        }
        @match visitor {
            Some(_) => p { "Go back in your browser to change the form, or on to the " a href="/" { "overview" } "." },
            None => p { a href="/sign-in" { "Sign in" } },
        }
    };
    let mut response = match visitor {
        Some(visitor) => page(visitor, None, title, &content),
        None => outside(title, &content),
    };
    *response.status_mut() = problem.status();
    response
}
