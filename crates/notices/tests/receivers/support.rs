//! What every test needs: an outbox with a clock that is moved by hand, files of a policy, a certificate.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tollgate_limiter::FakeClock;
use tollgate_notices::{Channels, Deliverer, Effect, NoticeCounts, QuotaNotice};
use tollgate_policy::{NoticesConfig, WebhookConfig};
use tollgate_store::{Counter, Holder, LimitName, Location, PlanName, Span, Store};

pub(crate) const START_MS: u64 = 1_794_009_600_000;
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const OLD_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

/// A store on SQLite, and a folder for files.
pub(crate) struct Outbox {
    pub(crate) store: Store,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) counts: Arc<NoticeCounts>,
    folder: TempDir,
}

impl Outbox {
    pub(crate) async fn open() -> Outbox {
        let folder = tempfile::tempdir().unwrap();
        Self::at(&Location::sqlite(folder.path().join("store.db")), folder).await
    }

    pub(crate) async fn at(location: &Location, folder: TempDir) -> Outbox {
        let clock = Arc::new(FakeClock::at_unix_ms(START_MS));
        Outbox {
            store: Store::open(location, clock.clone()).await.unwrap(),
            clock,
            counts: Arc::default(),
            folder,
        }
    }

    pub(crate) fn deliverer(&self, config: &NoticesConfig) -> Deliverer {
        let channels = Channels::load(config).unwrap();
        Deliverer::new(
            channels,
            self.store.clone(),
            self.clock.clone(),
            self.counts.clone(),
        )
    }

    pub(crate) async fn post(&self, notice: &QuotaNotice) {
        let posted = self.store.post_notice(&notice.to_notice().unwrap()).await;
        assert!(posted.unwrap());
    }

    /// A file that only its owner may read.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn webhook(&self, url: &str) -> NoticesConfig {
        NoticesConfig {
            webhook: Some(WebhookConfig {
                url: url.to_owned(),
                secrets_file: self.file("webhook.secrets", SECRET),
                ca: None,
            }),
            email: None,
            stdout: false,
        }
    }

    pub(crate) fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(crate) fn notice(name: &str) -> QuotaNotice {
    let holder = Holder::subject("https://login.example.com", name).unwrap();
    let period = Span::new(1_793_491_200_000, Some(1_796_083_200_000)).unwrap();
    let limit = LimitName::parse("monthly").unwrap();
    QuotaNotice {
        counter: Counter::new(holder, limit, None, period).unwrap(),
        plan: PlanName::parse("pro").unwrap(),
        threshold_percent: 90,
        used: 45_120,
        quota: 50_000,
        effect: Effect::KeepsServing,
        upgrade_url: Some("https://example.com/upgrade?a=1&b=2".to_owned()),
    }
}

/// A certificate for this machine: itself and its key, as PEM.
pub(crate) fn certificate() -> (String, String) {
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// On one thread, as the control plane.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test);
}
