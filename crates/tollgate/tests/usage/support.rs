//! A folder with a policy, a store and logs; what was exported, as sums.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const POLICY: &str = "tollgate: 1
origin: http://127.0.0.1:9000
identity:
  anonymous: {plan: free}
routes: [GET /orders, 'GET /orders/{id}', POST /orders]
plans:
  free:
    limits: [{name: burst, rate: 2/s, burst: 20}]
    routes:
      POST /orders: [{name: burst, rate: 2/s, burst: 20, cost: 3}]
default_plan: free
";
const FIELDS: &str = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) \
    cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type \
    x-edge-request-id x-host-header cs-protocol cs-bytes time-taken\n";

pub(crate) struct Folder(pub(crate) TempDir);

/// Requests, admitted, limited, refused, bytes in, bytes out, cost.
pub(crate) type Sums = [u64; 7];

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("tollgate.yaml"), POLICY).unwrap();
        Self(folder)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command
            .arg("usage")
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("TOLLGATE_CONFIG")
            .env("TOLLGATE_STORE", "sqlite:store.db");
        command
    }

    pub(crate) fn usage(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Ingests logs with who called in the parameter `key` of the query.
    pub(crate) fn ingest(&self, more: &[&str]) -> Output {
        self.usage(&[INGEST, more].concat())
    }

    /// Ingests, and nothing goes wrong.
    pub(crate) fn ingested(&self, more: &[&str]) -> String {
        let output = self.ingest(more);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    pub(crate) fn exported(&self, more: &[&str]) -> Vec<Value> {
        let output = self.usage(&[&["export", "--format", "jsonl"], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines = text(&output.stdout);
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// By who called and on which route.
    pub(crate) fn sums(&self, more: &[&str]) -> BTreeMap<(String, String), Sums> {
        let mut sums: BTreeMap<(String, String), Sums> = BTreeMap::new();
        for row in self.exported(more) {
            let name = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let sum = sums.entry((name("subject"), name("route"))).or_default();
            let names = [
                "requests",
                "admitted",
                "limited",
                "refused",
                "bytes_in",
                "bytes_out",
                "cost_units",
            ];
            for (sum, name) in sum.iter_mut().zip(names) {
                *sum += row[name].as_u64().unwrap();
            }
        }
        sums
    }
}

pub(crate) const INGEST: &[&str] = &[
    "ingest",
    "--issuer",
    "https://login.example",
    "--subject-field",
    "cs-uri-query:key",
];

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Ten hours.
const SECONDS: u64 = 36_000;

/// A log of CloudFront's, and what it sums up to.
pub(crate) struct Log {
    pub(crate) text: String,
    pub(crate) sums: BTreeMap<(String, String), Sums>,
}

impl Log {
    /// Lines of a log, as many users as are given, at any time within ten hours.
    pub(crate) fn new(lines: std::ops::Range<u64>, users: u64) -> Self {
        let mut log = Self {
            text: FIELDS.to_owned(),
            sums: BTreeMap::new(),
        };
        for number in lines {
            log.add(number, users, number * 18 % SECONDS);
        }
        log
    }

    /// The same, one after the other.
    #[cfg(feature = "e2e")]
    #[allow(
        dead_code,
        reason = "a test of its own has a million lines in their order"
    )]
    pub(crate) fn ordered(lines: u64, users: u64) -> Self {
        let mut log = Self::new(0..0, users);
        for number in 0..lines {
            log.add(number, users, number * SECONDS / lines);
        }
        log
    }

    fn add(&mut self, number: u64, users: u64, seconds: u64) {
        let user = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let key = match number % 10 {
            0 => String::new(),
            _ => format!("user-{}", user % users),
        };
        let (method, path, route, cost) = match number % 7 {
            0 => ("POST", "/orders".to_owned(), "POST /orders", 3),
            1 | 2 => ("GET", "/orders/".to_owned(), "GET /orders", 1),
            3 => ("GET", format!("/assets/{number}.js"), "*", 1),
            _ => ("HEAD", format!("/orders//{number}"), "GET /orders/{id}", 1),
        };
        let (status, fate) = match number % 11 {
            3 => (429, 2),
            5 => (401, 3),
            7 => (503, 1),
            _ => (200, 1),
        };
        let (hour, minute, second) = (seconds / 3_600 + 10, seconds / 60 % 60, seconds % 60);
        let (sent, received) = (1_000 + number % 977, 50 + number % 31);
        let query = if key.is_empty() {
            "-".to_owned()
        } else {
            format!("x=1&key={key}")
        };
        writeln!(
            self.text,
            "2026-10-10\t{hour}:{minute:02}:{second:02}\tFRA56-P1\t{sent}\t192.0.2.1\t{method}\t\
             d1.cloudfront.net\t{path}\t{status}\t-\tcurl/8\t{query}\t-\tMiss\trequest-{number}==\t\
             api.example\thttps\t{received}\t0.002"
        )
        .unwrap();
        let sum = self.sums.entry((key, route.to_owned())).or_default();
        sum[0] += 1;
        sum[fate] += 1;
        sum[4] += received;
        sum[5] += sent;
        sum[6] += if fate == 1 { cost } else { 0 };
    }
}
