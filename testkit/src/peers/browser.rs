//! A script that drives a real browser: Debian's Chromium by puppeteer-core, with axe-core beside it.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::process::{Launch, Peer};
use super::tool::{Tool, target_folder};
use crate::error::TestkitError;

/// What the script stands on: the browser, its pages, and what it complained of.
const HARNESS: &str = include_str!("browser/harness.cjs");
const PICTURE: &str = include_str!("browser/picture.cjs");
/// Where the harness leaves what the script returned.
const RESULT_FILE: &str = "result.json";
/// Packages of `cargo xtask setup`, each with a file that shows that it is there.
const MODULES: [(&str, &str); 2] = [
    ("puppeteer-core", "package.json"),
    ("axe-core", "axe.min.js"),
];

/// Runs a script in a browser of its own, and gives what it returned.
///
/// The script is a CommonJS module that exports `async (tools, input) => result`; what is in `tools` stands in
/// `browser/harness.cjs`. Its working folder is one of its own and is gone afterwards.
///
/// # Errors
/// When Chromium, node or a package is missing, the script fails (with its words), or takes longer than
/// `limit`.
pub fn browse(script: &Path, input: &Value, limit: Duration) -> Result<Value, TestkitError> {
    let (node, chromium) = (Tool::find("node")?, Tool::find("chromium")?);
    let modules = target_folder().join("node/node_modules");
    for (package, file) in MODULES {
        if !modules.join(package).join(file).is_file() {
            return Err(TestkitError::ToolMissing {
                program: package.to_owned(),
                remedy: "run `cargo xtask setup`".to_owned(),
            });
        }
    }
    let order = json!({
        "chromium": chromium.path(),
        "modules": modules,
        "script": script,
        "input": input,
        "result": RESULT_FILE,
    });
    let mut peer = Peer::start(&Launch {
        name: "browser",
        program: node.path(),
        arguments: &["harness.cjs"],
        files: &[
            ("harness.cjs", HARNESS),
            ("picture.cjs", PICTURE),
            ("order.json", &order.to_string()),
        ],
        // It listens nowhere: it speaks to the browser by a pipe, whose end is the browser's too.
        address: ([127, 0, 0, 1], 0).into(),
    })?;
    let failed = |output| TestkitError::Tool {
        program: "the browser's script".to_owned(),
        output,
    };
    let Some(status) = peer.wait_ended(limit) else {
        let output = format!("not done within {} s\n{}", limit.as_secs(), peer.output());
        return Err(failed(output));
    };
    let result = std::fs::read(peer.folder().join(RESULT_FILE)).ok();
    let result = result.and_then(|result| serde_json::from_slice(&result).ok());
    match (status.success(), result) {
        (true, Some(result)) => Ok(result),
        _ => Err(failed(peer.output())),
    }
}
