//! Load by wrk, and what it measured.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::tool::Tool;
use crate::error::TestkitError;

/// The script's name in the load's folder.
const SCRIPT_FILE: &str = "load.lua";
/// After so long without an answer wrk counts an error: far more than a machine that is busy elsewhere stands still.
const ANSWER_WAIT: &str = "30s";
/// Starts the line that [`REPORT`] prints.
const REPORT_MARK: &str = "tollgate-load";

/// Lua that prints the summary in a form for machines; appended to every script.
const REPORT: &str = r#"
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("tollgate-load %d %d %d %d %d %d %d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    e.status, e.connect + e.read + e.write + e.timeout))
end
"#;

/// One run of wrk: closed loop, one thread.
pub struct Load<'a> {
    /// `http://127.0.0.1:PORT/`.
    pub url: &'a str,
    /// Connections kept busy.
    pub connections: u32,
    /// How long.
    pub seconds: u32,
    /// wrk's Lua script, without a `done`.
    pub script: &'a str,
    /// Files that the script reads by name: name, content.
    pub files: &'a [(&'a str, &'a str)],
}

/// What a run measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadReport {
    /// Answers received.
    pub requests: u64,
    /// How long it took, in µs.
    pub duration_us: u64,
    /// Median latency, in µs.
    pub p50_us: u64,
    /// 99th percentile of the latency, in µs.
    pub p99_us: u64,
    /// Longest latency, in µs.
    pub max_us: u64,
    /// Answers with a status of 400 or above.
    pub refused: u64,
    /// Connect, read, write errors and timeouts.
    pub socket_errors: u64,
}

impl LoadReport {
    /// Answers per second.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate for people; counts stay far below 2^53"
    )]
    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 * 1e6 / (self.duration_us.max(1)) as f64
    }
}

impl Load<'_> {
    /// Runs it to its end.
    ///
    /// # Errors
    /// When wrk is missing, fails, or prints no summary.
    pub fn run(&self) -> Result<LoadReport, TestkitError> {
        let tool = Tool::find("wrk")?;
        let folder = TempDir::with_prefix("tollgate-load-")
            .map_err(TestkitError::io("make a temporary folder"))?;
        let script = format!("{}\n{REPORT}", self.script);
        for (name, content) in [&[(SCRIPT_FILE, script.as_str())], self.files].concat() {
            std::fs::write(folder.path().join(name), content)
                .map_err(TestkitError::io(format!("write {name}")))?;
        }
        let output = Command::new(tool.path())
            .arg("-t1")
            .arg(format!("-c{}", self.connections))
            .arg(format!("-d{}s", self.seconds))
            .args(["--timeout", ANSWER_WAIT, "-s", SCRIPT_FILE, self.url])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()
            .map_err(|source| TestkitError::Spawn {
                program: tool.path().to_owned(),
                source,
            })?;
        let text = String::from_utf8_lossy(&output.stdout);
        parse_report(&text).ok_or_else(|| TestkitError::Tool {
            program: "wrk".to_owned(),
            output: format!("{text}{}", String::from_utf8_lossy(&output.stderr)),
        })
    }
}

/// A script that walks at random over every pair of a token (one a line in `tokens.txt`) and a path.
#[must_use]
pub fn bearer_script(paths: &[&str]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| format!("{path:?}")).collect();
    format!(
        r#"
local paths = {{{}}}
local requests = {{}}
init = function(args)
  math.randomseed(os.time())
  for token in io.lines("tokens.txt") do
    for _, path in ipairs(paths) do
      requests[#requests + 1] = wrk.format("GET", path, {{["Authorization"] = "Bearer " .. token}})
    end
  end
end
request = function() return requests[math.random(#requests)] end
"#,
        paths.join(", ")
    )
}

fn parse_report(output: &str) -> Option<LoadReport> {
    let mut lines = output.lines();
    let line = lines.find_map(|line| line.strip_prefix(REPORT_MARK))?;
    let numbers: Vec<u64> = line
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let [
        requests,
        duration_us,
        p50_us,
        p99_us,
        max_us,
        refused,
        socket_errors,
    ] = numbers[..]
    else {
        return None;
    };
    Some(LoadReport {
        requests,
        duration_us,
        p50_us,
        p99_us,
        max_us,
        refused,
        socket_errors,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_line_is_read_back() {
        let output = "Running 1s test\n\ntollgate-load 1000 500000 10 20 30 4 5\n";
        let report = parse_report(output).unwrap();
        assert_eq!(report.requests, 1000);
        assert!((report.requests_per_second() - 2000.0).abs() < 1e-9);
        assert_eq!((report.refused, report.socket_errors), (4, 5));
    }

    #[test]
    fn a_run_that_printed_no_summary_is_no_report() {
        assert_eq!(parse_report("unable to connect"), None);
        assert_eq!(parse_report("tollgate-load 1 2"), None);
    }

    #[test]
    fn the_script_quotes_its_paths() {
        assert!(bearer_script(&["/a", "/b"]).contains(r#"local paths = {"/a", "/b"}"#));
    }
}
