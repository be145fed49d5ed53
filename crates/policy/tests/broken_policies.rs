//! Broken policies: each finding with its code, its place and what to write instead.
//!
//! The policies are in `broken/`; where a `.txt` stands beside one, it is the whole rendering.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tollgate_policy::{Diagnostics, Policy, codes};

#[path = "broken/table.rs"]
mod table;

use table::BROKEN;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

/// With names relative to the folder, so that messages are the same everywhere.
fn load(name: &str) -> Result<Policy, Diagnostics> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.yaml"))).unwrap();
    Policy::parse(&format!("{name}.yaml"), &text, &folder())
}

#[test]
fn each_broken_policy_gives_its_errors_with_place_and_fix() {
    for (name, expected) in BROKEN {
        let found = load(name).expect_err(name);
        let errors = found.iter().filter(|found| found.is_error());
        let got: Vec<_> = errors
            .map(|found| {
                (
                    found.code,
                    found.line,
                    found.column,
                    found.help.as_deref().unwrap_or(""),
                )
            })
            .collect();
        assert_eq!(got, *expected, "{name}:\n{found}");
    }
}

#[test]
fn every_file_has_its_errors_in_the_table() {
    let listed: BTreeSet<String> = BROKEN.iter().map(|(name, _)| (*name).to_owned()).collect();
    let files = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let yaml = files.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    let there: BTreeSet<String> = yaml
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, there);
    assert!(listed.len() >= 20);
}

/// Those that no small file can show, or that only warn.
const WITHOUT_FILE: [&str; 5] = ["TG0002", "TG0023", "TG0036", "TG0037", "TG0040"];

#[test]
fn every_code_is_shown_by_a_policy() {
    let shown: BTreeSet<&str> = BROKEN
        .iter()
        .flat_map(|(_, errors)| errors.iter().map(|error| error.0))
        .collect();
    for code in codes::ALL {
        assert!(
            shown.contains(code.id) || WITHOUT_FILE.contains(&code.id),
            "{} is never shown",
            code.id
        );
    }
}

#[test]
fn every_error_says_what_to_write_instead() {
    for (name, _) in BROKEN {
        for found in &load(name).expect_err(name) {
            assert!(
                found.help.as_deref().is_some_and(|help| !help.is_empty()),
                "{name}: {}",
                found.message
            );
            assert!(
                found.line > 0 && found.column > 0,
                "{name}: {}",
                found.message
            );
            assert!(!found.message.ends_with('.'), "{name}: {}", found.message);
        }
    }
}

#[test]
fn the_whole_rendering_is_as_a_compiler_s() {
    let mut compared = 0;
    for (name, _) in BROKEN {
        let file = folder().join(format!("{name}.txt"));
        let Ok(expected) = std::fs::read_to_string(&file) else {
            continue;
        };
        let found = load(name)
            .expect_err(name)
            .render(false)
            .replace(&format!("{}/", folder().display()), "");
        assert_eq!(found, expected, "{name}: {}", file.display());
        compared += 1;
    }
    assert!(compared >= 5, "{compared} renderings");
}

#[test]
fn color_changes_the_dress_and_not_the_words() {
    let found = load("unknown_plan").expect_err("broken");
    let colored = found.render(true);
    assert!(colored.contains("\u{1b}["));
    assert!(!found.to_string().contains('\u{1b}'));
    assert!(colored.contains("unknown plan `gold`"));
}

#[test]
fn a_file_that_cannot_be_read_is_a_finding() {
    let found = Policy::load(Path::new("no/such/policy.yaml")).expect_err("missing");
    assert_eq!(found.iter().next().unwrap().code, "TG0002");
    let text = format!("# {}\n", "x".repeat(4 << 20));
    let found = Policy::parse("large.yaml", &text, Path::new(".")).expect_err("large");
    assert_eq!(found.iter().next().unwrap().code, "TG0002");
}

#[test]
fn escapes_in_a_policy_never_reach_the_terminal() {
    let text = "tollgate: 1\norigin: http://127.0.0.1:9000\n\"a\\e[31mb\": 1\nmode: \"\\e[2J\"\n";
    let found = Policy::parse("p.yaml", text, Path::new(".")).expect_err("broken");
    assert!(!found.to_string().contains('\u{1b}'), "{found}");
}
