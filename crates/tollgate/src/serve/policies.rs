//! The policy in force as something that is changed: by its file, or through the admin API.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use data_encoding::HEXLOWER;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tollgate_admin::{LiveError, PolicyInForce, PolicyVersion};
use tollgate_limiter::Clock;
use tollgate_policy::Policy;
use tollgate_proxy::Shared;

use super::reload::Reloader;
use crate::private_file;

/// Policies that are kept to go back to, the one in force among them.
const VERSIONS_MAX: usize = 20;
/// Bytes of their texts, but for the one in force.
const VERSIONS_BYTES_MAX: usize = 32 << 20;

/// Puts policies in force, one at a time.
///
/// State: which versions there were, written by whoever puts one in force; read by the admin API.
pub(super) struct Policies {
    config: PathBuf,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    changing: Mutex<Changing>,
    /// A reload, changed or not.
    wanted: AtomicBool,
    /// Told when another one is in force.
    pub(super) changed: Notify,
}

struct Changing {
    reloader: Reloader,
    /// The last one is in force.
    versions: VecDeque<PolicyInForce>,
}

// === impl Policies ===

impl Policies {
    pub(super) fn new(
        config: &Path,
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
        reloader: Reloader,
    ) -> Self {
        let text = shared.engine().snapshot().policy().text().to_string();
        let in_force = PolicyInForce {
            version: version(&text),
            since_ms: clock.now().unix_ms,
            by: None,
            stale: false,
            text,
        };
        Self {
            config: config.to_owned(),
            shared,
            clock,
            changing: Mutex::new(Changing {
                reloader,
                versions: VecDeque::from([in_force]),
            }),
            wanted: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// Looks at the files, and reloads when one of them has changed, or somebody wants it. Does nothing while
    /// somebody else puts a policy in force: there is another look.
    pub(super) fn look(&self) -> bool {
        let Some(mut changing) = self.changing.try_lock() else {
            return false;
        };
        let wanted = self.wanted.swap(false, Ordering::Relaxed);
        if changing.reloader.changed() || wanted {
            // What is wrong is in the log.
            let _said = self.reload(&mut changing, None);
            return true;
        }
        false
    }

    /// Reloads, changed or not: now, or with the next look.
    pub(super) fn hangup(&self) -> bool {
        self.wanted.store(true, Ordering::Relaxed);
        self.look()
    }

    /// The policy in force.
    pub(super) fn in_force(&self) -> PolicyInForce {
        let changing = self.changing.lock();
        let in_force = changing.versions.back().cloned();
        drop(changing);
        let mut in_force = in_force.unwrap_or_else(|| {
            // There is always one; said as a value so that no panic is reachable.
            let text = self.shared.engine().snapshot().policy().text().to_string();
            PolicyInForce {
                version: version(&text),
                since_ms: 0,
                by: None,
                stale: false,
                text,
            }
        });
        let on_disk = fs::read(&self.config).ok();
        in_force.stale = on_disk.is_some_and(|text| text != in_force.text.as_bytes());
        in_force
    }

    /// The newest first.
    pub(super) fn versions(&self) -> Vec<PolicyVersion> {
        let changing = self.changing.lock();
        let shown = |policy: &PolicyInForce| PolicyVersion {
            version: policy.version.clone(),
            since_ms: policy.since_ms,
            by: policy.by.clone(),
        };
        changing.versions.iter().rev().map(shown).collect()
    }

    /// Where the names of files in a policy begin.
    pub(super) fn folder(&self) -> PathBuf {
        self.config.parent().unwrap_or(Path::new("")).to_owned()
    }

    /// Puts `text` in force and into the file: both, or neither.
    pub(super) fn apply(
        &self,
        text: &str,
        expected: Option<&str>,
        by: &str,
    ) -> Result<PolicyInForce, LiveError> {
        let mut changing = self.changing.lock();
        self.put(&mut changing, text, expected, by)
    }

    /// Puts a version in force again that was.
    pub(super) fn roll_back(
        &self,
        to: &str,
        expected: Option<&str>,
        by: &str,
    ) -> Result<PolicyInForce, LiveError> {
        let mut changing = self.changing.lock();
        let mut known = changing.versions.iter();
        let found = known.find(|policy| policy.version == to);
        let text = found.map(|policy| policy.text.clone());
        let text = text.ok_or(LiveError::NotThere { what: "version" })?;
        self.put(&mut changing, &text, expected, by)
    }

    fn put(
        &self,
        changing: &mut Changing,
        text: &str,
        expected: Option<&str>,
        by: &str,
    ) -> Result<PolicyInForce, LiveError> {
        let snapshot = self.shared.engine().snapshot();
        let before = snapshot.policy().text();
        let found = version(before);
        if expected.is_some_and(|expected| expected != found) {
            return Err(LiveError::OtherVersion { found });
        }
        let refused = |reason: String| LiveError::Refused {
            pointer: "/text",
            reason,
        };
        let name = self.config.display().to_string();
        let unwritable = |error: io::Error| LiveError::NotPossible {
            reason: format!("{name} cannot be written ({error}): change it where it comes from"),
        };
        // A link is followed: what it points to is the policy.
        let file = fs::canonicalize(&self.config).map_err(unwritable)?;
        let on_disk = fs::read(&file).map_err(unwritable)?;
        let by_hand = on_disk != before.as_bytes();
        if by_hand && expected.is_some() {
            let reason = format!(
                "{name} is not the policy in force: somebody has changed it, and the log says why it is not \
                 taken over (send `If-Match: *` to replace it)"
            );
            return Err(LiveError::NotPossible { reason });
        }
        // Before anything is written: the file is never one that a gateway would not start with.
        let policy = Policy::parse(&name, text, &self.folder());
        let policy = policy.map_err(|found| refused(found.to_string()))?;
        let tried = self.shared.try_policy(policy);
        tried.map_err(|error| refused(error.to_string()))?;
        private_file::replace_keeping_mode(&file, text.as_bytes()).map_err(unwritable)?;
        if let Err(reason) = self.reload(changing, Some(by)) {
            self.put_back(changing, &file, &on_disk, by_hand);
            return Err(refused(reason));
        }
        self.changed.notify_one();
        match changing.versions.back() {
            Some(now) => Ok(now.clone()),
            None => Err(LiveError::NotThere { what: "policy" }),
        }
    }

    /// The file as it was, after all. One that somebody had changed by hand is looked at again.
    fn put_back(&self, changing: &mut Changing, file: &Path, content: &[u8], by_hand: bool) {
        match private_file::replace_keeping_mode(file, content) {
            Ok(()) if by_hand => {}
            Ok(()) => changing.reloader.is_in_force(),
            Err(error) => tracing::error!(
                file = %file.display(),
                "the policy that was refused stands in the file still: {error}"
            ),
        }
    }

    fn reload(&self, changing: &mut Changing, by: Option<&str>) -> Result<(), String> {
        changing.reloader.reload()?;
        let snapshot = self.shared.engine().snapshot();
        let text = snapshot.policy().text();
        let version = version(text);
        // A certificate or a key set has changed, not the policy.
        if changing
            .versions
            .back()
            .is_some_and(|last| last.version == version)
        {
            return Ok(());
        }
        changing.versions.push_back(PolicyInForce {
            version,
            since_ms: self.clock.now().unix_ms,
            by: by.map(str::to_owned),
            stale: false,
            text: text.to_string(),
        });
        trim(&mut changing.versions);
        Ok(())
    }
}

/// What tells a policy from others.
fn version(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

/// Away with the oldest that are too many; never with the one in force.
fn trim(versions: &mut VecDeque<PolicyInForce>) {
    let bytes = |versions: &VecDeque<PolicyInForce>| {
        let texts = versions.iter().map(|policy| policy.text.len());
        texts.sum::<usize>() - versions.back().map_or(0, |last| last.text.len())
    };
    while versions.len() > VERSIONS_MAX
        || versions.len() > 1 && bytes(versions) > VERSIONS_BYTES_MAX
    {
        versions.pop_front();
    }
}
