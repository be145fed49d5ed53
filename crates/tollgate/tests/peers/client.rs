//! Programs that send requests, and what they saw, in one form.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tollgate_testkit::peers::Tool;

/// One answer as a client saw it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u64,
    /// `1.1`, `2`; as the client names it.
    pub(crate) version: String,
    headers: Value,
    pub(crate) body: String,
}

// === impl Seen ===

impl Seen {
    /// From `{"status": …, "version": …, "headers": {"name": "value"}, "body": …}`.
    pub(crate) fn from_json(answer: &Value) -> Seen {
        Seen {
            status: answer["status"].as_u64().unwrap(),
            version: answer["version"].as_str().unwrap_or_default().to_owned(),
            headers: answer["headers"].clone(),
            body: answer["body"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// A field's value, by its name in lower case; its first, where a client tells them apart.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        match &self.headers[name] {
            Value::Array(values) => values.first()?.as_str(),
            value => value.as_str(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

/// A program on this machine, or the command that brings it.
pub(crate) fn tool(name: &str) -> PathBuf {
    let tool = Tool::find(name).unwrap_or_else(|error| panic!("{error}"));
    tool.path().to_owned()
}

/// Python of the environment that `cargo xtask setup` makes, which has the client libraries.
pub(crate) fn python() -> PathBuf {
    let path = tool("python3");
    assert!(
        path.ends_with("venv/bin/python3"),
        "the Python environment target/venv is missing: run `cargo xtask setup`"
    );
    path
}

/// A script beside these tests.
pub(crate) fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    folder.join(name)
}

/// Runs a Python script of this folder; the JSON that it prints, one value a line.
pub(crate) fn run_python<A: AsRef<OsStr>>(name: &str, arguments: &[A]) -> Vec<Value> {
    run_script(&python(), name, arguments)
}

/// Runs a script of this folder; the JSON that it prints, one value a line.
pub(crate) fn run_script<A: AsRef<OsStr>>(
    program: &Path,
    name: &str,
    arguments: &[A],
) -> Vec<Value> {
    let mut command = Command::new(program);
    let output = run(command.arg(script(name)).args(arguments));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Runs a command to its good end.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let hint = if errors.contains("ModuleNotFoundError") {
        "run `cargo xtask setup`\n"
    } else {
        ""
    };
    let program = command.get_program().display();
    assert!(
        output.status.success(),
        "{program} ended with {}\n{hint}{errors}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
    output
}

/// curl with what every call needs: silent, no proxy, no configuration of the user's.
pub(crate) fn curl() -> Command {
    let mut command = Command::new(tool("curl"));
    command.args(["--disable", "--silent", "--show-error", "--noproxy", "*"]);
    command
}

/// What curl writes to its standard error at the end of each transfer, beside the body.
pub(crate) const CURL_FIGURES: &str = r#"%{stderr}{"figures":%{json},"headers":%{header_json}}"#;

/// One request by curl.
pub(crate) fn curl_sees(arguments: &[&str]) -> Seen {
    let (seen, _) = curl_figures(arguments);
    seen
}

/// One request by curl, and all that curl measured of it.
pub(crate) fn curl_figures(arguments: &[&str]) -> (Seen, Value) {
    let mut command = curl();
    let output = run(command.args(["--write-out", CURL_FIGURES]).args(arguments));
    read_curl(&output)
}

/// What a curl that was asked for [`CURL_FIGURES`] printed.
pub(crate) fn read_curl(output: &Output) -> (Seen, Value) {
    let errors = String::from_utf8_lossy(&output.stderr);
    let start = errors
        .find("{\"figures\"")
        .unwrap_or_else(|| panic!("no figures: {errors}"));
    let report: Value = serde_json::from_str(&errors[start..]).unwrap();
    let figures = report["figures"].clone();
    let seen = Seen {
        status: figures["http_code"].as_u64().unwrap(),
        version: figures["http_version"].as_str().unwrap().to_owned(),
        headers: report["headers"].clone(),
        body: String::from_utf8_lossy(&output.stdout).into_owned(),
    };
    (seen, figures)
}

/// curl's argument for a bearer token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}
