//! The audit of writes that are no change of a holder.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_store::{self as store, OperationId, OperationState};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Answer;
use crate::query::{Params, number, page_limit};
use crate::state::Admin;

/// Where a list of operations begins.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct After {
    /// Only operations after this number; those from the first on without it.
    after: Option<u64>,
    /// Entries at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// Operations, the oldest first. A page may be short though more come after it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Operations {
    operations: Vec<Operation>,
    /// The `after` with which the list goes on, now or when there are more.
    #[schema(example = 3)]
    after: u64,
    /// Whether there are more already.
    has_more: bool,
}

/// How an operation stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// About to be done, or cut off.
    Begun,
    /// Done.
    Done,
    /// Refused, or failed.
    Failed,
}

/// Something that was done through this API.
#[derive(Debug, Serialize, ToSchema)]
struct Operation {
    #[schema(example = 3)]
    id: u64,
    /// When it began, in milliseconds since 1970.
    #[schema(example = 1_796_083_200_000_u64)]
    at_ms: u64,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_ms: Option<u64>,
    /// Who: the name of an admin key.
    #[schema(example = "deploy")]
    by: String,
    /// What: `buckets.reset`, `buckets.grant`, `notice.retry`, `policy.apply` or `policy.roll_back`.
    #[schema(example = "buckets.grant")]
    what: String,
    /// What exactly.
    #[schema(value_type = Object)]
    detail: Value,
    /// Why.
    note: String,
    #[schema(inline)]
    state: Stage,
}

/// Writes that are no changes of holders, in the order in which they began.
#[utoipa::path(
    get,
    path = "/v1/operations",
    tag = "audit",
    params(After),
    responses((status = 200, description = "Operations.", body = Operations)),
)]
pub(crate) async fn list(
    State(admin): State<Admin>,
    Params(asked): Params<After>,
) -> Answer<Json<Operations>> {
    let after = OperationId(number(asked.after)?.unwrap_or_default());
    let limit = page_limit(asked.limit)?;
    let page = admin.store()?.operations_after(after, limit).await?;
    Ok(Json(Operations {
        after: page.entries.last().map_or(after, |last| last.id).0,
        has_more: page.has_more,
        operations: page.entries.iter().map(shown).collect(),
    }))
}

fn shown(found: &store::Operation) -> Operation {
    let operation = &found.operation;
    Operation {
        id: found.id.0,
        at_ms: found.at_ms,
        ended_ms: found.ended_ms,
        by: operation.by.to_string(),
        what: operation.what.to_string(),
        detail: serde_json::from_str(operation.detail()).unwrap_or_default(),
        note: operation.note.to_string(),
        state: match found.state {
            OperationState::Begun => Stage::Begun,
            OperationState::Done => Stage::Done,
            OperationState::Failed => Stage::Failed,
        },
    }
}
