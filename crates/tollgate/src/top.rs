//! `tollgate top`: a running gateway's traffic on a terminal, by who is limited or who uses the most.

use std::io::{IsTerminal, Write, stdout};

use serde_json::Value;

use crate::admin_client::AdminClient;
use crate::cli::TopArgs;
use crate::columns::{Column, lines};
use crate::failure::Failure;

/// Clears the terminal and goes to its corner.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J\u{1b}[3J";

pub(crate) fn run(args: &TopArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("start the runtime"))?;
    let _entered = runtime.enter();
    let gateway = AdminClient::of_gateway(&args.api)?;
    runtime.block_on(watch(args, &gateway))
}

async fn watch(args: &TopArgs, gateway: &AdminClient) -> Result<(), Failure> {
    let mut tick = tokio::time::interval(args.every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let live = stdout().is_terminal() && !args.once;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
        let traffic = gateway.get("/v1/traffic").await?;
        let mut text = page(args, &traffic).join("\n");
        text.push('\n');
        let begin = if live { CLEAR } else { "" };
        let mut out = stdout().lock();
        let written = write!(out, "{begin}{text}").and_then(|()| out.flush());
        match written {
            // A reader that has seen enough is no error.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            other => other.map_err(Failure::system("write to the terminal"))?,
        }
        if args.once {
            return Ok(());
        }
    }
}

fn page(args: &TopArgs, traffic: &Value) -> Vec<String> {
    let window_s = traffic["window_s"].as_u64().unwrap_or_default();
    let mut page = vec![summary(traffic), String::new()];
    let counts = [("limited", Column::Number), ("admitted", Column::Number)];
    let [limited, admitted] = counts;
    page.push(format!("routes, last {window_s} s"));
    let head = [limited, admitted, ("route", Column::Text)];
    let routes = sorted(args, &traffic["routes"]).map(|route| {
        let [limited, admitted] = numbers(route);
        vec![limited, admitted, text(route, "route")]
    });
    page.extend(lines(&head, routes));
    page.push(String::new());
    page.push(format!("callers, last {window_s} s"));
    let head = [
        limited,
        admitted,
        ("subject", Column::Text),
        ("plan", Column::Text),
        ("route", Column::Text),
    ];
    let callers = sorted(args, &traffic["callers"]).map(|caller| {
        let [limited, admitted] = numbers(caller);
        let subject = match caller["subject"].as_str() {
            Some(subject) => subject.to_owned(),
            None => "(anonymous)".to_owned(),
        };
        let plan = text(caller, "plan");
        vec![limited, admitted, subject, plan, text(caller, "route")]
    });
    page.extend(lines(&head, callers));
    page
}

fn summary(traffic: &Value) -> String {
    let last = traffic["series"]
        .as_array()
        .and_then(|series| series.last());
    let Some(last) = last else {
        return "waiting for the first ten seconds".to_owned();
    };
    let length_ms = last["length_ms"].as_u64().unwrap_or_default().max(1);
    let rate = |name: &str| last[name].as_u64().unwrap_or_default() * 1_000 / length_ms;
    let (admitted, limited) = (rate("admitted"), rate("limited"));
    let refused = rate("refused");
    format!("{admitted}/s admitted, {limited}/s limited, {refused}/s refused otherwise")
}

/// The gateway gives those who are limited first.
fn sorted<'a>(args: &TopArgs, list: &'a Value) -> impl Iterator<Item = &'a Value> {
    let mut all: Vec<&Value> = list.as_array().into_iter().flatten().collect();
    if args.by_use {
        let used = |entry: &&Value| std::cmp::Reverse(entry["admitted"].as_u64());
        all.sort_by_key(used);
    }
    all.into_iter().take(usize::from(args.rows))
}

fn numbers(entry: &Value) -> [String; 2] {
    ["limited", "admitted"].map(|name| entry[name].as_u64().unwrap_or_default().to_string())
}

fn text(entry: &Value, name: &str) -> String {
    entry[name].as_str().unwrap_or_default().to_owned()
}
