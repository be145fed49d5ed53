//! API keys end to end: made by the command, sent by a client, revoked under way.

use std::path::Path;
use std::process::Command;

use reqwest::blocking::Response;

use crate::support::{PLANS, Running};

fn api_keys(arguments: &[&str], file: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("api-keys")
        .args(arguments)
        .arg(file)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn send(running: &Running, key: &str) -> Response {
    let url = format!("{}/orders", running.gateway.url());
    let request = running.client.get(url).header("x-api-key", key);
    request.send().unwrap()
}

#[test]
fn a_key_is_limited_as_a_user_and_refused_once_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("api-keys.txt");
    let job = api_keys(&["new", "--subject", "job"], &file);
    // Asking for a change over and over would spend the budget of failures.
    let rest = format!(
        "  api_keys: {{file: {}}}\n  failed_verifications: off\n{PLANS}access_log: access.log\n",
        file.display()
    );
    let running = Running::start(&rest);
    for status in [200, 200, 200, 429] {
        assert_eq!(send(&running, &job).status(), status);
    }
    // The issuer's user of that name is another one.
    assert_eq!(running.get("/orders", &running.token("job")).status(), 200);

    // Keys that are made while the gateway runs are taken up; a second one of a subject spends what
    // that has left.
    let eve = api_keys(&["new", "--subject", "eve"], &file);
    let second = api_keys(&["new", "--subject", "job"], &file);
    running.eventually("the newest key is known", || {
        send(&running, &second).status() == 429
    });
    assert_eq!(send(&running, &eve).status(), 200);

    api_keys(&["revoke", "--subject", "job"], &file);
    running.eventually("the revoked key is refused", || {
        send(&running, &job).status() == 401
    });
    assert_eq!(send(&running, &second).status(), 401);
    assert_eq!(send(&running, &eve).status(), 200);

    let metrics = running.metrics();
    let unknown = "tollgate_api_keys_total{result=\"unknown\"} 2\n";
    assert!(metrics.contains(unknown), "{metrics}");
    assert!(metrics.contains("tollgate_api_keys_known 1\n"), "{metrics}");
    let log = running.gateway.folder().join("access.log");
    let mut text = String::new();
    running.eventually("the refusals are logged", || {
        text = std::fs::read_to_string(&log).unwrap_or_default();
        text.matches("\"status\":401").count() >= 2 && text.ends_with('\n')
    });
    for secret in [&job, &second, &eve] {
        assert!(!text.contains(&secret[4..]) && !metrics.contains(&secret[4..]));
    }
    assert!(!text.contains("eve") && !metrics.contains("eve"));
}
