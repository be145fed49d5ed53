//! Holders: who has plans and limits, what is said of one, what is counted for it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::ETAG;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tollgate_store::{PlanName, RouteName};
use utoipa::{IntoParams, ToSchema};

use crate::etag;
use crate::exact::Exact;
use crate::problem::{Answer, Problem};
use crate::query::{HolderPath, Named, Params, cursor, page_limit, place};
use crate::state::Admin;
use crate::v1::view;

/// Which holders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// Only those to whom this plan is assigned, now or later.
    #[param(min_length = 1, max_length = 64, pattern = "^[!-~]+$", example = "pro")]
    plan: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Entries at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// A page of holders. A page may be short though more come after it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Holders {
    holders: Vec<view::Holder>,
    /// The cursor of the page after; none on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Units counted against the quotas of a holder, in the periods that are not over.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Counts {
    counts: Vec<Count>,
}

/// What is counted against one quota.
#[derive(Debug, Serialize, ToSchema)]
struct Count {
    /// The account that a subject acted in: in each it has a count of its own.
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
    #[schema(example = 1_796_083_200_000_u64)]
    from_ms: u64,
    /// The first millisecond after it.
    #[schema(example = 1_798_761_600_000_u64)]
    until_ms: u64,
    /// How much was used, as far as instances have said.
    units: Exact,
}

/// Holders of whom something is said, in a fixed order.
#[utoipa::path(
    get,
    path = "/v1/holders",
    tag = "holders",
    params(Asked),
    responses((status = 200, description = "Holders with what is said of them.", body = Holders)),
)]
pub(crate) async fn list(
    State(admin): State<Admin>,
    Params(asked): Params<Asked>,
) -> Answer<Json<Holders>> {
    let wrong = |error: tollgate_store::StoreError| Problem::malformed(format!("query: {error}"));
    let plan = asked.plan.as_deref().map(PlanName::parse);
    let plan = plan.transpose().map_err(wrong)?;
    let last = asked.cursor.as_deref().map(place).transpose()?;
    let limit = page_limit(asked.limit)?;
    let page = admin.store()?;
    let page = page.holders_after(last.as_ref(), plan.as_ref(), limit);
    let page = page.await?;
    let last = page.entries.last().filter(|_| page.has_more);
    let next = last.and_then(|(holder, _)| cursor(holder));
    let now_ms = admin.now().unix_ms;
    let shown = page
        .entries
        .iter()
        .map(|(holder, record)| view::Holder::new(holder, record, now_ms));
    Ok(Json(Holders {
        holders: shown.collect(),
        next,
    }))
}

/// What is said of one holder. One that was never heard of has an empty record.
#[utoipa::path(
    get,
    path = "/v1/holders/{kind}/{issuer}/{name}",
    tag = "holders",
    responses(
        (
            status = 200,
            description = "The record; its version in `ETag`.",
            body = view::Holder,
            headers(("ETag" = String, description = "The record's version, for `If-Match`.")),
        ),
        (status = 304, description = "It is of the version in `If-None-Match`."),
    ),
)]
pub(crate) async fn one(
    State(admin): State<Admin>,
    Named(path): Named<HolderPath>,
    headers: HeaderMap,
) -> Answer<Response> {
    let holder = path.holder()?;
    let found = admin.store()?.record(&holder).await?;
    let tag = [(ETAG, etag::of(&found.version))];
    if etag::is_known(&headers, &found.version) {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    let shown = view::Holder::new(&holder, &found.record, admin.now().unix_ms);
    Ok((tag, Json(shown)).into_response())
}

/// What is counted against the quotas of one holder now.
#[utoipa::path(
    get,
    path = "/v1/holders/{kind}/{issuer}/{name}/counts",
    tag = "holders",
    responses((status = 200, description = "Counts.", body = Counts)),
)]
pub(crate) async fn counts(
    State(admin): State<Admin>,
    Named(path): Named<HolderPath>,
) -> Answer<Json<Counts>> {
    let holder = path.holder()?;
    let now_ms = admin.now().unix_ms;
    let counts = admin.store()?.counts_of(&holder, now_ms).await?;
    let shown = counts.into_iter().map(|count| Count {
        account: count.counter.account.as_ref().map(ToString::to_string),
        limit: count.counter.limit.to_string(),
        route: count
            .counter
            .route
            .as_ref()
            .map(RouteName::as_str)
            .map(str::to_owned),
        from_ms: count.counter.from_ms(),
        until_ms: count.counter.until_ms(),
        units: Exact(count.units),
    });
    Ok(Json(Counts {
        counts: shown.collect(),
    }))
}
