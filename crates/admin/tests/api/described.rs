//! The API against its own description: schemathesis makes requests of it, good ones and bad ones, and looks
//! whether every answer is one that the description has.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tollgate_admin::{FAILURES_AT_ONCE, FAILURES_PERIOD, Role};
use tollgate_store::{Counter, Holder, LimitName, Notice, Span};
use tollgate_testkit::peers::Tool;

use crate::support::{Api, On, START_MS, change, run};

/// Requests that are made up for each endpoint, beside those that its description names and its bounds.
const EXAMPLES_MAX: &str = "30";
/// How long all of it may take before it counts as stuck.
const RUN_WAIT_MAX: Duration = Duration::from_secs(300);

/// In the order of schemathesis' own table. Left out: `positive_data_acceptance`, since a plan has to be in the
/// policy, which no schema says, and `ensure_resource_availability` and `use_after_free`, since nothing here is
/// made or deleted under a path of its own.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
     response_headers_conformance,response_schema_conformance,negative_data_rejection,\
     missing_required_header,unsupported_method,allow_header_conformance,ignored_auth";

const CONFIG: &str = "\
[checks.missing_required_header]
expected-statuses = [400, 428]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 412, 413, 415, 422, 428, 429]
";

#[test]
fn every_answer_is_one_that_the_description_has_on_sqlite() {
    ask_everything(On::Sqlite);
}

#[test]
fn every_answer_is_one_that_the_description_has_on_postgres() {
    ask_everything(On::Postgres);
}

fn ask_everything(on: On) {
    run(async {
        // As slow as somebody who may fail at each request: being told to wait is another test's.
        let pace = FAILURES_PERIOD / u32::try_from(FAILURES_AT_ONCE).unwrap();
        let api = Api::start_at_pace(on, pace).await;
        fill(&api).await;
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("schemathesis.toml");
        std::fs::write(&config, CONFIG).unwrap();
        let tool = Tool::find("schemathesis").unwrap_or_else(|error| panic!("{error}"));
        let mut command = Command::new(tool.path());
        command
            .current_dir(folder.path())
            .arg("--config-file")
            .arg(config)
            .args(["run", &format!("http://{}/v1/openapi.json", api.address)])
            .args([
                "--header",
                &format!("Authorization: Bearer {}", api.key(Role::Admin)),
            ])
            .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
            .args(["--max-examples", EXAMPLES_MAX, "--generation-deterministic"])
            .args(["--request-timeout", "60"])
            .args(["--warnings", "off", "--no-color", "--no-shrink"]);
        let ran = tokio::task::spawn_blocking(move || command.output());
        let ran = tokio::time::timeout(RUN_WAIT_MAX, ran).await;
        let output = ran.unwrap().unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let stats = api.admin.stats();
        assert!(
            stats.requests > 500 && stats.writes > 10,
            "{stats:?}\n{said}"
        );
    });
}

/// Something to be found, under the names that the description's examples have.
async fn fill(api: &Api) {
    let path = "/v1/holders/subject/https%3A%2F%2Flogin.example.com/alice/changes";
    for edit in [
        json!({ "assign": { "plan": "pro" } }),
        json!({ "override": { "limit": "{name: burst, rate: 9/s}", "route": "GET /orders" } }),
    ] {
        let ask = crate::support::post(path, &json!({ "edit": edit })).field("if-match", "*");
        assert_eq!(api.act(&ask).await.status, 200);
    }
    for number in 0..120 {
        let ask = change(
            &format!("user-{number}"),
            &json!({ "assign": { "plan": "free" } }),
        );
        assert_eq!(api.act(&ask).await.status, 200);
    }
    let store = api.store.as_ref().unwrap();
    let holder = Holder::subject("https://login.example.com", "alice").unwrap();
    let limit = LimitName::parse("monthly").unwrap();
    let month = Span::new(START_MS, Some(START_MS + 1_000_000)).unwrap();
    let counter = Counter::new(holder, limit, None, month).unwrap();
    for threshold in 1..=8 {
        let notice = Notice::new(counter.clone(), threshold, 1_000, "{}".to_owned()).unwrap();
        assert!(store.post_notice(&notice).await.unwrap());
    }
}
