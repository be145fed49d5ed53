//! `tollgate plan`: plans and limits of single customers, straight on the store.

mod shown;

use std::sync::Arc;

use tollgate_limiter::jiff::tz::TimeZone;
use tollgate_limiter::{Clock, SystemClock};
use tollgate_policy::Policy;
use tollgate_store::{
    Edit, Holder, LimitText, Name, Note, PlanName, RouteName, Start, Store, StoreError, Write,
    WriteKey,
};

use crate::cli::{ChangeArgs, PlanCommand, TimesArgs, WhomArgs};
use crate::failure::Failure;
use crate::stores;
use crate::usage::span;

pub(crate) fn run(command: &PlanCommand) -> Result<(), Failure> {
    let whom = whom(command);
    let policy = Policy::load(&whom.config).map_err(Failure::Policy)?;
    let Some(config) = policy.store() else {
        let what = format!(
            "{} has no `store`: nobody could have a plan of their own (add `store: sqlite:tollgate.db`)",
            whom.config.display()
        );
        return Err(Failure::Misused(what));
    };
    let location = stores::location(&config.place)?;
    let holder = holder(whom, &policy)?;
    let clock = Arc::new(SystemClock::new());
    let now_ms = clock.now().unix_ms;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("start the runtime"))?;
    runtime.block_on(async {
        let store = Store::open(&location, clock).await?;
        let done = match edit(command, &policy)? {
            Some((edit, args)) => change(&store, holder, edit, args, now_ms).await,
            None if matches!(command, PlanCommand::History(_)) => history(&store, &holder).await,
            None => show(&store, &holder, now_ms).await,
        };
        store.close().await;
        done
    })
}

fn whom(command: &PlanCommand) -> &WhomArgs {
    match command {
        PlanCommand::Show(whom) | PlanCommand::History(whom) => whom,
        PlanCommand::Assign(args) => &args.change.whom,
        PlanCommand::Withdraw(args) => &args.change.whom,
        PlanCommand::Override(args) => &args.change.whom,
        PlanCommand::Lift(args) => &args.change.whom,
        PlanCommand::Undo(args) => &args.whom,
    }
}

fn holder(args: &WhomArgs, policy: &Policy) -> Result<Holder, Failure> {
    let issuer = stores::issuer(args.issuer.as_deref(), policy)?;
    stores::holder(issuer, args.subject.as_deref(), args.account.as_deref())
}

/// What is to be changed, if anything; names that the policy does not have are refused.
fn edit<'a>(
    command: &'a PlanCommand,
    policy: &Policy,
) -> Result<Option<(Edit, &'a ChangeArgs)>, Failure> {
    Ok(match command {
        PlanCommand::Show(_) | PlanCommand::History(_) => None,
        PlanCommand::Assign(args) => {
            if policy.plan_named(&args.plan).is_none() {
                let names: Vec<&str> = policy.plans().iter().map(|plan| &*plan.name).collect();
                let what = format!("no plan `{}` (there are {})", args.plan, names.join(", "));
                return Err(Failure::Misused(what));
            }
            let (from, until_ms) = times(&args.times)?;
            let plan = PlanName::parse(&args.plan)?;
            Some((
                Edit::Assign {
                    plan,
                    from,
                    until_ms,
                },
                &args.change,
            ))
        }
        PlanCommand::Withdraw(args) => Some((Edit::Withdraw { made: args.number }, &args.change)),
        PlanCommand::Override(args) => {
            let (from, until_ms) = times(&args.times)?;
            let limit = LimitText::parse(&args.limit)?;
            let route = route(args.route.as_deref(), policy)?;
            Some((
                Edit::Override {
                    limit,
                    route,
                    from,
                    until_ms,
                },
                &args.change,
            ))
        }
        PlanCommand::Lift(args) => Some((
            Edit::Lift {
                limit: args.limit.clone(),
                // One that the policy has no more can be lifted still.
                route: args.route.as_deref().map(RouteName::parse).transpose()?,
                made: args.number,
            },
            &args.change,
        )),
        PlanCommand::Undo(args) => Some((Edit::Undo, args)),
    })
}

fn route(text: Option<&str>, policy: &Policy) -> Result<Option<RouteName>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let route = RouteName::parse(text)?;
    let mut known = policy.routes().iter();
    if known.any(|(_, known)| known.to_string() == route.as_str()) {
        return Ok(Some(route));
    }
    let what = format!(
        "the policy has no route `{}` (`tollgate routes list` shows them)",
        route.as_str()
    );
    Err(Failure::Misused(what))
}

fn times(args: &TimesArgs) -> Result<(Start, Option<u64>), Failure> {
    let at = |text: &String| span::instant(text, &TimeZone::UTC);
    let from = args.from.as_ref().map(at).transpose()?;
    let until_ms = args.until.as_ref().map(at).transpose()?;
    Ok((from.map_or(Start::Now, Start::AtMs), until_ms))
}

async fn change(
    store: &Store,
    holder: Holder,
    edit: Edit,
    args: &ChangeArgs,
    now_ms: u64,
) -> Result<(), Failure> {
    let write = Write {
        note: Note::parse(&args.note)?,
        expected: args.version,
        key: args.key.as_deref().map(WriteKey::parse).transpose()?,
        ..Write::new(holder, edit, Name::parse(&args.by)?)
    };
    let written = store.write(&write).await?;
    let change = written.change;
    // What is at once is so by the store's clock.
    let at_ms = now_ms.max(change.at_ms);
    let shown = shown::record(&change.holder, &change.after, change.seq, at_ms);
    anstream::println!("{shown:#}");
    Ok(())
}

async fn show(store: &Store, holder: &Holder, now_ms: u64) -> Result<(), Failure> {
    let found = store.record(holder).await?;
    let shown = shown::record(holder, &found.record, found.version, now_ms);
    anstream::println!("{shown:#}");
    Ok(())
}

async fn history(store: &Store, holder: &Holder) -> Result<(), Failure> {
    let mut before = u64::MAX;
    loop {
        let changes = match store.history(holder, before).await {
            Err(StoreError::Text { .. }) => Vec::new(),
            found => found?,
        };
        for change in &changes {
            anstream::println!("{}", shown::change(change));
        }
        match changes.last() {
            Some(last) => before = last.seq,
            None => return Ok(()),
        }
    }
}
