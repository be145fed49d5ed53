//! The story of one customer: a free plan, notices, the end of a quota, an upgrade, and a bill that is right.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::Receiver;
use tollgate_testkit::peers::{MailMode, MailServer, browse};

use crate::operated::{Operated, tollgate};
use crate::support::without_load;

const PLANS: &str = "
routes: [GET /items, GET /billing, POST /plan]
never_block: [GET /billing, POST /plan]
plans:
  free:
    upgrade_url: https://example.com/plans
    limits:
      - {name: monthly, quota: 20/month, across: all_routes, on_exceed: block, notify_at: [75%, 90%]}
  pro: {limits: [{name: burst, rate: 1000000/s}]}
default_plan: free
";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// When a change has come to nothing.
const SERVED_MAX: Duration = Duration::from_secs(30);
const BROWSER_WAIT_MAX: Duration = Duration::from_secs(180);

/// The story's stage: a gateway whose notices somebody receives.
struct Stage {
    operated: Operated,
    webhook: Receiver,
    mail: MailServer,
}

impl Stage {
    fn set() -> Self {
        let webhook = Receiver::start().unwrap();
        let mail = MailServer::start(MailMode::Plain, 0, ("", ""))
            .unwrap_or_else(|error| panic!("{error}; run `cargo xtask setup`"));
        let folder = tempfile::tempdir().unwrap();
        let secrets = folder.path().join("secrets");
        std::fs::write(&secrets, SECRET).unwrap();
        std::fs::set_permissions(&secrets, Permissions::from_mode(0o600)).unwrap();
        let plans = format!(
            "{PLANS}notices:\n  webhook: {{url: '{}', secrets_file: {}}}\n  \
             email: {{smtp: 'smtp://{}', from: tollgate@example.com, to: ops@example.com}}\n",
            webhook.url(),
            secrets.display(),
            mail.address(),
        );
        Self {
            // Its secrets are read at the start.
            operated: Operated::start(&plans, ""),
            webhook,
            mail,
        }
    }

    fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let running = &self.operated.running;
        let token = running.token("alice");
        let answer = running.ask(method, path, &token);
        (answer.status().as_u16(), answer.text().unwrap())
    }

    /// The thresholds that were told, by webhook and by mail, once both have as many as there should be.
    fn told(&self, count: usize) -> (Vec<u64>, Vec<String>) {
        self.operated.running.eventually("the notices", || {
            self.webhook.received().len() >= count && self.mail.said("mail").len() >= count
        });
        let received = self.webhook.received();
        assert!(received.iter().all(|notice| notice.is_signed_by(SECRET)));
        let percent = |body: &[u8]| {
            let event: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(event["data"]["holder"]["name"], "alice");
            event["data"]["threshold_percent"].as_u64().unwrap()
        };
        let mut by_webhook: Vec<u64> = received.iter().map(|got| percent(&got.body)).collect();
        by_webhook.sort_unstable();
        let subject = |mail: &Value| {
            let headers = mail["headers"].as_array().unwrap();
            let found = headers.iter().find(|header| header[0] == "Subject");
            found.unwrap()[1].as_str().unwrap().to_owned()
        };
        let mut by_mail: Vec<String> = self.mail.said("mail").iter().map(subject).collect();
        by_mail.sort_unstable();
        (by_webhook, by_mail)
    }

    /// What an operator sees in the console, in a real browser.
    fn seen_by_an_operator(&self) -> Value {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/serve/operator.cjs");
        let input = json!({
            "origin": self.operated.url(""),
            "key": self.operated.key("operate"),
        });
        let seen = browse(&script, &input, BROWSER_WAIT_MAX);
        let seen = seen.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(seen["complaints"], json!([]));
        seen
    }

    /// The notices in the store, as the command line lists them.
    fn listed(&self) -> Vec<Value> {
        let config = self.operated.running.gateway.folder().join("tollgate.yaml");
        let listed = tollgate(&["notice", "list", "--state", "delivered", "--config"])
            .arg(config)
            .output()
            .unwrap();
        assert!(listed.status.success(), "{listed:?}");
        let text = String::from_utf8(listed.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    /// Whether both notices are delivered on both channels, for the store too.
    fn both_are_settled(&self) -> bool {
        let listed = self.listed();
        let is_delivered = |channel: &Value| channel["state"] == "delivered";
        let both = |notice: &Value| {
            let deliveries = notice["deliveries"].as_array().unwrap();
            deliveries.len() == 2 && deliveries.iter().all(is_delivered)
        };
        listed.len() == 2 && listed.iter().all(both)
    }

    /// What alice was let through by the export, by route; there is nobody else in it.
    fn exported(&self) -> BTreeMap<String, u64> {
        let store = format!("sqlite:{}", self.operated.store().display());
        let args = ["usage", "export", "--store", &store, "--format", "jsonl"];
        // Also the day that is not over.
        let until = ["--until", "2100-01-01"];
        let exported = tollgate(&args).args(until).output().unwrap();
        assert!(exported.status.success(), "{exported:?}");
        let text = String::from_utf8(exported.stdout).unwrap();
        let mut by_route = BTreeMap::new();
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            assert_eq!(row["subject"], "alice", "{row}");
            let route = row["route"].as_str().unwrap().to_owned();
            let admitted = row["admitted"].as_u64().unwrap();
            if admitted > 0 {
                *by_route.entry(route).or_default() += admitted;
            }
        }
        by_route
    }

    /// How many requests of alice were let through and how many a limit refused, by the admin API's meter.
    fn metered(&self) -> (u64, u64) {
        let path = "/usage?by=month&from=2000-01-01";
        let usage = self.operated.get(&self.operated.of_subject("alice", path));
        let periods = usage["periods"].as_array().unwrap();
        let sum = |field: &str| periods.iter().map(|row| row[field].as_u64().unwrap()).sum();
        (sum("admitted"), sum("limited"))
    }

    /// What the origin saw of alice, by route.
    fn seen_by_the_origin(&self) -> BTreeMap<String, u64> {
        let origin = &self.operated.running.origin;
        let routes = ["GET /items", "GET /billing", "POST /plan"].map(|route| {
            let path = route.split_once(' ').unwrap().1;
            (route.to_owned(), origin.hits(path, "alice"))
        });
        let seen = BTreeMap::from(routes);
        assert_eq!(seen.values().sum::<u64>(), origin.hits_total());
        seen
    }

    /// Asks until alice is served: how long that took, and how often she was refused. No other answer is one.
    fn served_after(&self) -> (Duration, u64) {
        let (begun, mut refused) = (Instant::now(), 0);
        loop {
            match self.ask("GET", "/items").0 {
                200 => return (begun.elapsed(), refused),
                429 => refused += 1,
                other => panic!("{other} between two plans"),
            }
            // One time, which a machine may stretch; that it is a second is held where the median of several is.
            assert!(begun.elapsed() < SERVED_MAX, "refused {refused} times");
        }
    }
}

