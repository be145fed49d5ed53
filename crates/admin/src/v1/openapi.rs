//! The description of this API.

use axum::Extension;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

/// The document, rendered once.
#[derive(Clone)]
pub(crate) struct Document(pub(crate) Bytes);

/// This document: OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    tag = "openapi",
    responses((status = 200, description = "OpenAPI 3.1.", content_type = "application/json", body = Object)),
)]
pub(crate) async fn document(Extension(Document(document)): Extension<Document>) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind)], document).into_response()
}
