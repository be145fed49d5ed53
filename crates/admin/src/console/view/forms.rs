//! Pieces of forms: what every form carries unseen, and fields with their labels.

use maud::{Markup, html};

use super::super::door::Visitor;
use super::super::form::{KEY, TOKEN, VERSION};
use super::super::session;

/// What shows that a form is one of ours.
pub(in super::super) fn token(visitor: &Visitor) -> Markup {
    hidden(TOKEN, &visitor.token)
}

/// What makes it be done once, however often it is sent.
pub(in super::super) fn key() -> Markup {
    // Without random bytes the field is empty, and the form is refused.
    hidden(KEY, &session::random().unwrap_or_default())
}

/// Which version it is to change.
pub(in super::super) fn version(version: &str) -> Markup {
    hidden(VERSION, version)
}

pub(in super::super) fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// A field for one line of text.
pub(in super::super) fn text(id: &str, name: &str, label: &str, hint: &str) -> Markup {
    let hint_id = format!("{id}-hint");
    let described = (!hint.is_empty()).then_some(&hint_id);
    html! {
        div.field {
            label for=(id) { (label) }
            input type="text" id=(id) name=(name) autocomplete="off" spellcheck="false" aria-describedby=[described];
            @if !hint.is_empty() { p.hint id=(hint_id) { (hint) } }
        }
    }
}

/// A field for a time of UTC.
pub(in super::super) fn time(id: &str, name: &str, label: &str, hint: &str) -> Markup {
    let hint_id = format!("{id}-hint");
    html! {
        div.field {
            label for=(id) { (label) " (UTC)" }
            input type="datetime-local" id=(id) name=(name) aria-describedby=(hint_id);
            p.hint id=(hint_id) { (hint) }
        }
    }
}

/// A field for why: it goes into the audit.
pub(in super::super) fn why(id: &str) -> Markup {
    html! {
        div.field {
            label for=(id) { "Note for the audit" }
            input type="text" id=(id) name="note" maxlength="1024" autocomplete="off";
        }
    }
}

/// One of a few values; each with its name.
pub(in super::super) fn choice(
    id: &str,
    name: &str,
    label: &str,
    options: &[(&str, &str)],
    chosen: Option<&str>,
) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            select id=(id) name=(name) {
                @for (value, shown) in options {
                    option value=(value) selected[chosen == Some(*value)] { (shown) }
                }
            }
        }
    }
}
