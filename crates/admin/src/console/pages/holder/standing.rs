//! Which plan a holder has and why, and what is left of each limit.

use std::collections::BTreeSet;

use maud::{Markup, html};
use tollgate_store::{Count, HolderKind, RouteName};

use super::super::super::view::bar;
use super::super::super::view::layout::{note, wide};
use super::super::super::view::number::grouped;
use super::super::super::view::time::{length, minute};
use super::asked::{Asked, Of};
use crate::live::{Bucket, BucketPage, BucketsAsked, PlanSource, Question, Who};
use crate::problem::Answer;
use crate::query::{cursor, place};
use crate::state::Admin;

/// Routes whose limits are shown at once.
const ROUTES: usize = 30;

/// What is in memory now.
pub(super) struct Standing {
    page: BucketPage,
    from: PlanSource,
}

pub(super) async fn look(admin: &Admin, who: &Who, asked: &Asked) -> Answer<Standing> {
    let buckets = BucketsAsked {
        who: who.clone(),
        route: None,
        after_route: asked.cursor.as_deref().map(place).transpose()?,
        routes_max: ROUTES,
    };
    // Any request says where the plan comes from.
    let question = Question {
        method: "GET".to_owned(),
        path: "/".to_owned(),
        who: Some(who.clone()),
        peer: None,
        at_ms: None,
    };
    let look = admin.live(move |live| {
        Ok(Standing {
            page: live.buckets(&buckets)?,
            from: live.explain(&question)?.plan_from,
        })
    });
    look.await
}

impl Standing {
    pub(super) fn show(&self, of: &Of) -> Markup {
        let next = self.page.more_after.as_ref().and_then(cursor);
        html! {
            p { "Plan " b { (self.page.plan) } ", " (plan_source(self.from)) "." }
            @if self.page.buckets.is_empty() {
                (note("No limit of this plan is counted for this holder alone."))
            } @else {
                (wide("Limits", &self.table()))
            }
            @if let Some(next) = next {
                p { a href=(of.link("/holder", &[("cursor", &next)])) { "Limits of more routes" } }
            }
        }
    }

    fn table(&self) -> Markup {
        html! {
            table {
                thead { tr {
                    th scope="col" { "Limit" }
                    th scope="col" { "Route" }
                    th scope="col" { "Admits" }
                    th scope="col" { "Left" }
                    th.number scope="col" { "One more in" }
                    th.number scope="col" { "Full in" }
                } }
                tbody { @for bucket in &self.page.buckets { (row(bucket)) } }
            }
        }
    }

    /// What the store has counted, beside what the limit admits.
    pub(super) fn counts(&self, counts: &[Count]) -> Markup {
        if counts.is_empty() {
            return note("Nothing in the periods that are not over.");
        }
        let table = html! {
            table {
                thead { tr {
                    th scope="col" { "Quota" }
                    th scope="col" { "Route" }
                    th scope="col" { "Period" }
                    th scope="col" { "Used" }
                } }
                tbody { @for count in counts {
                    @let counter = &count.counter;
                    tr {
                        th scope="row" { (counter.limit.as_str()) }
                        td { (route(counter.route.as_ref().map(RouteName::as_str))) }
                        td { (minute(counter.from_ms())) " – " (minute(counter.until_ms())) }
                        td { @match self.capacity(count) {
                            Some(capacity) => (bar::used(count.units, capacity)),
                            None => { (grouped(count.units)) " used" },
                        } }
                    }
                } }
            }
        };
        wide("Counted against quotas", &table)
    }

    fn capacity(&self, count: &Count) -> Option<u64> {
        let (name, route) = (count.counter.limit.as_str(), count.counter.route.as_ref());
        let same = |bucket: &&Bucket| {
            let on = bucket.route.as_deref();
            bucket.limit == name && (on == route.map(RouteName::as_str) || route.is_none())
        };
        self.page
            .buckets
            .iter()
            .find(same)
            .map(|bucket| bucket.capacity)
    }

    /// Names of the holder's own limits, and of routes that have some of their own. What a subject shares with
    /// others is its account's.
    pub(super) fn names(&self, kind: HolderKind) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let per = match kind {
            HolderKind::Subject => "user",
            HolderKind::Account => "account",
        };
        let own = self.page.buckets.iter().filter(|bucket| bucket.per == per);
        let limits = own.clone().map(|bucket| bucket.limit.as_str());
        let routes = own.filter_map(|bucket| bucket.route.as_deref());
        (limits.collect(), routes.collect())
    }
}

fn row(bucket: &Bucket) -> Markup {
    html! {
        tr {
            th scope="row" { (bucket.limit) }
            td { (route(bucket.route.as_deref())) }
            td {
                (bucket.amount) ", per " (bucket.per)
                @if let Some(on_exceed) = &bucket.on_exceed { ", beyond it: " (on_exceed) }
            }
            td { (bar::left(bucket.left, bucket.capacity)) }
            td.number { @match bucket.next_in_ms {
                Some(next_in_ms) => (length(next_in_ms)),
                None => "–",
            } }
            td.number { @if bucket.full_in_ms == 0 { "–" } @else { (length(bucket.full_in_ms)) } }
        }
    }
}

fn route(name: Option<&str>) -> Markup {
    html! {
        @match name {
            Some(name) => code { (name) },
            None => "all routes",
        }
    }
}

/// Why it is that plan, as the end of a sentence.
pub(super) fn plan_source(from: PlanSource) -> &'static str {
    match from {
        PlanSource::Subject => "assigned to this subject",
        PlanSource::Account => "assigned to its account",
        PlanSource::Claim => "as its tokens say",
        PlanSource::Certificate => "as for all with a certificate",
        PlanSource::Default => "which is the default plan",
        PlanSource::Anonymous => "which is that of anonymous callers",
        PlanSource::None => "for want of any",
    }
}
