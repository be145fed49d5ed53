//! What is logged: who wrote what kind of thing, and never a key or whom it was about. In a process of its own: a
//! log is a process's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

#[allow(dead_code, reason = "the other tests need all of it")]
#[path = "api/memory.rs"]
mod memory;
#[allow(dead_code, reason = "the other tests need all of it")]
#[path = "console/seat.rs"]
mod seat;
#[allow(dead_code, unused_macros, reason = "the other tests need all of it")]
#[path = "api/support.rs"]
mod support;

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tollgate_admin::Role;

use support::{Api, On, change, get, post, run, subject};

/// Lines as they would stand in a log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same by forms: a session, a look, a change, a page that is not there, a wrong key.
async fn at_the_console(api: &Api, guess: &str) {
    let seat = seat::Seat::take(api, Role::Operate).await;
    let holder = seat::subject("/holder", "alice-liddell");
    let page = seat.page(api, &holder).await;
    let (version, key) = (seat::value(&page, "version"), seat::value(&page, "key"));
    let fields = [("plan", "pro"), ("version", &version), ("key", &key)];
    let fields = [&fields[..], &[("note", "for alice-liddell")]].concat();
    let assign = seat::subject("/holder/assign", "alice-liddell");
    seat.done(api, &assign, &fields).await;
    assert_eq!(
        seat.get(api, &format!("/nowhere{holder}")).await.status,
        404
    );
    assert_eq!(seat.get(api, "/keys").await.status, 403);
    assert_eq!(api.send(&get(&holder)).await.status, 303);
    assert_eq!(seat::try_key(api, guess).await.status, 401);
}

#[test]
fn a_write_is_logged_with_its_writer_and_without_a_secret_or_a_subject() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let keys = Arc::new(Mutex::new(Vec::new()));
    let kept = keys.clone();
    run(async move {
        let api = Api::start(On::Sqlite).await;
        kept.lock()
            .unwrap()
            .extend(api.keys.iter().map(|(_, key)| key.clone()));
        let edit = json!({ "assign": { "plan": "pro" } });
        assert_eq!(
            api.send_as(Role::Operate, &change("alice-liddell", &edit))
                .await
                .status,
            200
        );
        api.act(&change(
            "alice-liddell",
            &json!({ "withdraw": { "made": 9 } }),
        ))
        .await
        .problem(409);
        let reset = post(
            &subject("alice-liddell", "/buckets/changes"),
            &json!({ "act": { "reset": {} } }),
        );
        assert_eq!(api.act(&reset).await.status, 200);
        api.send_as(Role::Read, &reset).await.problem(403);
        let guess = format!("tga_{}", "G".repeat(43));
        api.send(&get(&subject("alice-liddell", "")).key(&guess))
            .await
            .problem(401);
        at_the_console(&api, &guess).await;
    });
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for line in [
        "written by=\"the-operate\" what=\"holder.change\"",
        "not written by=\"the-admin\" what=\"holder.change\" status=409",
        "written by=\"the-admin\" what=\"buckets.reset\"",
        "role too low by=the-read role=read least=operate",
        "role too low by=the-operate role=operate least=admin",
        "no valid key peer=Some(127.0.0.1) has_key=true",
    ] {
        assert!(log.contains(line), "{line} is not in:\n{log}");
    }
    let count = log
        .lines()
        .filter(|line| line.contains(" tollgate_admin::"))
        .count();
    assert_eq!(count, 8, "{log}");
    // Whatever the libraries say at their most talkative, too; but for the test's own client.
    let of_client = |line: &&str| line.contains("hyper_util::client");
    for line in log.lines().filter(|line| !of_client(line)) {
        for secret in ["liddell", "GGGG", "login.example"] {
            assert!(!line.contains(secret), "{line}");
        }
    }
    for key in keys.lock().unwrap().iter() {
        assert!(!log.contains(&key[4..]), "a key is in the log");
    }
}
