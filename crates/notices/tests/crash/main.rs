//! Deliverers that are killed in the middle: every notice arrives through every channel, and twice only under its id.
//!
//! The test starts its own program again as the deliverer (`deliver LOCATION URL SECRETS MAIL ROUND`), which sends to a
//! receiver in this process, mails to a real mail server and writes lines on its output; kills it at some moment; and
//! counts what came.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and this one has no harness"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tollgate_limiter::{Clock, Now, SystemClock};
use tollgate_notices::{Effect, QuotaNotice, UNDER_WAY_MAX, spawn};
use tollgate_policy::{
    EmailConfig, MailServer as MailServerConfig, MailTls, NoticesConfig, WebhookConfig,
};
use tollgate_store::{Counter, Holder, LimitName, Location, PlanName, Span, Store};
use tollgate_testkit::peers::{MailMode, MailServer, Postgres};

/// Kills on each backend.
const KILLS: u64 = 40;
/// Notices that are posted before each.
const NOTICES: u64 = 12;
/// How far the clock of each deliverer is ahead of the one before: longer than a notice is anybody's.
const STEP: Duration = Duration::from_secs(61);
/// How long the last one may take to deliver what is left.
const END_WAIT_MAX: Duration = Duration::from_secs(60);

/// The machine's clock, ahead by some steps: so nobody waits for the leases of who was killed.
struct Ahead(SystemClock, Duration);

impl Clock for Ahead {
    fn now(&self) -> Now {
        let now = self.0.now();
        let ahead_ms = u64::try_from(self.1.as_millis()).unwrap();
        Now {
            unix_ms: now.unix_ms + ahead_ms,
            ..now
        }
    }
}

/// Ends with whoever holds it, by SIGKILL.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn ahead(round: u64) -> Arc<dyn Clock> {
    let steps = u32::try_from(round).unwrap();
    Arc::new(Ahead(SystemClock::new(), STEP * steps))
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "deliver", location, url, secrets, mail, round] => {
            let config = config(url, Path::new(secrets), mail.parse().unwrap());
            runtime.block_on(deliver_for_ever(location, &config, round.parse().unwrap()));
        }
        _ => kill_and_count(&runtime),
    }
}

/// Every channel.
fn config(url: &str, secrets: &Path, mail: SocketAddr) -> NoticesConfig {
    NoticesConfig {
        webhook: Some(WebhookConfig {
            url: url.to_owned(),
            secrets_file: secrets.to_owned(),
            ca: None,
        }),
        email: Some(EmailConfig {
            server: MailServerConfig {
                host: mail.ip().to_string(),
                port: mail.port(),
                tls: MailTls::Off,
            },
            login: None,
            from: "tollgate@example.com".to_owned(),
            to: vec!["ops@example.com".to_owned()],
            templates: None,
            ca: None,
        }),
        stdout: true,
    }
}

/// The child.
async fn deliver_for_ever(location: &str, config: &NoticesConfig, round: u64) {
    let clock = ahead(round);
    let location: Location = location.parse().unwrap();
    let store = Store::open(&location, clock.clone()).await.unwrap();
    let never = CancellationToken::new();
    let running = spawn(config, store, clock, Arc::default(), never);
    running.unwrap().await.unwrap();
}

