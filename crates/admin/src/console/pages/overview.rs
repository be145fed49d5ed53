//! The overview: traffic of the last hour, busy routes, how the gateway's parts are.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use maud::{Markup, html};

use super::super::door::Visitor;
use super::super::view::chart::{Chart, Column};
use super::super::view::layout::{Section, is_for_live, live, note, page, wide};
use super::super::view::number::{grouped, short_version};
use super::super::view::time::length;
use super::super::view::time::moment;
use crate::live::{PolicyInForce, RouteTraffic, Traffic};
use crate::problem::Answer;
use crate::state::Admin;

const MINUTE_MS: u64 = 60_000;
/// Minutes of the chart.
const MINUTES: u64 = 60;
/// Routes that the gateway tells at most.
const SHOWN_MAX: usize = 100;
/// Older than this (usage is taken once a minute at least), what is told of routes and callers is not that of now.
const STALE_MS: u64 = 75_000;
/// Routes in the list of busy ones.
const ROUTES_MAX: usize = 15;

pub(in super::super) async fn show(
    State(admin): State<Admin>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Answer<Response> {
    let (traffic, policy) = admin
        .at_hand(|live| Ok((live.traffic(), live.policy()?)))
        .await?;
    let now_ms = admin.now().unix_ms;
    let columns = by_minute(&traffic, now_ms);
    let chart = Chart {
        id: "traffic",
        title: "Requests of the last hour, by minute",
        form: "%H:%M",
        step: "minute",
        columns: &columns,
    };
    let content = html! {
        section aria-labelledby="traffic-heading" {
            h2 id="traffic-heading" { "Traffic" }
            (live("live-traffic", &html! {
                (chart.show())
                (busiest(&traffic, now_ms))
            }))
        }
        section aria-labelledby="health-heading" {
            h2 id="health-heading" { "Health" }
            (live("live-health", &health(&admin, &policy).await))
            @if !is_for_live(&headers) { (notices(&admin).await) }
        }
    };
    Ok(page(
        &visitor,
        Some(Section::Overview),
        "Overview",
        &content,
    ))
}

/// The last sixty minutes, the quiet ones too.
fn by_minute(traffic: &Traffic, now_ms: u64) -> Vec<Column> {
    let this = now_ms / MINUTE_MS;
    let minutes = this.saturating_sub(MINUTES - 1)..=this;
    let mut sums: BTreeMap<u64, [u64; 3]> = minutes.map(|minute| (minute, [0; 3])).collect();
    for point in &traffic.series {
        // A step belongs to the minute in which it began.
        let began_ms = point.at_ms.saturating_sub(point.length_ms);
        if let Some(sum) = sums.get_mut(&(began_ms / MINUTE_MS)) {
            let counts = [point.admitted, point.limited, point.refused];
            for (sum, count) in sum.iter_mut().zip(counts) {
                *sum = sum.saturating_add(count);
            }
        }
    }
    let column = |(minute, counts)| Column {
        from_ms: minute * MINUTE_MS,
        counts,
    };
    sums.into_iter().map(column).collect()
}

/// That routes and callers are not those of now, where they are not.
pub(super) fn stale(traffic: &Traffic, now_ms: u64) -> Option<String> {
    let age_ms = now_ms.saturating_sub(traffic.as_of_ms);
    (age_ms > STALE_MS).then(|| {
        format!(
            "Not known for the last {}: usage waits for the store, which does not answer.",
            length(age_ms)
        )
    })
}

fn busiest(traffic: &Traffic, now_ms: u64) -> Markup {
    let routes: &[RouteTraffic] = &traffic.routes;
    let title = format!("Routes of the last {} s", traffic.window_s);
    html! {
        h3 { (title) }
        @if let Some(words) = stale(traffic, now_ms) { (note(&words)) }
        @if routes.is_empty() { (note("No requests.")) } @else {
            (wide(&title, &html! {
                table {
                    thead { tr {
                        th scope="col" { "Route" }
                        th.number scope="col" { "Admitted" }
                        th.number scope="col" { "Limited" }
                    } }
                    tbody { @for route in routes.iter().take(ROUTES_MAX) { tr {
                        th scope="row" { code { (route.route) } }
                        td.number { (grouped(route.admitted)) }
                        td.number { (grouped(route.limited)) }
                    } } }
                }
            }))
            @if routes.len() > ROUTES_MAX {
                @let more = routes.len() - ROUTES_MAX;
                @let or_more = if routes.len() >= SHOWN_MAX { " or more" } else { "" };
                (note(&format!("and {more}{or_more} more routes")))
            }
        }
    }
}

/// What is cheap to ask: it is asked every few seconds.
async fn health(admin: &Admin, policy: &PolicyInForce) -> Markup {
    let store = match admin.store_if_any() {
        Ok(None) => "The policy has none: plans and limits come from the policy and from tokens.",
        Err(_) => "Not reached yet. Plans and limits of the store are not known to this process.",
        Ok(Some(store)) => match store.last_seq().await {
            Ok(_) => "It answers.",
            Err(_) => "It does not answer. What was read before stays in force.",
        },
    };
    html! {
        dl {
            dt { "Policy" }
            dd {
                "version " code { (short_version(&policy.version)) } " since " (moment(policy.since_ms))
                @if let Some(by) = &policy.by { " by " (by) }
            }
            dt { "Store" }
            dd { (store) }
        }
    }
}

/// Nothing where nothing is known: the store's state is said above.
async fn notices(admin: &Admin) -> Markup {
    let Ok(store) = admin.store() else {
        return html! {};
    };
    let Ok(totals) = store.notice_totals().await else {
        return html! {};
    };
    html! {
        p {
            "Notices: "
            a href="/notices?state=waiting" { (grouped(totals.waiting)) " waiting" } ", "
            a href="/notices?state=given_up" { (grouped(totals.given_up)) " given up" } ", "
            a href="/notices?state=delivered" { (grouped(totals.delivered)) " delivered" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::TrafficPoint;

    #[test]
    fn a_step_is_counted_in_the_minute_in_which_it_began() {
        let point = |at_ms, admitted| TrafficPoint {
            at_ms,
            length_ms: 10_000,
            admitted,
            ..TrafficPoint::default()
        };
        let hour_ms = MINUTES * MINUTE_MS;
        let traffic = Traffic {
            series: vec![
                point(hour_ms, 1),
                point(hour_ms + 10_000, 2),
                point(20_000, 4),
            ],
            ..Traffic::default()
        };
        let columns = by_minute(&traffic, hour_ms + 15_000);
        assert_eq!(columns.len(), 60);
        assert_eq!(columns[59].counts[0], 2);
        assert_eq!(columns[58].counts[0], 1);
        assert_eq!(
            columns[0],
            Column {
                from_ms: MINUTE_MS,
                counts: [0; 3]
            }
        );
        assert_eq!(by_minute(&traffic, 0).len(), 1);
    }
}
