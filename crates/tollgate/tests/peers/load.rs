//! Under load by programs made for it: exactly the burst is served, and nothing breaks.

use tollgate_testkit::Origin;
use tollgate_testkit::peers::{Load, nginx_json_origin};

use crate::client::{bearer, run, tool};
use crate::front::{Certificate, Front};

/// The limit gives one an hour after the burst, so that the time a load takes does not matter.
const BURST: u64 = 500;
const LARGE_BURST: &str = "
routes: ['GET /orders']
plans:
  standard: {limits: [{name: burst, rate: 1/1h, burst: 500}]}
default_plan: standard
";
const REQUESTS: u64 = 20_000;

#[test]
fn wrk_gets_exactly_the_burst() {
    let origin = Origin::start().unwrap();
    let front = Front::start(origin.url(), LARGE_BURST);
    let token = front.token("wrk");
    let report = Load {
        url: &front.url("/orders"),
        connections: 16,
        seconds: 3,
        script: &format!("wrk.headers['Authorization'] = 'Bearer {token}'"),
        files: &[],
    }
    .run()
    .unwrap_or_else(|error| panic!("{error}"));
    println!("wrk: {:.0} answers a second", report.requests_per_second());
    assert_eq!(report.socket_errors, 0, "{report:?}");
    assert!(report.requests > 2 * BURST, "{report:?}");
    assert_eq!(report.requests - report.refused, BURST, "{report:?}");
    assert_eq!(origin.hits("/orders", "wrk"), BURST);
}

/// What h2load reports after the words `status codes:`.
fn h2load(user: &str, options: &[&str], url: &str, token: &str) -> String {
    let mut command = std::process::Command::new(tool("h2load"));
    let requests = REQUESTS.to_string();
    command.args(["-n", &requests, "-c4", "-m32", "-t1", "-H", &bearer(token)]);
    let output = run(command.args(options).arg(url));
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |mark: &str| {
        let found = text.lines().find(|line| line.starts_with(mark));
        found
            .unwrap_or_else(|| panic!("no line `{mark}`: {text}"))
            .to_owned()
    };
    println!("h2load, {user}: {}", line("finished in"));
    let requests = line("requests:");
    assert!(requests.ends_with("0 errored, 0 timeout"), "{text}");
    line("status codes:")
}

#[test]
fn h2load_gets_exactly_the_burst_over_each_protocol() {
    let origin = nginx_json_origin().unwrap();
    let front = Front::with_tls(&origin.url(), LARGE_BURST, &Certificate::make());
    let expected = format!(
        "status codes: {BURST} 2xx, 0 3xx, {} 4xx, 0 5xx",
        REQUESTS - BURST
    );
    let (clear, tls) = (front.url("/orders"), front.tls_url("/orders"));
    for (user, options, url) in [
        ("h2c", &[][..], &clear),
        ("h1", &["--h1"], &clear),
        ("h2 over tls", &[], &tls),
    ] {
        let statuses = h2load(user, options, url, &front.token(user));
        assert_eq!(statuses, expected, "{user}");
    }
}
