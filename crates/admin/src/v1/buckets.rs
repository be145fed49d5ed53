//! Live buckets of one caller: look, fill up, give back.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tollgate_store::{Holder, HolderKind, Name, Note, WriteKey};
use utoipa::{IntoParams, ToSchema};

use crate::audit::{Deed, audited};
use crate::body::Body;
use crate::etag::field;
use crate::keys::Caller;
use crate::live::{Bucket, BucketAct, BucketChange, BucketsAsked, Who};
use crate::problem::{Answer, Kind, Problem};
use crate::query::{HolderPath, Named, Params, cursor, page_limit, place};
use crate::repeats::Turn;
use crate::state::Admin;
use crate::v1::changes::{IDEMPOTENCY_KEY, write_key};

/// The most units of one grant.
const UNITS_MAX: u64 = 1 << 32;

/// Which buckets, and what is known of the caller beside its name.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// The account that the subject's tokens name.
    #[param(min_length = 1, max_length = 255, example = "acme")]
    account: Option<String>,
    /// The plan that they name.
    #[param(example = "pro")]
    plan_claim: Option<String>,
    /// Buckets of one route only.
    #[param(example = "GET /orders/{order_id}")]
    route: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Routes at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// What a caller has left in this process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Buckets {
    /// The plan that decides.
    #[schema(example = "pro")]
    plan: String,
    buckets: Vec<Bucket>,
    /// The cursor of the page after; none on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What is to become of buckets.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BucketChangeAsked {
    pub(crate) act: BucketAct,
    /// The limit by its name; all limits without it.
    #[schema(min_length = 1, max_length = 64, example = "burst")]
    pub(crate) limit: Option<String>,
    /// The route; every route without it.
    #[schema(max_length = 1024, example = "GET /orders/{order_id}")]
    pub(crate) route: Option<String>,
    /// The account that the subject's tokens name.
    #[schema(min_length = 1, max_length = 255)]
    pub(crate) account: Option<String>,
    /// The plan that they name.
    pub(crate) plan_claim: Option<String>,
    /// Why, for the audit.
    #[serde(default)]
    #[schema(max_length = 1024, example = "ticket 12")]
    pub(crate) note: String,
}

/// What they hold then.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BucketsChanged {
    buckets: Vec<Bucket>,
}

/// Buckets of one caller in this process, and what is left in each. Looking is free.
#[utoipa::path(
    get,
    path = "/v1/holders/{kind}/{issuer}/{name}/buckets",
    tag = "buckets",
    params(Asked),
    responses((status = 200, description = "Buckets.", body = Buckets)),
)]
pub(crate) async fn look(
    State(admin): State<Admin>,
    Named(path): Named<HolderPath>,
    Params(asked): Params<Asked>,
) -> Answer<Json<Buckets>> {
    let wrong = |problem: Wrong| Problem::malformed(format!("query: {}", problem.0));
    let who = who(path.holder()?, asked.account, asked.plan_claim).map_err(wrong)?;
    let limit = page_limit(asked.limit)?;
    let asked = BucketsAsked {
        who,
        route: asked.route,
        after_route: asked.cursor.as_deref().map(place).transpose()?,
        routes_max: usize::try_from(limit).unwrap_or(1),
    };
    let page = admin.live(move |live| live.buckets(&asked)).await?;
    Ok(Json(Buckets {
        plan: page.plan,
        buckets: page.buckets,
        next: page.more_after.and_then(|after| cursor(&after)),
    }))
}

/// Fills buckets up or gives units back, in this process.
///
/// A grant needs an `Idempotency-Key`: with it, it is done once, however often it is sent within 24 hours to
/// the same process, of whose last 1,000 keys it is one.
#[utoipa::path(
    post,
    path = "/v1/holders/{kind}/{issuer}/{name}/buckets/changes",
    tag = "buckets",
    request_body(
        content = BucketChangeAsked,
        example = json!({ "act": { "grant": { "units": 100 } }, "limit": "burst", "note": "ticket 12" }),
    ),
    responses(
        (status = 200, description = "What they hold now.", body = BucketsChanged),
        (status = 409, description = "The same write is still under way."),
    ),
)]
pub(crate) async fn change(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Named(path): Named<HolderPath>,
    headers: HeaderMap,
    Body(asked): Body<BucketChangeAsked>,
) -> Answer<Response> {
    let holder = path.holder()?;
    let key = field(&headers, &IDEMPOTENCY_KEY)?.map(write_key);
    let done = give_back(&admin, &caller, holder, key.transpose()?, asked);
    done.await.map(json_of)
}

/// Fills buckets up or gives units back, whoever asked for it and how; says what they hold then, as JSON.
pub(crate) async fn give_back(
    admin: &Admin,
    caller: &Caller,
    holder: Holder,
    key: Option<WriteKey>,
    asked: BucketChangeAsked,
) -> Answer<Bytes> {
    let what = match (asked.act, &key) {
        (BucketAct::Reset {}, _) => "buckets.reset",
        (BucketAct::Grant { units }, _) if !(1..=UNITS_MAX).contains(&units) => {
            let detail = format!("units are 1 to {UNITS_MAX}");
            return Err(Problem::invalid("/act/grant/units", detail));
        }
        (BucketAct::Grant { .. }, Some(_)) => "buckets.grant",
        (BucketAct::Grant { .. }, None) => {
            let detail = "a grant needs an Idempotency-Key: sent twice it would be given twice";
            return Err(Problem::malformed(detail));
        }
    };
    let detail = json!({ "holder": holder, "asked": asked });
    let note = Note::parse(&asked.note).map_err(Problem::of_text("/note"))?;
    let account = |problem: Wrong| Problem::invalid("/account", problem.0);
    let change = BucketChange {
        who: who(holder, asked.account, asked.plan_claim).map_err(account)?,
        limit: asked.limit,
        route: asked.route,
        act: asked.act,
        once: key
            .as_ref()
            .map(|key| format!("{}\n{}", caller.name, key.as_str())),
    };
    let claim = match &key {
        None => None,
        Some(key) => {
            let request = detail.to_string();
            let key = (caller.name.as_str(), key.as_str());
            let now_ms = admin.now().unix_ms;
            match admin
                .inner()
                .repeats
                .turn(key, request.as_bytes(), now_ms)?
            {
                Turn::Before(answer) => return Ok(answer),
                Turn::Now(claim) => Some(claim),
            }
        }
    };
    let deed = Deed { what, detail, note };
    let worker = admin.clone();
    let work = async move {
        let buckets = worker
            .live(move |live| live.change_buckets(&change))
            .await?;
        let answer = serde_json::to_vec(&BucketsChanged { buckets });
        let answer =
            Bytes::from(answer.map_err(|error| Problem::new(Kind::Failed, error.to_string()))?);
        if let Some(claim) = claim {
            claim.answered(answer.clone());
        }
        Ok(answer)
    };
    audited(admin, caller, deed, work).await
}

fn json_of(body: Bytes) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind)], body).into_response()
}

/// What is wrong with what is said of a caller.
pub(crate) struct Wrong(pub(crate) String);

/// A caller, with what is said of it beside its name.
pub(crate) fn who(
    holder: Holder,
    account: Option<String>,
    plan_claim: Option<String>,
) -> Result<Who, Wrong> {
    if let Some(account) = &account {
        Name::parse(account).map_err(|error| Wrong(format!("account: {error}")))?;
        if holder.kind == HolderKind::Account {
            return Err(Wrong("an account has no account".to_owned()));
        }
    }
    Ok(Who {
        holder,
        account,
        plan_claim,
    })
}
