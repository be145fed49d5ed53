//! `tollgate usage`: what was used, counted from logs and given to whoever writes the bills.

mod export;
mod ingest;
mod show;
pub(crate) mod span;

use std::sync::Arc;

use tollgate_limiter::{Clock, SystemClock};
use tollgate_store::{Holder, Location, Store, Whose};

use crate::cli::{ForgetArgs, StoreArgs, UsageCommand, WhoseArgs};
use crate::failure::Failure;

pub(crate) fn run(command: &UsageCommand) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("start the runtime"))?;
    let clock = Arc::new(SystemClock::new());
    let now_ms = clock.now().unix_ms;
    runtime.block_on(async {
        let store = open(command.store(), clock).await?;
        let done = match command {
            UsageCommand::Ingest(args) => ingest::run(&store, args).await,
            UsageCommand::Export(args) => export::run(&store, args, now_ms).await,
            UsageCommand::Show(args) => show::run(&store, args, now_ms).await,
            UsageCommand::Forget(args) => forget(&store, args).await,
        };
        store.close().await;
        done
    })
}

impl UsageCommand {
    fn store(&self) -> &StoreArgs {
        match self {
            Self::Ingest(args) => &args.store,
            Self::Export(args) => &args.store,
            Self::Show(args) => &args.store,
            Self::Forget(args) => &args.store,
        }
    }
}

async fn open(args: &StoreArgs, clock: Arc<SystemClock>) -> Result<Store, Failure> {
    let location: Location = args.store.parse()?;
    Ok(Store::open(&location, clock).await?)
}

/// The holder that the arguments name, if they name one.
fn holder(args: &WhoseArgs) -> Result<Option<Holder>, Failure> {
    let issuer = args.issuer.as_deref().unwrap_or_default();
    Ok(match (&args.subject, &args.account) {
        (Some(subject), _) => Some(Holder::subject(issuer, subject)?),
        (None, Some(account)) => Some(Holder::account(issuer, account)?),
        (None, None) if args.issuer.is_some() => {
            let what = "`--issuer` stands with `--subject` or `--account`";
            return Err(Failure::Misused(what.to_owned()));
        }
        (None, None) => None,
    })
}

fn whose<'a>(args: &WhoseArgs, holder: Option<&'a Holder>) -> Whose<'a> {
    match holder {
        Some(holder) => Whose::Holder(holder),
        None if args.anonymous => Whose::Anonymous,
        None => Whose::Everybody,
    }
}

async fn forget(store: &Store, args: &ForgetArgs) -> Result<(), Failure> {
    let before_ms = span::moment(&args.before, &span::zone("UTC")?)?;
    let (mut meters, mut logs) = (0, 0);
    loop {
        let forgotten = store.forget_meters(before_ms).await?;
        meters += forgotten;
        if forgotten == 0 {
            break;
        }
    }
    loop {
        let forgotten = store.forget_logs(before_ms).await?;
        logs += forgotten;
        if forgotten == 0 {
            break;
        }
    }
    anstream::println!("forgot {meters} meters and {logs} logs");
    Ok(())
}
