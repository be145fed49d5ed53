//! Everything that must hold before a change is good: one command, its steps in order, stopped by the first failure.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::XtaskError;
use crate::root::target_folder;
use crate::setup;
use crate::shell::{self, cargo, command, typed};
use crate::tidy;

const CARGO: &str = "install the toolchain that rust-toolchain.toml names";
const DENY: &str = "run `cargo xtask setup`";
const BINARY: &str = "run `cargo build --release -p tollgate`";

/// A test target that requires this feature needs the release binary and real peers.
const END_TO_END_FEATURE: &str = "e2e";

/// Of these, what waits for minutes and leaves the processors nearly idle: Envoys that share a rate.
const WAITING: &str = "quota";

/// And what runs beside it: it measures no time.
const BESIDE: &str = "peers";

/// Cargo's variable for optimisation at link time.
const LINK_TIME: &str = "CARGO_PROFILE_RELEASE_LTO";

/// The package of the gateway's binary.
const GATEWAY: &str = "tollgate";

/// `cargo xtask test`.
///
/// # Errors
/// The first step that failed.
pub(crate) fn run() -> Result<(), XtaskError> {
    let mut done = Vec::new();
    let outcome = steps(&mut done);
    println!();
    for (name, took) in &done {
        println!("{name:<16} {:>7.1} s", took.as_secs_f64());
    }
    let total: Duration = done.iter().map(|(_, took)| *took).sum();
    if outcome.is_ok() {
        println!(
            "{:<16} {:>7.1} s, everything holds",
            "total",
            total.as_secs_f64()
        );
    }
    outcome
}

fn steps(done: &mut Vec<(&'static str, Duration)>) -> Result<(), XtaskError> {
    let mut step = |name, work: &mut dyn FnMut() -> Result<(), XtaskError>| {
        println!("\n=== {name}");
        let start = Instant::now();
        let outcome = work();
        done.push((name, start.elapsed()));
        outcome.map_err(|error| XtaskError::Step {
            step: name,
            why: error.to_string(),
        })
    };
    step("setup", &mut setup::run)?;
    step("fmt", &mut || {
        show(&mut cargo(["fmt", "--all", "--", "--check"]), CARGO)
    })?;
    step("clippy", &mut || {
        let clippy = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--locked",
        ];
        show(cargo(clippy).args(["--", "-D", "warnings"]), CARGO)
    })?;
    step("doc", &mut || {
        let doc = [
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
            "--locked",
        ];
        show(cargo(doc).env("RUSTDOCFLAGS", "-D warnings"), CARGO)
    })?;
    step("deny", &mut || {
        let deny = target_folder().join("tools/bin/cargo-deny");
        let checks = ["--all-features", "check", "bans", "licenses", "sources"];
        show(&mut command(deny, checks), DENY)
    })?;
    step("tidy", &mut tidy::run)?;
    step("test", &mut || {
        show(&mut cargo(["test", "--workspace", "--locked"]), CARGO)
    })?;
    step("model check", &mut model_check)?;
    // With the tests that need it: they have features of their own, and a binary built without them
    // would be built a second time. What ships differs by the optimisation at link time, which takes
    // longer for these programs than they run.
    step("release build", &mut || {
        show(end_to_end(|_| true)?.arg("--no-run"), CARGO)
    })?;
    step("demo", &mut || {
        let binary = target_folder().join("release/tollgate");
        show(&mut command(binary, ["demo", "--once"]), BINARY)
    })?;
    step("end to end", &mut || {
        let mut waiting = end_to_end(|target| target == WAITING)?;
        let mut beside = end_to_end(|target| target == BESIDE)?;
        println!("$ {} &\n$ {}", typed(&waiting), typed(&beside));
        shell::run_beside(&mut waiting, &mut beside, CARGO)?;
        let alone = |target: &str| ![WAITING, BESIDE].contains(&target);
        show(&mut end_to_end(alone)?, CARGO)
    })
}

/// `cargo xtask loom`: the counting table under every interleaving of a few threads.
///
/// # Errors
/// An interleaving that breaks a rule.
pub(crate) fn model_check() -> Result<(), XtaskError> {
    let mut loom = cargo(["test", "--release", "--locked", "-p", "tollgate-limiter"]);
    loom.args(["--test", "loom", "--target-dir"])
        .arg(target_folder().join("loom"))
        // With the flag all crates are others than without it: hence a folder of its own.
        .env("RUSTFLAGS", "--cfg loom");
    show(&mut loom, CARGO)
}

/// Says what runs, and runs it.
fn show(command: &mut Command, remedy: &'static str) -> Result<(), XtaskError> {
    println!("$ {}", typed(command));
    shell::run(command, remedy)
}

/// Those `wanted` of the test targets that need the release binary, in one call.
fn end_to_end(wanted: impl Fn(&str) -> bool) -> Result<Command, XtaskError> {
    let mut targets = end_to_end_targets(&metadata()?);
    targets.retain(|target| wanted(target));
    if targets.is_empty() {
        return Err(XtaskError::Unreadable {
            what: "cargo metadata",
            why: format!("a test target that requires the feature `{END_TO_END_FEATURE}` is gone"),
        });
    }
    let mut tests = cargo(["test", "--release", "--locked", "-p", GATEWAY, "--features"]);
    tests.arg(END_TO_END_FEATURE).env(LINK_TIME, "off");
    for target in targets {
        tests.args(["--test", &target]);
    }
    Ok(tests)
}

/// The workspace's own packages, as cargo describes them.
///
/// # Errors
/// When cargo fails or prints no JSON.
pub(crate) fn metadata() -> Result<Value, XtaskError> {
    let describe = [
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
        "--offline",
    ];
    let text = shell::read(&mut cargo(describe), CARGO)?;
    serde_json::from_str(&text).map_err(|error| XtaskError::Unreadable {
        what: "cargo metadata",
        why: error.to_string(),
    })
}

/// The gateway's test targets that require the feature.
fn end_to_end_targets(metadata: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    let packages = list(&metadata["packages"]);
    let own = |package: &&Value| package["name"] == GATEWAY;
    for target in packages
        .iter()
        .filter(own)
        .flat_map(|package| list(&package["targets"]))
    {
        let required = list(&target["required-features"]);
        let is_test = list(&target["kind"]).iter().any(|kind| kind == "test");
        if is_test && required.iter().any(|feature| feature == END_TO_END_FEATURE) {
            found.push(text(&target["name"]));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_test_targets_that_require_the_feature_are_end_to_end() {
        let metadata = json!({ "packages": [
            { "name": "tollgate", "targets": [
                { "name": "load", "kind": ["test"], "required-features": ["e2e"] },
                { "name": "unit", "kind": ["test"] },
                { "name": "tool", "kind": ["bin"], "required-features": ["e2e"] },
            ] },
            { "name": "b", "targets": [
                { "name": "other", "kind": ["test"], "required-features": ["e2e"] },
            ] },
        ] });
        assert_eq!(end_to_end_targets(&metadata), ["load"]);
    }
}