#[test]
fn a_customer_is_told_is_limited_pays_and_is_billed_for_what_the_origin_saw() {
    let _machine = without_load();
    let stage = Stage::set();
    let running = &stage.operated.running;
    for _ in 0..18 {
        assert_eq!(stage.ask("GET", "/items").0, 200);
    }
    let mails = [75, 90].map(|percent| format!("{percent} % of monthly reached by alice"));
    assert_eq!(stage.told(2), (vec![75, 90], mails.to_vec()));

    for _ in 0..2 {
        assert_eq!(stage.ask("GET", "/items").0, 200);
    }
    let (status, body) = stage.ask("GET", "/items");
    assert_eq!(status, 429);
    assert!(body.contains("https://example.com/plans"), "{body}");
    assert_eq!(stage.ask("GET", "/billing").0, 200);
    assert_eq!(stage.ask("POST", "/plan").0 / 100, 2);

    running.eventually("both are settled on both channels", || {
        stage.both_are_settled()
    });
    let seen = stage.seen_by_an_operator();
    let has = |page: &str, words: &[&str]| {
        let text = seen[page].as_str().unwrap();
        let missing = words.iter().find(|word| !text.contains(**word));
        assert_eq!(missing, None, "{page}: {text}");
    };
    has("limited", &["alice", "GET /items", "monthly"]);
    has("notices", &["alice", "75", "90", "delivered"]);
    has("customer", &["alice", "free", "monthly"]);

    let edit = json!({ "edit": { "assign": { "plan": "pro" } }, "note": "paid" });
    let path = stage.operated.of_subject("alice", "/changes");
    assert_eq!(stage.operated.post(&path, &edit).status(), 200);
    let (took, between) = stage.served_after();
    println!("served {took:?} after the change, refused {between} times before");

    let customer = stage.seen_by_an_operator()["customer"].to_string();
    assert!(
        customer.contains("pro") && customer.contains("paid"),
        "{customer}"
    );
    let seen = stage.seen_by_the_origin();
    running.eventually("the export has what the origin saw", || {
        stage.exported() == seen
    });
    running.eventually("the meter has it, and what alice was refused", || {
        stage.metered() == (seen.values().sum(), 1 + between)
    });
    // Also after the change, and all that came since.
    assert_eq!(
        stage.told(2),
        (vec![75, 90], mails.to_vec()),
        "each threshold is told once on each channel"
    );
}

#[test]
fn a_customer_with_a_larger_quota_in_the_same_month_is_told_of_its_end_too() {
    let stage = Stage::set();
    for _ in 0..18 {
        assert_eq!(stage.ask("GET", "/items").0, 200);
    }
    assert_eq!(stage.told(2).0, [75, 90]);
    let more = "{name: monthly, quota: 40/month, across: all_routes, on_exceed: block, \
                notify_at: [75%], on_change: as_is}";
    let edit = json!({ "edit": { "override": { "limit": more } }, "note": "paid" });
    let path = stage.operated.of_subject("alice", "/changes");
    assert_eq!(stage.operated.post(&path, &edit).status(), 200);
    for _ in 18..20 {
        assert_eq!(stage.ask("GET", "/items").0, 200);
    }
    let running = &stage.operated.running;
    running.eventually("the larger quota is in force", || {
        stage.ask("GET", "/items").0 == 200
    });
    let more = (0..100).take_while(|_| stage.ask("GET", "/items").0 == 200);
    assert_eq!(21 + more.count(), 40);
    let mails = [75, 75, 90].map(|percent| format!("{percent} % of monthly reached by alice"));
    assert_eq!(stage.told(3), (vec![75, 75, 90], mails.to_vec()));
}
