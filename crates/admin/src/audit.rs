//! The audit of writes that are no change of a holder's record: written down, then done, then closed.
//!
//! A change of a record has its own entry in the store, within its transaction. These have not: a bucket is
//! in memory, a policy in a file. So each is written down first, and is not done if that fails; without a
//! store the log is all there is.

use serde_json::Value;
use tollgate_store::{Name, NewOperation, Note, OperationName, OperationState};

use crate::keys::Caller;
use crate::problem::{Answer, Kind, Problem};
use crate::state::Admin;

/// What is about to be done.
pub(crate) struct Deed {
    pub(crate) what: &'static str,
    /// Names of subjects stand here only, and so in the store and never in the log.
    pub(crate) detail: Value,
    pub(crate) note: Note,
}

/// Does a write to its end, though whoever asked for it has gone, and writes down that it did.
pub(crate) async fn audited<T: Send + 'static>(
    admin: &Admin,
    caller: &Caller,
    deed: Deed,
    work: impl Future<Output = Answer<T>> + Send + 'static,
) -> Answer<T> {
    // Also of those whose callers have gone there are no more than of requests.
    let permit = admin.inner().writes.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::busy())?;
    let (admin, caller) = (admin.clone(), caller.clone());
    let done = tokio::spawn(async move {
        let done = written_down(&admin, &caller, deed, work).await;
        drop(permit);
        done
    });
    let broken = |_| Problem::new(Kind::Failed, "a defect: the gateway's log says where");
    done.await.map_err(broken)?
}

async fn written_down<T>(
    admin: &Admin,
    caller: &Caller,
    deed: Deed,
    work: impl Future<Output = Answer<T>>,
) -> Answer<T> {
    let (by, what) = (caller.name.clone(), deed.what);
    let store = admin.store_if_any()?;
    let id = match &store {
        None => {
            tracing::info!(%by, what, "admin API: begun");
            None
        }
        Some(store) => Some(store.begin_operation(&operation(caller, deed)?).await?),
    };
    let done = work.await;
    let state = match done {
        Ok(_) => OperationState::Done,
        Err(_) => OperationState::Failed,
    };
    logged(admin, (&by, what), done.as_ref().err());
    if let (Some(store), Some(id)) = (store, id)
        && let Err(error) = store.end_operation(id, state).await
    {
        // It stands in the audit as begun.
        tracing::error!(%error, %by, what, "the end of a write is not in the audit");
    }
    done
}

fn operation(caller: &Caller, deed: Deed) -> Answer<NewOperation> {
    let by = name(caller)?;
    let what = OperationName::parse(deed.what)?;
    Ok(NewOperation::new(
        by,
        what,
        deed.detail.to_string(),
        deed.note,
    )?)
}

/// As the store has the name of a caller.
pub(crate) fn name(caller: &Caller) -> Answer<Name> {
    Ok(Name::parse(&caller.name)?)
}

/// One line a write, and a count; whom it is about is not said.
pub(crate) fn logged(admin: &Admin, (by, what): (&str, &str), problem: Option<&Problem>) {
    let counters = &admin.inner().counters;
    match problem {
        None => {
            counters.writes.increment();
            tracing::info!(by, what, "admin API: written");
        }
        Some(problem) => {
            counters.failed_writes.increment();
            let status = problem.status().as_u16();
            tracing::info!(by, what, status, "admin API: not written");
        }
    }
}
