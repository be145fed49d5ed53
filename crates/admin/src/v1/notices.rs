//! Notices: what is to be told about quotas, and to be tried again.

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tollgate_store::{Channel, ListedNotice, Note, NoticeState, Retried, RouteName};
use utoipa::{IntoParams, ToSchema};

use crate::audit::{Deed, audited};
use crate::exact::Exact;
use crate::keys::Caller;
use crate::problem::{Answer, Kind, Problem};
use crate::query::{self, Named, Params, number, page_limit};
use crate::state::Admin;

/// Where a notice stands on a channel.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// To be delivered.
    Waiting,
    /// Somebody received it.
    Delivered,
    /// Nobody did, and it is not tried again by itself.
    GivenUp,
}

/// Which notices.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// Only those that are in this state on one of their channels.
    #[param(inline)]
    state: Option<Stage>,
    /// Only those after this number.
    after: Option<u64>,
    /// Entries at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// Notices in the order of their numbers. A page may be short though more come after it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Notices {
    notices: Vec<Notice>,
    /// The `after` of the page after; none on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 100)]
    after: Option<u64>,
}

/// Something to tell: that a counter has reached a share of its quota.
#[derive(Debug, Serialize, ToSchema)]
struct Notice {
    #[schema(example = 7)]
    id: u64,
    /// Whose quota.
    kind: query::Kind,
    #[schema(example = "https://login.example.com")]
    issuer: String,
    #[schema(example = "alice")]
    name: String,
    /// The account that a subject acted in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "acme")]
    account: Option<String>,
    /// The limit's name.
    #[schema(example = "monthly")]
    limit: String,
    /// The one route it is counted on; none: all routes together.
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    /// The period's first millisecond since 1970.
    from_ms: u64,
    /// The first millisecond after it.
    until_ms: u64,
    /// The share of the quota that was reached.
    #[schema(example = 90)]
    threshold_percent: u32,
    /// Units of the quota; none of notices that an older version made.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<Exact>,
    /// When it was made, in milliseconds since 1970.
    made_ms: u64,
    /// On each channel that it was handed to; none yet of a new one.
    deliveries: Vec<Delivery>,
    /// What is said, as its deliverer has it.
    #[schema(example = "{}")]
    body: String,
}

/// Where a notice stands on one channel.
#[derive(Debug, Serialize, ToSchema)]
struct Delivery {
    #[schema(inline)]
    channel: Way,
    #[schema(inline)]
    state: Stage,
    /// How often it was tried.
    #[schema(example = 2)]
    attempts: u32,
    /// When it is tried next; none if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_ms: Option<u64>,
}

/// A way to tell somebody.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Way {
    /// A request to somebody's server.
    Webhook,
    /// A mail.
    Email,
    /// A line on the gateway's standard output.
    Stdout,
}

/// What became of a wish to try again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RetriedNotice {
    #[schema(example = 7)]
    id: u64,
    #[schema(inline)]
    state: Stage,
}

impl From<NoticeState> for Stage {
    fn from(state: NoticeState) -> Self {
        match state {
            NoticeState::Waiting => Stage::Waiting,
            NoticeState::Delivered => Stage::Delivered,
            NoticeState::GivenUp => Stage::GivenUp,
        }
    }
}

impl From<Stage> for NoticeState {
    fn from(state: Stage) -> Self {
        match state {
            Stage::Waiting => NoticeState::Waiting,
            Stage::Delivered => NoticeState::Delivered,
            Stage::GivenUp => NoticeState::GivenUp,
        }
    }
}

fn shown(found: &ListedNotice) -> Notice {
    let counter = &found.notice.counter;
    Notice {
        id: found.id,
        kind: counter.holder.kind.into(),
        issuer: counter.holder.issuer.to_string(),
        name: counter.holder.name.to_string(),
        account: counter.account.as_ref().map(ToString::to_string),
        limit: counter.limit.to_string(),
        route: counter
            .route
            .as_ref()
            .map(RouteName::as_str)
            .map(str::to_owned),
        from_ms: counter.from_ms(),
        until_ms: counter.until_ms(),
        threshold_percent: found.notice.threshold_percent,
        quota: Some(Exact(found.notice.quota)).filter(|quota| quota.0 > 0),
        made_ms: found.made_ms,
        deliveries: found.deliveries.iter().map(delivery).collect(),
        body: found.notice.body().to_owned(),
    }
}

fn delivery(found: &tollgate_store::Delivery) -> Delivery {
    Delivery {
        channel: match found.channel {
            Channel::Webhook => Way::Webhook,
            Channel::Email => Way::Email,
            Channel::Stdout => Way::Stdout,
        },
        state: found.state.into(),
        attempts: found.attempts,
        due_ms: (found.state == NoticeState::Waiting).then_some(found.due_ms),
    }
}

/// Notices: all, or those that wait, were delivered or were given up.
#[utoipa::path(
    get,
    path = "/v1/notices",
    tag = "notices",
    params(Asked),
    responses((status = 200, description = "Notices.", body = Notices)),
)]
pub(crate) async fn list(
    State(admin): State<Admin>,
    Params(asked): Params<Asked>,
) -> Answer<Json<Notices>> {
    let state = asked.state.map(NoticeState::from);
    let after = number(asked.after)?.unwrap_or_default();
    let limit = page_limit(asked.limit)?;
    let page = admin.store()?.notices_after(after, state, limit).await?;
    let last = page.entries.last().filter(|_| page.has_more);
    Ok(Json(Notices {
        after: last.map(|last| last.id),
        notices: page.entries.iter().map(shown).collect(),
    }))
}

/// Makes a notice due now on each channel where it waits or was given up. One that is just being delivered may
/// arrive twice, under the same number.
#[utoipa::path(
    post,
    path = "/v1/notices/{id}/retry",
    tag = "notices",
    params(("id" = u64, Path, description = "The notice's number.", example = 7)),
    responses(
        (status = 200, description = "It is due now.", body = RetriedNotice),
        (status = 409, description = "Every channel delivered it."),
    ),
)]
pub(crate) async fn retry(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<u64>,
) -> Answer<Json<RetriedNotice>> {
    try_again(&admin, &caller, id).await?;
    let state = Stage::Waiting;
    Ok(Json(RetriedNotice { id, state }))
}

/// Makes a notice due now, whoever asked for it and how.
pub(crate) async fn try_again(admin: &Admin, caller: &Caller, id: u64) -> Answer<()> {
    let store = admin.store()?;
    let deed = Deed {
        what: "notice.retry",
        detail: json!({ "id": id }),
        note: Note::default(),
    };
    let retried = async move {
        match store.retry_notice(id).await? {
            Retried::Due => Ok(()),
            Retried::NotThere => Err(Problem::not_found("notice")),
            Retried::Delivered => Err(Problem::new(
                Kind::NotPossible,
                "every channel delivered it",
            )),
        }
    };
    audited(admin, caller, deed, retried).await
}
