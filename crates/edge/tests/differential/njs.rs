//! The function in njs, the interpreter that CloudFront's runtime is made of.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::setup::NOW_S;

/// Stands for CloudFront's key-value store; `$DATA` is what is in it, or null.
const STORE: &str = "\
const data = $DATA;
export default {kvs() { return {async get(key, options) {
    if (!data) { throw new Error('the key value store does not answer'); }
    if (!Object.prototype.hasOwnProperty.call(data, key)) { throw new Error('KeyNotFound'); }
    return options && options.format == 'json' ? JSON.parse(data[key]) : data[key];
}};}};
";

/// Runs the handler over each line of `events`. njs prints at most 2 KiB of a line, so that what
/// comes of it goes to a file.
const RUNNER: &str = "
Date.now = () => $NOW;
const tollgateFiles = require('fs');
const tollgateResults = [];
let tollgateRun = Promise.resolve();
tollgateFiles.readFileSync('events').toString().split('\\n').forEach((line) => {
    if (line) {
        tollgateRun = tollgateRun.then(() => handler(JSON.parse(line)))
            .then((returned) => tollgateResults.push('=' + JSON.stringify(returned)),
                  (error) => tollgateResults.push('!' + error));
    }
});
tollgateRun.then(() => tollgateFiles.writeFileSync('results', tollgateResults.join('\\n')));
";

/// What the function returns for each event, or what it threw.
pub(crate) fn run(
    folder: &Path,
    source: &str,
    store: Option<&[(String, String)]>,
    events: &[Value],
) -> Vec<Result<Value, String>> {
    let store = store_text(store);
    let now = (NOW_S * 1000).to_string();
    let script = format!("{source}{}", RUNNER.replace("$NOW", &now));
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    let _ = fs::remove_file(folder.join("results"));
    let output = script_output(
        folder,
        &[
            ("cloudfront", store.as_str()),
            ("function.js", &script),
            ("events", &lines.join("\n")),
        ],
    );
    let said = fs::read_to_string(folder.join("results"));
    let said = said.unwrap_or_else(|_| panic!("njs said:\n{}", tail(&output)));
    let results = said.lines().map(|line| match line.strip_prefix('=') {
        Some(json) => serde_json::from_str(json).map_err(|error| format!("{error}: {json}")),
        None => Err(line.to_owned()),
    });
    let results: Vec<_> = results.collect();
    assert_eq!(results.len(), events.len(), "njs said:\n{}", tail(&output));
    results
}

/// The module `cloudfront`; nothing in place of a store does not answer.
pub(crate) fn store_text(store: Option<&[(String, String)]>) -> String {
    let data = store.map(|store| {
        let values = store.iter().map(|(key, value)| (key.clone(), json!(value)));
        Value::Object(values.collect())
    });
    STORE.replace("$DATA", &json!(data).to_string())
}

/// What njs prints for `function.js` beside these files.
pub(crate) fn script_output(folder: &Path, files: &[(&str, &str)]) -> String {
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
    let command = Command::new("njs")
        .args(["-p", ".", "function.js"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let output = command.unwrap_or_else(|error| {
        panic!("njs does not run ({error}); on Debian and Ubuntu: apt-get install njs")
    });
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn tail(text: &str) -> String {
    let start = text.len().saturating_sub(2_000);
    text.get(start..).unwrap_or_default().to_owned()
}
