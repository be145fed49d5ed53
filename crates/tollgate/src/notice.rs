//! `tollgate notice`: tries where notices go, lists them, has one tried again.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use tollgate_limiter::jiff::tz::TimeZone;
use tollgate_limiter::{Clock, SystemClock};
use tollgate_notices::{Channels, Event, Sent};
use tollgate_policy::Policy;

use tollgate_store::{ListedNotice, NoticeState, PAGE_ENTRIES_MAX, Retried, Store};

use crate::cli::{NoticeCommand, NoticeStage, PolicyFile};
use crate::failure::Failure;
use crate::stores;
use crate::usage::span::written;

pub(crate) fn run(command: &NoticeCommand) -> Result<(), Failure> {
    match command {
        NoticeCommand::Test(policy) => test(policy),
        NoticeCommand::List { policy, state } => {
            in_store(&policy.config, async |store| list(&store, *state).await)
        }
        NoticeCommand::Retry { policy, id } => in_store(&policy.config, async |store| match store
            .retry_notice(*id)
            .await?
        {
            Retried::Due => {
                anstream::println!("notice {id} is due now");
                Ok(())
            }
            Retried::Delivered => Err(Failure::NotHeld(format!(
                "every channel delivered notice {id}"
            ))),
            Retried::NotThere => Err(Failure::Misused(format!("there is no notice {id}"))),
        }),
    }
}

/// Opens the policy's store for a few calls.
fn in_store(
    config: &Path,
    calls: impl AsyncFnOnce(Store) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let policy = Policy::load(config).map_err(Failure::Policy)?;
    let store = policy.store().ok_or_else(|| {
        let what =
            "the policy has no `store`: there are no notices (add `store: sqlite:tollgate.db`)";
        Failure::Misused(what.to_owned())
    })?;
    let location = stores::location(&store.place)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("start a runtime"))?;
    runtime.block_on(async {
        let store = Store::open(&location, Arc::new(SystemClock::new())).await?;
        let done = calls(store.clone()).await;
        store.close().await;
        done
    })
}

async fn list(store: &Store, state: Option<NoticeStage>) -> Result<(), Failure> {
    let state = state.map(|state| match state {
        NoticeStage::Waiting => NoticeState::Waiting,
        NoticeStage::Delivered => NoticeState::Delivered,
        NoticeStage::GivenUp => NoticeState::GivenUp,
    });
    let mut after = 0;
    loop {
        let page = store.notices_after(after, state, PAGE_ENTRIES_MAX).await?;
        for notice in &page.entries {
            match writeln!(io::stdout().lock(), "{}", shown(notice)) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                other => other.map_err(Failure::system("write the notices"))?,
            }
        }
        match page.entries.last().filter(|_| page.has_more) {
            Some(last) => after = last.id,
            None => return Ok(()),
        }
    }
}

fn shown(listed: &ListedNotice) -> Value {
    let counter = &listed.notice.counter;
    let deliveries = listed.deliveries.iter().map(|delivery| {
        let state = match delivery.state {
            NoticeState::Waiting => "waiting",
            NoticeState::Delivered => "delivered",
            NoticeState::GivenUp => "given_up",
        };
        json!({
            "channel": delivery.channel.as_str(),
            "state": state,
            "attempts": delivery.attempts,
        })
    });
    json!({
        "number": listed.id,
        "kind": counter.holder.kind,
        "issuer": counter.holder.issuer.as_str(),
        "name": counter.holder.name.as_str(),
        "limit": counter.limit.as_str(),
        "threshold_percent": listed.notice.threshold_percent,
        "quota": (listed.notice.quota > 0).then_some(listed.notice.quota),
        "made": written(listed.made_ms, &TimeZone::UTC),
        "deliveries": deliveries.collect::<Vec<_>>(),
    })
}

fn test(PolicyFile { config }: &PolicyFile) -> Result<(), Failure> {
    let policy = Policy::load(config).map_err(Failure::Policy)?;
    let Some(notices) = policy.notices() else {
        let why = "the policy has no `notices`: nobody would be told anything";
        return Err(Failure::NotHeld(why.to_owned()));
    };
    let channels = Channels::load(notices)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("start a runtime"))?;
    let now = SystemClock::new().now();
    let event = Event::sample(now.unix_ms)?;
    let names = channels.names();
    let mut failed = 0;
    for channel in &names {
        let sent = runtime.block_on(channels.send(*channel, &event, now.unix_s()));
        let name = channel.as_str();
        match sent {
            Sent::Delivered => anstream::eprintln!("{name}: delivered {}", event.id()),
            Sent::Failed { why, .. } | Sent::Refused { why } => {
                failed += 1;
                anstream::eprintln!("{name}: not delivered: {why}");
            }
        }
    }
    // A write that waits for its reader is not waited for.
    runtime.shutdown_background();
    match failed {
        0 => Ok(()),
        failed => Err(Failure::NotHeld(format!(
            "{failed} of {} channels failed",
            names.len()
        ))),
    }
}
