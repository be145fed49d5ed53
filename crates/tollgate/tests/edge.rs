//! `tollgate edge run` as a person uses it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

fn fixture(variant: &str) -> PathBuf {
    let crates = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../edge/tests/fixtures");
    crates.join(variant)
}

fn edge(folder: &PathBuf, more: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["edge", "run"])
        .arg(folder)
        .args(["--listen", "127.0.0.1:0", "--origin-listen", "127.0.0.1:0"])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn get(address: &str, user: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request =
        format!("GET /orders HTTP/1.1\r\nhost: a\r\nx-user: {user}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_folder_is_served_until_a_signal_and_ends_with_a_summary() {
    let mut child = edge(&fixture("after"), &["--speed", "60"]);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut introduction = String::new();
    while !introduction.contains("Ctrl-C") {
        assert_ne!(
            stderr.read_line(&mut introduction).unwrap(),
            0,
            "{introduction}"
        );
    }
    let url = introduction.split_whitespace().nth(1).unwrap();
    let address = url.strip_prefix("http://").unwrap();
    assert!(
        introduction.contains("--origin http://127.0.0.1:9000"),
        "{introduction}"
    );
    assert!(get(address, "ada").starts_with("HTTP/1.1 200"));
    let child_pid = Pid::from_child(&child);
    kill_process(child_pid, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&line["status"], &line["by"]),
        (&200.into(), &"origin".into())
    );
    let mut summary = String::new();
    stderr.read_to_string(&mut summary).unwrap();
    assert!(
        summary.contains("1 requests; answered by function 0, waf 0, lock 0, origin 1"),
        "{summary}"
    );
    assert!(
        summary.contains("tollgate-std: 10 in 60 s; counted 1, blocked 0"),
        "{summary}"
    );
}

#[test]
fn what_cannot_be_served_ends_with_the_code_of_its_kind() {
    let ends = |folder: &PathBuf, more: &[&str]| {
        let output = edge(folder, more).wait_with_output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, text) = ends(&PathBuf::from("absent"), &[]);
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("absent/manifest.json"), "{text}");
    let (code, text) = ends(&fixture("after"), &["--evaluate-every", "7s"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("--evaluate-every"), "{text}");
    let (code, text) = ends(&fixture("after"), &["--origin", "https://example.com"]);
    assert_eq!(code, Some(2), "{text}");
    let (code, _) = ends(&fixture("after"), &["--speed", "0"]);
    assert_eq!(code, Some(2));
}
