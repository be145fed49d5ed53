//! `tollgate notice test`: what an operator sees before anybody is to be told anything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::thread::JoinHandle;

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a policy that has these notices, and with a secret.
fn folder(notices: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let policy = format!(
        "tollgate: 1\norigin: http://127.0.0.1:9000\nidentity: {{anonymous: {{plan: free}}}}\n\
         store: sqlite:tollgate.db\n\
         plans: {{free: {{limits: [{{name: burst, rate: 5/s}}]}}}}\n{notices}"
    );
    fs::write(folder.path().join("tollgate.yaml"), policy).unwrap();
    let secrets = folder.path().join("webhook.secrets");
    fs::write(&secrets, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    folder
}

fn test(folder: &TempDir) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["notice", "test", "--config", "tollgate.yaml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// Answers one request and gives it back: its head and its body.
fn receiver(status: &'static str) -> (String, JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0);
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then_some(value)
        });
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").unwrap();
        (head, String::from_utf8(body).unwrap())
    });
    (url, served)
}

#[test]
fn every_channel_gets_one_notice_of_nobody() {
    let (url, served) = receiver("200 OK");
    let folder = folder(&format!(
        "notices: {{webhook: {{url: \"{url}\", secrets_file: webhook.secrets}}, stdout: true}}\n"
    ));
    let (code, out, said) = test(&folder);
    assert_eq!(code, Some(0), "{said}");
    let (head, body) = served.join().unwrap();
    assert_eq!(out, format!("{body}\n"));
    let event: Value = serde_json::from_str(&body).unwrap();
    let id = event["id"].as_str().unwrap();
    assert!(id.starts_with("ntc_test_"), "{id}");
    assert!(head.contains(&format!("webhook-id: {id}\r\n")), "{head}");
    assert!(head.contains("webhook-signature: v1,"), "{head}");
    let expected = format!("webhook: delivered {id}\nstdout: delivered {id}\n");
    assert_eq!(said, expected);
}

#[test]
fn a_channel_that_fails_is_told_and_the_others_are_tried() {
    let (url, served) = receiver("401 Unauthorized");
    let folder = folder(&format!(
        "notices: {{webhook: {{url: \"{url}\", secrets_file: webhook.secrets}}, stdout: true}}\n"
    ));
    let (code, out, said) = test(&folder);
    served.join().unwrap();
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(out.lines().count(), 1);
    assert!(
        said.contains("webhook: not delivered: status 401"),
        "{said}"
    );
    assert!(said.ends_with("error: 1 of 2 channels failed\n"), "{said}");
}

#[test]
fn what_is_not_there_is_told() {
    let (code, _, said) = test(&folder(""));
    assert_eq!(code, Some(1));
    assert!(said.contains("the policy has no `notices`"), "{said}");
    let nobody = "notices: {webhook: {url: \"https://a.example/\", secrets_file: other}}\n";
    let (code, _, said) = test(&folder(nobody));
    assert_eq!(code, Some(4));
    assert!(
        said.contains("notices cannot be sent:") && said.contains("other"),
        "{said}"
    );
}
