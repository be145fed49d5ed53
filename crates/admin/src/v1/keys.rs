//! The keys of the admin API itself: who may call it. Never a key, and of its hash the beginning only.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::role::Role;
use crate::state::Admin;

/// All keys, in the order of their file; at most 1,000.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Keys {
    keys: Vec<Key>,
}

/// One key.
#[derive(Debug, Serialize, ToSchema)]
struct Key {
    /// Its name, as the audit has it.
    #[schema(example = "billing")]
    name: String,
    role: Role,
    /// The beginning of its SHA-256, in hex.
    #[schema(example = "b22edff472d9")]
    digest: String,
    /// The first second since 1970 in which it is refused; none if it does not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1_798_761_600)]
    not_after_s: Option<u64>,
    /// Whether it is accepted now.
    accepted: bool,
}

/// Names and roles of the keys of this API.
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "keys",
    responses((status = 200, description = "Keys, without their secrets.", body = Keys)),
)]
pub(crate) async fn list(State(admin): State<Admin>) -> Json<Keys> {
    let now_s = admin.now().unix_s();
    let keys = admin.keys();
    let keys = keys.notes().iter().map(|note| Key {
        name: note.name.clone(),
        role: note.role,
        digest: note.digest.clone(),
        not_after_s: note.not_after_s,
        accepted: note.not_after_s.is_none_or(|end_s| now_s < end_s),
    });
    Json(Keys {
        keys: keys.collect(),
    })
}
