//! What callers write into their subject, path and user agent, and what becomes of it in everything that is written.

use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::Value;
use tollgate_testkit::Receiver;
use tollgate_testkit::peers::Peer;

use crate::support::{PLANS, Running};

/// In every hostile text, so that it is found wherever it comes to.
const MARK: &str = "f0rged";
/// A subject that would begin a line, colour it, and end a JSON string.
const LINES: &str = "f0rged\n\u{1b}[31m\",\"level\":\"ERROR\r\n2026-01-01T00:00:00Z ERROR f0rged";
/// What a subject may have: quotes, the ends of JSON, escapes that are none yet, and a change of direction.
const QUOTES: &str =
    "f0rged\"},\"level\":\"ERROR\\n\\u001b[31m\u{202e}%0a%1b[31m' {{}} ${jndi:x} <b>";
/// Of a user agent: as the same, and a control character of Latin-1, which HTTP lets pass.
const AGENT: &str = "f0rged\",\"level\":\"ERROR\\n\u{85}%0a";
/// Requests that come to a line of the access log.
const LOGGED: usize = 6;
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(60);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Sends bytes as they are, which no client library does; the status.
fn ask(listen: SocketAddr, path: &str, token: &str, agent: &str) -> u16 {
    let mut stream = TcpStream::connect(listen).unwrap();
    stream.set_read_timeout(Some(ANSWER_WAIT_MAX)).unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: {listen}\r\nauthorization: Bearer {token}\r\n\
         user-agent: {agent}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Lines of which each is one for people or machines: no character in them moves a cursor or begins another.
fn lines(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    lines
}

fn object(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert!(value.is_object(), "{line}");
    value
}

/// A gateway that writes its log so, everything that it can, and its callers.
struct Written<'a> {
    running: &'a Running,
    receiver: Receiver,
    gateway: Peer,
    listen: SocketAddr,
    _folder: tempfile::TempDir,
}

impl<'a> Written<'a> {
    fn start(running: &'a Running, format: &str) -> Self {
        let receiver = Receiver::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let secrets = folder.path().join("secrets");
        std::fs::write(&secrets, SECRET).unwrap();
        std::fs::set_permissions(&secrets, Permissions::from_mode(0o600)).unwrap();
        let rest = format!(
            "
routes: [GET /orders, 'GET /orders/{{id}}']
plans:
  standard: {{limits: [{{name: daily, quota: 4/day, across: all_routes, notify_at: [50%]}}]}}
default_plan: standard
access_log: access.log
store: {{url: 'sqlite:{store}', flush: 100ms}}
notices: {{stdout: true, webhook: {{url: '{hook}', secrets_file: {secrets}}}}}
",
            store = folder.path().join("tollgate.db").display(),
            hook = receiver.url(),
            secrets = secrets.display(),
        );
        let arguments = ["--log", "debug", "--log-format", format];
        let (gateway, listen) = running.beside_with(&rest, &arguments);
        Self {
            running,
            receiver,
            gateway,
            listen,
            _folder: folder,
        }
    }

    /// Every hostile text in its place, and the statuses; the third reaches a threshold.
    fn attack(&self) -> [u16; 6] {
        let quotes = self.running.token(QUOTES);
        let ask = |path, token: &str, agent| ask(self.listen, path, token, agent);
        [
            ask("/orders/f0rged%22%2c", &quotes, "curl"),
            ask("/orders/a?f0rged=%0a", &quotes, AGENT),
            ask("/orders", &self.running.token(LINES), "curl"),
            ask("/orders", &quotes, "f0rged\u{1b}[31m"),
            ask("/orders/f0rged%0a%1b[31m", &quotes, "curl"),
            ask("/orders", MARK, "curl"),
        ]
    }

    /// What was written of it: the log without the notice, the notice, and the access log.
    fn outcome(&self) -> (String, Value, Vec<Value>) {
        let access = self.gateway.folder().join("access.log");
        let access = || std::fs::read_to_string(&access).unwrap_or_default();
        self.running.eventually("a line of each answer", || {
            access().lines().count() >= LOGGED
        });
        let is_notice = |line: &&str| {
            let line = serde_json::from_str::<Value>(line);
            line.is_ok_and(|line| line["data"]["threshold_percent"].is_u64())
        };
        self.running.eventually("the notice on both channels", || {
            let output = self.gateway.output();
            output.lines().any(|line| is_notice(&line)) && !self.receiver.received().is_empty()
        });
        let output = self.gateway.output();
        let (notices, log): (Vec<&str>, Vec<&str>) =
            lines(&output).into_iter().partition(is_notice);
        assert_eq!(notices.len(), 1, "{notices:?}");
        let access = access();
        let access = lines(&access).into_iter().map(object).collect();
        (log.join("\n"), object(notices[0]), access)
    }
}

#[test]
fn case_122_nothing_that_callers_write_forges_a_line_in_a_log_or_a_notice() {
    let running = Running::start(PLANS);
    for format in ["text", "json"] {
        let written = Written::start(&running, format);
        let statuses = written.attack();
        assert_eq!(statuses, [200, 200, 401, 400, 400, 401], "{format}");
        let (log, notice, access) = written.outcome();
        println!("{format}: {log}\n{access:?}");

        // Whose name it is, is what a notice says, and all of it: nothing of it is anything else.
        assert_eq!(notice["data"]["holder"]["name"], QUOTES);
        let received = written.receiver.received();
        let sent: Value = serde_json::from_slice(&received[0].body).unwrap();
        assert_eq!((received.len(), &sent), (1, &notice));

        // The log says nothing of callers, and the access log nothing but the path.
        assert!(!log.contains(MARK), "{format}: {log}");
        if format == "json" {
            log.lines().for_each(|line| drop(object(line)));
        }
        let mut seen: Vec<u64> = access
            .iter()
            .map(|line| line["status"].as_u64().unwrap())
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, [200, 200, 400, 400, 401, 401]);
        for mut line in access {
            let path = line["path"].take();
            assert!(!line.to_string().contains(MARK), "{line}");
            assert!(path.is_string() && line["level"].is_null(), "{line}");
        }
    }
}

#[test]
fn case_122_the_access_log_escapes_and_holds_neither_token_nor_subject() {
    let running = Running::start(&format!("{PLANS}access_log: access.log\n"));
    let token = running.token("bob@example.com");
    running.get("/orders/%22%1b", &token);
    running.get("/orders/a%22b?secret=1", &token);
    running.get("/orders/1", "garbage");
    let file = running.gateway.folder().join("access.log");
    let mut text = String::new();
    running.eventually("three lines", || {
        text = std::fs::read_to_string(&file).unwrap_or_default();
        text.lines().count() == 3
    });
    assert!(
        !text.contains("bob") && !text.contains(&token) && !text.contains("secret"),
        "{text}"
    );
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let by_status = |status: u16| lines.iter().find(|line| line["status"] == status).unwrap();
    assert_eq!(by_status(400)["verdict"], "bad_request");
    assert_eq!(by_status(401)["verdict"], "unauthenticated");
    let served = by_status(200);
    assert_eq!(served["route"], "GET /orders/{id}");
    assert_eq!(served["plan"], "standard");
    assert!(
        served["bucket"].as_str().unwrap().starts_with("standard."),
        "{served}"
    );
}
