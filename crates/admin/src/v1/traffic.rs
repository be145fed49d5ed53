//! What goes through the gateway of late.

use axum::Json;
use axum::extract::State;

use crate::live::Traffic;
use crate::problem::Answer;
use crate::state::Admin;

/// Traffic of this process: the last hour as a series, the last minute by route and by caller, at most 100 of
/// each.
#[utoipa::path(
    get,
    path = "/v1/traffic",
    tag = "traffic",
    responses((status = 200, description = "Traffic.", body = Traffic)),
)]
pub(crate) async fn look(State(admin): State<Admin>) -> Answer<Json<Traffic>> {
    let traffic = admin.at_hand(|live| Ok(live.traffic())).await?;
    Ok(Json(traffic))
}
