//! Records and changes as JSON, with times as people read them.

use serde_json::{Value, json};
use tollgate_limiter::jiff::tz::TimeZone;
use tollgate_store::{Change, Holder, Record, RouteName, Span};

use crate::usage::span::written;

/// A record, and what of it is in force at a moment.
pub(super) fn record(holder: &Holder, record: &Record, version: u64, at_ms: u64) -> Value {
    let plan = record.plan_at(at_ms);
    let in_force = |made: u64| plan.is_some_and(|plan| plan.made == made);
    let assignments = record.assignments().iter().map(|entry| {
        let mut shown = times(entry.span);
        shown["number"] = json!(entry.made);
        shown["plan"] = json!(entry.plan.as_str());
        shown["in_force"] = json!(in_force(entry.made));
        shown
    });
    let overrides = record.overrides().iter().map(|entry| {
        let route = entry.route.as_ref().map(RouteName::as_str);
        let strongest = record.override_at(route, entry.limit.name(), at_ms);
        let mut shown = times(entry.span);
        shown["number"] = json!(entry.made);
        shown["limit"] = json!(entry.limit.as_str());
        shown["route"] = json!(route);
        shown["in_force"] = json!(strongest.is_some_and(|found| found.made == entry.made));
        shown
    });
    json!({
        "kind": holder.kind,
        "issuer": holder.issuer.as_str(),
        "name": holder.name.as_str(),
        "version": version,
        "plan": plan.map(|plan| plan.plan.as_str()),
        "assignments": assignments.collect::<Vec<_>>(),
        "overrides": overrides.collect::<Vec<_>>(),
    })
}

/// One change, with what is said since.
pub(super) fn change(change: &Change) -> Value {
    json!({
        "number": change.seq,
        "at": moment(change.at_ms),
        "by": change.by.as_str(),
        "act": change.act.as_str(),
        "note": change.note.as_str(),
        "before": record(&change.holder, &change.before, 0, change.at_ms)["plan"],
        "after": record(&change.holder, &change.after, 0, change.at_ms)["plan"],
    })
}

fn times(span: Span) -> Value {
    json!({ "from": moment(span.from_ms()), "until": span.until_ms().map(moment) })
}

fn moment(at_ms: u64) -> String {
    written(at_ms, &TimeZone::UTC)
}
