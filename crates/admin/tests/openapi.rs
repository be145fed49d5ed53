//! The description in `docs/` is what the code says.
//!
//! After a change of an endpoint: `TOLLGATE_UPDATE=1 cargo test -p tollgate-admin --test openapi`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::path::Path;

#[test]
fn the_published_description_is_up_to_date() {
    let expected = tollgate_admin::openapi();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("TOLLGATE_UPDATE").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == expected,
        "docs/openapi.json is not what the code says; run \
         `TOLLGATE_UPDATE=1 cargo test -p tollgate-admin --test openapi`"
    );
}
