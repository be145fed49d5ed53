//! Static files: one style sheet, one script, one icon, each under a name that changes with it.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest as _, Sha256};

use crate::problem::{Answer, Problem};

/// A name is a hash of the content: what is under it never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Characters of the hash in a name.
const HASH_CHARS: usize = 16;

/// One file.
struct Asset {
    /// Where it is.
    path: String,
    kind: &'static str,
    content: &'static str,
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("assets/console.css");
    Asset::new("css", "text/css; charset=utf-8", content)
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("assets/console.js");
    Asset::new("js", "text/javascript; charset=utf-8", content)
});
static ICON: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("assets/icon.svg");
    Asset::new("svg", "image/svg+xml", content)
});

pub(super) fn style() -> &'static str {
    &STYLE.path
}

pub(super) fn script() -> &'static str {
    &SCRIPT.path
}

pub(super) fn icon() -> &'static str {
    &ICON.path
}

/// Gives a file to anybody: there is nothing in it but how pages look.
pub(super) async fn give(Path(name): Path<String>) -> Answer<Response> {
    let files = [&*STYLE, &*SCRIPT, &*ICON];
    let found = files
        .into_iter()
        .find(|file| file.path.strip_prefix("/assets/") == Some(&name));
    let file = found.ok_or_else(|| Problem::not_found("file"))?;
    let fields = [
        (CONTENT_TYPE, HeaderValue::from_static(file.kind)),
        (CACHE_CONTROL, HeaderValue::from_static(FOR_EVER)),
    ];
    Ok((fields, file.content).into_response())
}

impl Asset {
    fn new(ending: &str, kind: &'static str, content: &'static str) -> Self {
        let hash = HEXLOWER.encode(&Sha256::digest(content));
        let hash = &hash[..HASH_CHARS];
        Self {
            path: format!("/assets/console.{hash}.{ending}"),
            kind,
            content,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_small() {
        assert!(SCRIPT.content.len() < 4_096, "{}", SCRIPT.content.len());
        assert!(STYLE.content.len() < 16_384, "{}", STYLE.content.len());
    }

    #[test]
    fn each_file_has_a_name_of_its_own() {
        assert!(style().ends_with(".css") && script().ends_with(".js"));
        assert_eq!(style().len(), "/assets/console..css".len() + HASH_CHARS);
    }
}
