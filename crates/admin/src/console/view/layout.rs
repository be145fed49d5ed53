//! The frame of every page: head, navigation, one heading, who is signed in.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use maud::{DOCTYPE, Markup, html};

use super::super::assets;
use super::super::door::Visitor;
use super::forms::token;
use crate::role::Role;

/// A part of the console, as the navigation has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Section {
    Overview,
    Limited,
    Holders,
    Plans,
    Notices,
    Policy,
    Audit,
    Keys,
}

const SECTIONS: [(Section, &str, &str, Role); 8] = [
    (Section::Overview, "/", "Overview", Role::Read),
    (Section::Limited, "/limited", "Limited now", Role::Read),
    (Section::Holders, "/holders", "Holders", Role::Read),
    (Section::Plans, "/plans", "Plans", Role::Read),
    (Section::Notices, "/notices", "Notices", Role::Read),
    (Section::Policy, "/policy", "Policy", Role::Read),
    (Section::Audit, "/audit", "Audit", Role::Read),
    (Section::Keys, "/keys", "Keys", Role::Admin),
];

/// A page for somebody who has signed in.
pub(in super::super) fn page(
    visitor: &Visitor,
    section: Option<Section>,
    title: &str,
    content: &Markup,
) -> Response {
    let header = html! {
        nav aria-label="Console" {
            ul {
                @for (of, path, name, least) in SECTIONS {
                    @if visitor.caller.role >= least {
                        li {
                            a href=(path) aria-current=[(section == Some(of)).then_some("page")] { (name) }
                        }
                    }
                }
            }
        }
        form.who method="post" action="/sign-out" {
            (token(visitor))
            p { (visitor.caller.name) " (" (visitor.caller.role) ")" }
            button.quiet type="submit" { "Sign out" }
        }
    };
    frame(title, &header, content)
}

/// A page for somebody who has not.
pub(in super::super) fn outside(title: &str, content: &Markup) -> Response {
    frame(title, &html! {}, content)
}

fn frame(title: &str, header: &Markup, content: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Tollgate" }
                link rel="icon" type="image/svg+xml" href=(assets::icon());
                link rel="stylesheet" href=(assets::style());
                script src=(assets::script()) defer {}
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header {
                    p.product { "Tollgate" }
                    (header)
                }
                main #content tabindex="-1" {
                    h1 { (title) }
                    (content)
                }
                footer { p { "All times are UTC. Buckets and traffic are those of this process." } }
            }
        }
    };
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    ([(CONTENT_TYPE, kind)], page.into_string()).into_response()
}

/// Whether a page is fetched for its live parts alone: the others need not be made then.
pub(in super::super) fn is_for_live(headers: &HeaderMap) -> bool {
    headers.contains_key("tollgate-live")
}

/// A part that is fetched again while somebody looks at the page.
pub(in super::super) fn live(id: &str, content: &Markup) -> Markup {
    html! { div id=(id) data-live { (content) } }
}

/// A table that is wider than a small screen: it is moved within its own bounds, also by keys.
pub(in super::super) fn wide(label: &str, table: &Markup) -> Markup {
    html! { div.wide tabindex="0" role="group" aria-label=(label) { (table) } }
}

/// What stands where there is nothing to show.
pub(in super::super) fn note(text: &str) -> Markup {
    html! { p.note { (text) } }
}
