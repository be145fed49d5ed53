//! The console in Chromium: by keyboard, without JavaScript, in light and dark, on a small screen, and live.
//!
//! `TOLLGATE_UPDATE=1` writes the pictures of docs/console.md; without it they go into the target folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_admin::Role;
use tollgate_testkit::peers::browse;

use crate::sample;
use crate::support::{Api, run, subject};

/// How long a walk may take before it counts as stuck.
const WALK_MAX: Duration = Duration::from_secs(180);
/// The largest picture, in bytes.
const PICTURE_BYTES_MAX: u64 = 120 * 1_024;

/// Runs one of the scripts beside this file against a gateway.
async fn walk(api: &Api, script: &str, more: Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/console")
        .join(script);
    let mut input =
        json!({ "origin": format!("http://{}", api.address), "key": api.key(Role::Admin) });
    input
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let walked = tokio::task::spawn_blocking(move || browse(&script, &input, WALK_MAX));
    walked
        .await
        .unwrap()
        .unwrap_or_else(|error| panic!("{error}"))
}

fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match std::env::var_os("TOLLGATE_UPDATE") {
        Some(_) => root.join("docs/console"),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).join("console"),
    }
}

#[test]
fn each_page_is_without_barriers_and_keeps_to_its_security_policy() {
    run(async {
        let api = sample::gateway().await;
        let folder = folder();
        std::fs::create_dir_all(&folder).unwrap();
        let walked = walk(&api, "look.cjs", json!({ "folder": folder })).await;
        let pages = walked["pages"].as_array().unwrap();
        assert_eq!(pages.len(), 26, "thirteen pages in light and in dark");
        for page in pages {
            let at = &page["at"];
            assert_eq!(page["violations"], json!([]), "{at}");
            assert_eq!(page["complaints"], json!([]), "{at}");
            assert_eq!(page["headings"], 1, "{at}");
            assert_eq!(
                page["overflows"], false,
                "{at} is wider than a screen of 320 px"
            );
        }
        let pictures: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .collect();
        assert_eq!(pictures.len(), pages.len());
        for picture in pictures {
            let bytes = picture.metadata().unwrap().len();
            assert!(
                bytes < PICTURE_BYTES_MAX,
                "{:?}: {bytes} bytes",
                picture.path()
            );
        }
    });
}

#[test]
fn a_plan_is_changed_by_keyboard_alone_and_without_javascript() {
    run(async {
        let api = sample::gateway().await;
        let walked = walk(&api, "keyboard.cjs", json!({})).await;
        assert_eq!(walked["complaints"], json!([]));
        assert_eq!(
            walked["walked"],
            json!([
                "Overview",
                "Limited now",
                "Holders",
                "Plans",
                "Notices",
                "Policy",
                "Audit",
                "Keys"
            ])
        );
        assert_eq!(walked["by_keyboard"], "The plan is given.");
        assert_eq!(walked["without_javascript"], "The plan is given.");
        for (name, plan, note) in [
            ("dora", "pro", "by keyboard"),
            ("emil", "standard", "without a script"),
        ] {
            let holder = api.get(&subject(name, "")).await;
            assert_eq!(holder["plan"], plan, "{name}");
            assert_eq!(holder["record"]["assignments"][0]["note"], note);
        }
        assert_eq!(walked["after_sign_out"], "/sign-in");
    });
}

#[test]
fn a_page_is_live_and_leaves_alone_what_somebody_writes() {
    run(async {
        let api = sample::gateway().await;
        let walked = walk(&api, "live.cjs", json!({})).await;
        assert_eq!(walked["complaints"], json!([]));
        assert_eq!(walked["before"], "197 of 240 left, 82 %");
        assert_eq!(walked["after"], "240 of 240 left, 100 %");
        assert_eq!(walked["typed"], "half a sentence");
        assert_eq!(walked["focused"], "assign-note");
        assert_eq!(walked["open"], true);
    });
}
