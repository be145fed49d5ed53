//! One holder: plan, limits with what is left, quotas, usage, what was said of it, and forms to say more.

mod asked;
mod explain;
mod forms;
mod record;
mod standing;
mod usage;
pub(in super::super) mod writes;

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use maud::{Markup, html};
use tollgate_store::{Change, Count, Holder, HolderKind, Page, Versioned};

use self::asked::Asked;
use super::super::door::Visitor;
use super::super::links::kind;
use super::super::view::layout::{Section, is_for_live, live, note, page};
use crate::problem::{Answer, Problem};
use crate::query::{Params, number};
use crate::role::Role;
use crate::state::Admin;
use crate::v1::usage::Usage;

/// Changes that are shown at once.
const CHANGES: u32 = 10;

/// What the store says.
struct Kept {
    found: Versioned,
    counts: Vec<Count>,
    history: Page<Change>,
    /// Not for live parts: it is added up of many rows.
    usage: Option<Answer<Usage>>,
}

pub(in super::super) async fn show(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
    Params(asked): Params<Asked>,
    headers: HeaderMap,
) -> Answer<Response> {
    let of = asked.of()?;
    let now_ms = admin.now().unix_ms;
    let standing = standing::look(&admin, &of.who, &asked).await?;
    let explained = match of.who.holder.kind {
        HolderKind::Subject => explain::ask(&admin, &of, &asked).await?,
        HolderKind::Account => None,
    };
    let wanted = (asked.before, is_for_live(&headers));
    let kept = kept(&admin, &of.who.holder, wanted).await;
    let may_write = visitor.caller.role >= Role::Operate;
    let content = html! {
        @if let Some(words) = asked.done() { p.done role="status" { (words) } }
        (head(&of.who.holder, of.who.account.as_deref()))
        section aria-labelledby="limits-heading" {
            h2 id="limits-heading" { "Plan and limits" }
            (live("live-limits", &standing.show(&of)))
        }
        @match &kept {
            Err(problem) => section aria-labelledby="store-heading" {
                h2 id="store-heading" { "Store" }
                (unknown(problem))
            },
            Ok(kept) => {
                section aria-labelledby="quotas-heading" {
                    h2 id="quotas-heading" { "Counted against quotas" }
                    (live("live-quotas", &standing.counts(&kept.counts)))
                }
                section aria-labelledby="usage-heading" {
                    h2 id="usage-heading" { "Usage" }
                    @match &kept.usage {
                        Some(Ok(used)) => (usage::chart(used, now_ms)),
                        Some(Err(problem)) => (unknown(problem)),
                        None => {},
                    }
                }
                (record::plans_and_limits(&kept.found, &of, &visitor, now_ms))
            },
        }
        @if of.who.holder.kind == HolderKind::Subject { (explain::section(&of, &asked, explained.as_ref())) }
        @if may_write {
            section aria-labelledby="change-heading" {
                h2 id="change-heading" { "Change" }
                div.forms {
                    @if let Ok(kept) = &kept {
                        (forms::of_record(&admin, &of, &visitor, kept.found.version))
                        (forms::undo(&of, &visitor, kept.history.entries.first().filter(|_| asked.before.is_none())))
                    }
                    (forms::of_buckets(&of, &visitor, &standing))
                }
            }
        }
        @if let Ok(kept) = &kept { (record::history(&kept.history, &of)) }
    };
    let title = of.who.holder.name.as_str();
    Ok(page(&visitor, Some(Section::Holders), title, &content))
}

/// For the usage of a month; the page goes without it then.
const USAGE_WAIT_MAX: Duration = Duration::from_secs(3);

async fn kept(
    admin: &Admin,
    holder: &Holder,
    (before, for_live): (Option<u64>, bool),
) -> Answer<Kept> {
    let store = admin.store()?;
    let now_ms = admin.now().unix_ms;
    let before = number(before)?.unwrap_or(u64::MAX);
    Ok(Kept {
        found: store.record(holder).await?,
        counts: store.counts_of(holder, now_ms).await?,
        history: store.history_before(holder, before, CHANGES).await?,
        usage: match for_live {
            true => None,
            false => {
                // A chart is not worth the page.
                let usage = usage::of_a_month(admin, holder, now_ms);
                let usage = tokio::time::timeout(USAGE_WAIT_MAX, usage).await;
                Some(usage.unwrap_or_else(|_| Err(Problem::timed_out())))
            }
        },
    })
}

fn head(holder: &Holder, account: Option<&str>) -> Markup {
    html! {
        p.about {
            (kind(holder.kind)) " of " code { (holder.issuer.as_str()) }
            @if let Some(account) = account { ", account " b { (account) } }
        }
    }
}

fn unknown(problem: &Problem) -> Markup {
    let (title, detail, _) = problem.words();
    note(&format!("{title}: {detail}."))
}
