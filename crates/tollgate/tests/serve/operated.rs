//! A gateway with a store and an admin API, and calls as an operator makes them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use reqwest::blocking::{RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_testkit::peers::free_address;

use crate::support::Running;

/// A gateway with a store and an admin API, and who may call that.
pub(crate) struct Operated {
    pub(crate) running: Running,
    pub(crate) api: SocketAddr,
    pub(crate) folder: TempDir,
    pub(crate) rest: String,
}

impl Operated {
    /// With these plans, and this behind the keys of `admin_api`.
    pub(crate) fn start(plans: &str, more: &str) -> Self {
        Self::with_store(plans, more, "")
    }

    /// With this behind the place of `store`, too.
    pub(crate) fn with_store(plans: &str, more: &str, of_store: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let api = free_address().unwrap();
        for role in ["read", "operate", "admin"] {
            let keys = folder.path().join("keys");
            let made = tollgate(&["admin-keys", "new", "--name", role, "--role", role])
                .arg(&keys)
                .output()
                .unwrap();
            assert!(made.status.success(), "{made:?}");
            std::fs::write(folder.path().join(role), made.stdout).unwrap();
        }
        let rest = format!(
            "{plans}store: {{url: 'sqlite:{store}', flush: 100ms{of_store}}}\n\
             admin_api: {{listen: '{api}', keys: {keys}{more}}}\n",
            store = folder.path().join("tollgate.db").display(),
            keys = folder.path().join("keys").display(),
        );
        Self {
            running: Running::start(&rest),
            api,
            folder,
            rest,
        }
    }

    /// The store's file.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("tollgate.db")
    }

    pub(crate) fn key(&self, role: &str) -> String {
        let key = std::fs::read_to_string(self.folder.path().join(role)).unwrap();
        key.trim().to_owned()
    }

    pub(crate) fn asks(&self, role: &str, request: RequestBuilder) -> Response {
        request.bearer_auth(self.key(role)).send().unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.api)
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.asks("admin", self.running.client.get(self.url(path)));
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        let request = self.running.client.post(self.url(path));
        let request = request.header("if-match", "*").json(body);
        let key = format!("{:?}", std::time::Instant::now());
        self.asks(
            "admin",
            request.header("idempotency-key", key.replace(' ', "")),
        )
    }

    pub(crate) fn of_subject(&self, name: &str, rest: &str) -> String {
        let issuer = self
            .running
            .issuer
            .url()
            .replace(':', "%3A")
            .replace('/', "%2F");
        format!("/v1/holders/subject/{issuer}/{name}{rest}")
    }

    pub(crate) fn explain(&self, subject: &str, path: &str) -> Value {
        let issuer = self.running.issuer.url();
        let caller = json!({ "issuer": issuer, "subject": subject });
        let question = json!({ "method": "GET", "path": path, "caller": caller });
        let answer = self.post("/v1/explain", &question);
        assert_eq!(answer.status(), 200);
        answer.json().unwrap()
    }

    pub(crate) fn assign(&self, subject: &str, plan: &str) {
        let edit = json!({ "edit": { "assign": { "plan": plan } } });
        let answer = self.post(&self.of_subject(subject, "/changes"), &edit);
        assert_eq!(answer.status(), 200, "{:?}", answer.text());
        self.running.eventually("the plan", || {
            self.explain(subject, "/orders")["plan"] == plan
        });
    }
}

pub(crate) fn tollgate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(args).env_remove("TOLLGATE_STORE");
    command
}
