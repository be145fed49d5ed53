//! The console in Chromium: by keyboard, without JavaScript, in light and dark, on a small screen, and live.
//!
//! `TOLLGATE_UPDATE=1` writes the pictures of docs/console.md and, beside them, what they say; without it pictures go
//! into the target folder, and what pages say is held against that. Words and the style sheet, not pixels: another
//! machine has other fonts, and a tolerance that forgives those forgives a changed number too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_admin::Role;
use tollgate_testkit::peers::browse;

use crate::sample;
use crate::support::{Api, run, subject};

/// How long a walk may take before it counts as stuck.
const WALK_MAX: Duration = Duration::from_secs(420);
/// The largest picture, in bytes.
const PICTURE_BYTES_MAX: u64 = 120 * 1_024;
/// What the pictures say, beside them.
const SAID: &str = "pages.txt";

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
    match std::env::var_os("TOLLGATE_UPDATE") {
        Some(_) => docs(),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).join("console"),
    }
}

#[test]
fn each_page_is_without_barriers_and_keeps_to_its_security_policy() {
    run(async {
        let api = sample::gateway().await;
        let folder = folder();
        if folder != docs() {
            // Pictures of pages that are no more.
            let _gone = std::fs::remove_dir_all(&folder);
        }
        std::fs::create_dir_all(&folder).unwrap();
        let walked = walk(&api, "look.cjs", json!({ "folder": folder })).await;
        let pages = walked["pages"].as_array().unwrap();
        for page in pages {
            let at = format!("{} {}", page["name"], page["scheme"]);
            assert_eq!(page["violations"], json!([]), "{at}");
            assert_eq!(page["complaints"], json!([]), "{at}");
            assert_eq!(page["headings"], 1, "{at}");
            assert_eq!(
                page["overflows"], false,
                "{at} is wider than a screen of 320 px"
            );
        }
        let walked: BTreeSet<&str> = pages
            .iter()
            .map(|page| page["path"].as_str().unwrap())
            .collect();
        for page in tollgate_admin::pages() {
            let is_walked = walked.contains(page.path.as_str());
            assert!(
                page.method != "GET" || is_walked,
                "{} is not in look.cjs",
                page.path
            );
        }
        pictures_are_those_of_the_documentation(&folder);
        what_is_said_is_what_was_written(pages);
    });
}

/// Each of them is shown there, in light and dark, and no other is.
fn pictures_are_those_of_the_documentation(made: &Path) {
    let page = std::fs::read_to_string(docs().with_extension("md")).unwrap();
    let shown: BTreeSet<&str> = page
        .split("\"console/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    for folder in [made, &docs()] {
        let files = std::fs::read_dir(folder).unwrap();
        let files = files.map(|file| file.unwrap());
        let mut names = BTreeSet::new();
        for picture in files.filter(|file| file.file_name() != SAID) {
            let bytes = picture.metadata().unwrap().len();
            let path = picture.path();
            assert!(bytes < PICTURE_BYTES_MAX, "{path:?}: {bytes} bytes");
            names.insert(picture.file_name().into_string().unwrap());
        }
        let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(names, shown, "{folder:?} and docs/console.md");
    }
}

/// So that a page that was changed has another picture.
fn what_is_said_is_what_was_written(pages: &[Value]) {
    let mut said = format!(
        "The style sheet of the pictures: {}\n",
        text(&pages[0]["style"])
    );
    for page in pages {
        let lines: Vec<&str> = page["says"].as_array().unwrap().iter().map(text).collect();
        let lines = lines.join("\n");
        if page["scheme"] == "light" {
            said.push_str(&format!("\n=== {}\n{lines}\n", text(&page["name"])));
        }
    }
    let path = docs().join(SAID);
    if std::env::var_os("TOLLGATE_UPDATE").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let first = said
        .lines()
        .zip(written.lines())
        .find(|(is, was)| is != was);
    assert!(
        said == written,
        "the pictures of docs/console.md are not what pages show (first {first:?}); run `TOLLGATE_UPDATE=1 \
         cargo test -p tollgate-admin --test console each_page`, and look at them"
    );
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/console")
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
