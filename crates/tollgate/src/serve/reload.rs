//! Hot reload: a changed policy is put in force whole, a bad one changes nothing and says so.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tollgate_policy::{BucketKeys, KeySource, Policy};
use tollgate_proxy::Shared;

/// How often the policy's files are looked at. Looking works on every file system, also where
/// a mounted folder is swapped underneath (Kubernetes), which file events miss.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Counts of reloads, for metrics.
#[derive(Debug, Default)]
pub(super) struct ReloadCounts {
    pub(super) succeeded: AtomicU64,
    pub(super) failed: AtomicU64,
    /// 1 while the file on disk is not the policy in force.
    pub(super) stale: AtomicU64,
}

/// Watches a policy's files and reloads on change.
pub(super) struct Reloader {
    config: PathBuf,
    shared: Arc<Shared>,
    counts: Arc<ReloadCounts>,
    inputs: Vec<PathBuf>,
    seen: Vec<Stamp>,
}

/// What tells one state of a file from another without reading it: when it was written, how long it
/// is, which file it is, and when that or its mode was changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(Option<(SystemTime, u64, u64, (i64, i64))>);

// === impl Reloader ===

impl Reloader {
    pub(super) fn new(config: &Path, shared: Arc<Shared>, counts: Arc<ReloadCounts>) -> Self {
        let inputs = watched(shared.engine().snapshot().policy());
        let seen = stamps(&inputs);
        Self {
            config: config.to_owned(),
            shared,
            counts,
            inputs,
            seen,
        }
    }

    /// True when some file of the policy is not what it was.
    pub(super) fn changed(&mut self) -> bool {
        let now = stamps(&self.inputs);
        let changed = now != self.seen;
        self.seen = now;
        changed
    }

    /// Loads the policy again and puts it in force. What is wrong is in the log, and said.
    ///
    /// Stamps are taken before their files are read: a change that comes in between is seen at the
    /// next look, and a revocation never missed.
    pub(super) fn reload(&mut self) -> Result<(), String> {
        self.seen = stamps(&self.inputs);
        let before = self.shared.engine().snapshot();
        let result = Policy::load(&self.config)
            .map_err(|diagnostics| diagnostics.to_string())
            .and_then(|policy| {
                let inputs = watched(&policy);
                // Those that were watched before have older stamps, and keep them.
                let seen = self.seen_of(&inputs);
                let reloaded = self.shared.reload(policy);
                reloaded.map_err(|error| error.to_string())?;
                Ok((inputs, seen))
            });
        match result {
            Ok((inputs, seen)) => {
                (self.inputs, self.seen) = (inputs, seen);
                self.counts.succeeded.fetch_add(1, Ordering::Relaxed);
                self.counts.stale.store(0, Ordering::Relaxed);
                let now = self.shared.engine().snapshot();
                for what in before.policy().needs_restart(now.policy()) {
                    tracing::warn!("`{what}` changed: this part takes effect at the next start");
                }
                tracing::info!(config = %self.config.display(), "policy reloaded");
                Ok(())
            }
            Err(error) => {
                tracing::error!(
                    config = %self.config.display(),
                    "policy not reloaded, the last good one stays in force:\n{error}"
                );
                // After the log, so that whoever sees the count finds the reason there.
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                self.counts.stale.store(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// What is on disk now is the policy in force: a file that was replaced has been put back.
    pub(super) fn is_in_force(&mut self) {
        self.seen = stamps(&self.inputs);
        self.counts.stale.store(0, Ordering::Relaxed);
    }

    /// The stamps of `inputs` as they were seen before the policy was read, or as they are now.
    fn seen_of(&self, inputs: &[PathBuf]) -> Vec<Stamp> {
        let before = |path: &PathBuf| self.inputs.iter().position(|known| known == path);
        let seen = |path: &PathBuf| before(path).map_or_else(|| stamp(path), |at| self.seen[at]);
        inputs.iter().map(seen).collect()
    }
}

/// Every file that a change of counts: the policy and what it was read from, key sets, secrets, API
/// keys, certificates.
fn watched(policy: &Policy) -> Vec<PathBuf> {
    let keys = policy
        .identity()
        .issuers
        .iter()
        .filter_map(|issuer| match &issuer.keys {
            KeySource::File(path) | KeySource::SecretFile(path) => Some(path.clone()),
            KeySource::Url(_) | KeySource::Inline(_) | KeySource::Discovery => None,
        });
    let admin_api = policy.admin_api().map(|config| &config.listener);
    let certificates = policy
        .listeners()
        .iter()
        .chain(admin_api)
        .filter_map(|listener| listener.tls.as_ref())
        .flat_map(|tls| {
            let clients = tls.clients.as_ref().map(|clients| clients.ca.clone());
            [tls.cert.clone(), tls.key.clone()]
                .into_iter()
                .chain(clients)
        });
    let ring = match &policy.identity().bucket_keys {
        Some(BucketKeys::File(path)) => Some(path.clone()),
        Some(BucketKeys::Environment) | None => None,
    };
    let api_keys = policy.identity().api_keys.as_ref();
    let api_keys = api_keys.map(|config| config.file.clone());
    let inputs = policy.inputs().iter().cloned();
    let inputs = inputs.chain(keys).chain(certificates).chain(ring);
    inputs.chain(api_keys).collect()
}

fn stamps(inputs: &[PathBuf]) -> Vec<Stamp> {
    inputs.iter().map(stamp).collect()
}

pub(super) fn stamp(path: &PathBuf) -> Stamp {
    let seen = |metadata: Metadata| {
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        let written = metadata.modified().ok()?;
        Some((written, metadata.len(), metadata.ino(), changed))
    };
    Stamp(std::fs::metadata(path).ok().and_then(seen))
}
