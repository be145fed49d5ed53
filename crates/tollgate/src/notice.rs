//! `tollgate notice`: tries where notices go.

use tollgate_limiter::{Clock, SystemClock};
use tollgate_notices::{Channels, Event, Sent};
use tollgate_policy::Policy;

use crate::cli::{NoticeCommand, PolicyFile};
use crate::failure::Failure;

pub(crate) fn run(command: &NoticeCommand) -> Result<(), Failure> {
    let NoticeCommand::Test(PolicyFile { config }) = command;
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
