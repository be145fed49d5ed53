//! What is logged: who wrote what kind of thing, and never a key or whom it was about.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tollgate_admin::Role;

use crate::support::{Api, On, change, get, post, run, subject};

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

#[test]
fn a_write_is_logged_with_its_writer_and_without_a_secret_or_a_subject() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    // This thread's: the runtime runs on it.
    let _logged = tracing::subscriber::set_default(subscriber);
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
    });
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for line in [
        "written by=\"the-operate\" what=\"holder.change\"",
        "not written by=\"the-admin\" what=\"holder.change\" status=409",
        "written by=\"the-admin\" what=\"buckets.reset\"",
        "role too low by=the-read role=read least=operate",
        "no valid key peer=Some(127.0.0.1) has_key=true",
    ] {
        assert!(log.contains(line), "{line} is not in:\n{log}");
    }
    let of_ours: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("tollgate"))
        .collect();
    assert_eq!(of_ours.len(), 5, "{of_ours:#?}");
    for secret in ["liddell", "GGGG", "login.example"] {
        assert!(
            !of_ours.iter().any(|line| line.contains(secret)),
            "{secret} in {of_ours:#?}"
        );
    }
    for key in keys.lock().unwrap().iter() {
        assert!(!log.contains(&key[4..]), "a key is in the log");
    }
}