fn kill_and_count(runtime: &tokio::runtime::Runtime) {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("webhook.secrets");
    fs::write(&secrets, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    let file = folder.path().join("store.db");
    rounds(runtime, &format!("sqlite:{}", file.display()), &secrets);
    let server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
    let url = server.make_database("crash").unwrap();
    rounds(runtime, &url, &secrets);
}

fn rounds(runtime: &tokio::runtime::Runtime, location: &str, secrets: &Path) {
    let (url, requests) = receiver();
    // One for each store, since both have the same notices. Without TLS it needs no certificate.
    let mails = MailServer::start(MailMode::Plain, 0, ("", ""))
        .unwrap_or_else(|error| panic!("{error}; run `cargo xtask setup`"));
    let (out, lines) = channel();
    let clock = ahead(0);
    let place: Location = location.parse().unwrap();
    let store = runtime.block_on(Store::open(&place, clock)).unwrap();
    let mut by_hook: BTreeMap<String, u64> = BTreeMap::new();
    let mut by_line: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..=KILLS {
        let is_last = round == KILLS;
        if !is_last {
            for number in 0..NOTICES {
                let notice = notice(round * NOTICES + number).to_notice().unwrap();
                assert!(runtime.block_on(store.post_notice(&notice)).unwrap());
            }
        }
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["deliver", location, &url])
            .arg(secrets)
            .args([mails.address().to_string(), round.to_string()])
            .stdout(Stdio::piped())
            .spawn();
        let mut child = Killed(child.unwrap());
        let stdout = BufReader::new(child.0.stdout.take().unwrap());
        let out = out.clone();
        let reading = std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // The last one may be cut off.
                if let Ok(json) = serde_json::from_str::<serde_json::Value>(&line) {
                    out.send(json["id"].as_str().unwrap().to_owned()).unwrap();
                }
            }
        });
        if is_last {
            let totals = || runtime.block_on(store.notice_totals()).unwrap();
            let clock = SystemClock::new();
            let begun = clock.now().mono;
            while totals().waiting > 0 {
                let passed = Duration::from(clock.now().mono) - Duration::from(begun);
                assert!(passed < END_WAIT_MAX, "{:?} are left", totals());
            }
        } else {
            // Moments spread over what one look begins: from the first request on.
            let mut seen = 0;
            while seen <= round % 10 {
                *by_hook.entry(requests.recv().unwrap()).or_default() += 1;
                seen += 1;
            }
            std::thread::sleep(Duration::from_micros(round * 397 % 6_000));
        }
        drop(child);
        reading.join().unwrap();
        while let Ok(id) = requests.try_recv() {
            *by_hook.entry(id).or_default() += 1;
        }
        while let Ok(id) = lines.try_recv() {
            *by_line.entry(id).or_default() += 1;
        }
    }
    let totals = runtime.block_on(store.notice_totals()).unwrap();
    let all = KILLS * NOTICES;
    assert_eq!((totals.delivered, totals.given_up), (3 * all, 0));
    let mut by_mail: BTreeMap<String, u64> = BTreeMap::new();
    for mail in mails.said("mail") {
        *by_mail.entry(message_id(&mail)).or_default() += 1;
    }
    let of_mails: Vec<_> = by_mail.keys().filter_map(|id| id.split_once('@')).collect();
    let of_hooks: Vec<_> = by_hook.keys().map(String::as_str).collect();
    let names: Vec<_> = of_mails.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, of_hooks, "a mail's id is its notice's");
    for (what, by_id) in [
        ("webhooks", &by_hook),
        ("mails", &by_mail),
        ("lines", &by_line),
    ] {
        assert_eq!(
            by_id.len() as u64,
            all,
            "{what}: one was lost, or has two ids"
        );
        let twice = by_id.values().sum::<u64>() - all;
        let most = KILLS * u64::from(UNDER_WAY_MAX);
        assert!(
            twice <= most,
            "{what}: {twice} came again, with {most} under way at most"
        );
        println!("{KILLS} kills: {all} {what}, none lost, {twice} twice under one id");
    }
    runtime.block_on(store.close());
}

/// Of a mail as the server took it, without its brackets.
fn message_id(mail: &serde_json::Value) -> String {
    let headers = mail["headers"].as_array().unwrap();
    let mut ids = headers.iter().filter(|header| header[0] == "Message-ID");
    let id = ids.next().unwrap()[1].as_str().unwrap();
    assert!(ids.next().is_none(), "{headers:?}");
    id.trim_matches(['<', '>']).to_owned()
}

fn notice(number: u64) -> QuotaNotice {
    let holder = Holder::account("https://login.example", &format!("account-{number}"));
    // One that is over would be forgotten as soon as it was told.
    let period = Span::new(0, Some(4_000_000_000_000)).unwrap();
    let limit = LimitName::parse("monthly").unwrap();
    QuotaNotice {
        counter: Counter::new(holder.unwrap(), limit, None, period).unwrap(),
        plan: PlanName::parse("pro").unwrap(),
        threshold_percent: 100,
        used: 50_000,
        quota: 50_000,
        effect: Effect::Slower,
        upgrade_url: None,
    }
}

/// A receiver on threads of its own, which says the id of each request that came whole before it answers.
fn receiver() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (ids, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let ids = ids.clone();
            std::thread::spawn(move || while receive(&stream, &ids).is_some() {});
        }
    });
    (url, received)
}

/// One request of a connection; `None` when there is none any more.
fn receive(stream: &TcpStream, ids: &Sender<String>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut id, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ") {
            match name.to_ascii_lowercase().as_str() {
                "webhook-id" => id = Some(value.to_owned()),
                "content-length" => length = value.parse().unwrap(),
                _ => {}
            }
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    ids.send(id.unwrap()).ok()?;
    let mut writer = stream;
    writer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()
}
