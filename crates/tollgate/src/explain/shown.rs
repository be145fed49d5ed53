//! An explanation as people read it.

use std::time::Duration;

use serde_json::Value;

use crate::cli::ExplainArgs;
use crate::columns::{Column, lines};

pub(super) fn print(args: &ExplainArgs, answer: &Value) {
    let text = |name: &str| answer[name].as_str().unwrap_or_default();
    let outcome = match text("outcome") {
        "admitted" => "would pass",
        "limited" => "would be answered 429",
        "unauthenticated" => {
            "would be answered 401: nobody is known, and there is no plan for that"
        }
        "own" => "is answered by the gateway itself, for free",
        "bad_request" => "would be answered 400: the path could be read in two ways",
        other => other,
    };
    anstream::println!("{} {} {outcome}", args.method, args.path);
    if let Some(free_in_ms) = answer["free_in_ms"].as_u64() {
        anstream::println!("free in  {:?}", Duration::from_millis(free_in_ms));
    }
    let never_block = match answer["never_block"].as_bool() {
        Some(true) => " (nobody is ever blocked on it)",
        _ => "",
    };
    anstream::println!("route    {}{never_block}", text("route"));
    if let Some(plan) = answer["plan"].as_str() {
        anstream::println!("plan     {plan} ({})", plan_source(text("plan_from")));
    }
    let limits = answer["limits"].as_array().map_or(&[][..], Vec::as_slice);
    if limits.is_empty() {
        anstream::println!("no limit is asked");
        return;
    }
    let head = [
        ("limit", Column::Text),
        ("admits", Column::Text),
        ("per", Column::Text),
        ("left", Column::Number),
        ("cost", Column::Number),
        ("says", Column::Text),
        ("from", Column::Text),
    ];
    anstream::println!();
    for line in lines(&head, limits.iter().map(row)) {
        anstream::println!("{line}");
    }
}

fn row(limit: &Value) -> Vec<String> {
    let text = |name: &str| limit[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| limit[name].as_u64().unwrap_or_default().to_string();
    let beyond = limit["on_exceed"].as_str();
    let says = match (limit["admits"].as_bool(), limit["free_in_ms"].as_u64()) {
        (Some(true), _) if limit["left"].as_u64() < limit["cost"].as_u64() => {
            format!("beyond it: {}", beyond.unwrap_or("shadow"))
        }
        (Some(true), _) => "yes".to_owned(),
        (_, Some(free_in_ms)) => format!("no, in {:?}", Duration::from_millis(free_in_ms)),
        (_, None) => "no".to_owned(),
    };
    let from = match text("from").as_str() {
        "subject_on_route" => "subject's override for the route",
        "subject" => "subject's override",
        "account_on_route" => "account's override for the route",
        "account" => "account's override",
        _ => "plan",
    };
    let says = match text("mode").as_str() {
        "shadow" => format!("{says} (shadow)"),
        _ => says,
    };
    vec![
        text("limit"),
        text("amount"),
        text("per"),
        number("left"),
        number("cost"),
        says,
        from.to_owned(),
    ]
}

fn plan_source(source: &str) -> &str {
    match source {
        "subject" => "assigned to the subject",
        "account" => "assigned to its account",
        "claim" => "named by its credential",
        "certificate" => "the policy's plan for certificates",
        "default" => "the default plan",
        "anonymous" => "the plan of anonymous callers",
        other => other,
    }
}
