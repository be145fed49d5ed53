//! What the admin API asks of this process: buckets, what would become of a request, traffic, the policy.

mod buckets;
pub(crate) mod explain;
mod give_back;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tollgate_admin::{
    Bucket, BucketChange, BucketPage, BucketsAsked, Explanation, Live, LiveError, PolicyChange,
    PolicyInForce, PolicyVersion, Question, RollBack, Traffic, Who,
};
use tollgate_engine::{Engine, User};
use tollgate_limiter::{Clock, Now};
use tollgate_store::{Count, HolderKind, Store};

use super::activity::Activity;
use super::kept::State;
use super::policies::Policies;
use crate::stored_quotas::{self, GivenBack};

/// For one look into the store.
const COUNTS_WAIT_MAX: Duration = Duration::from_secs(1);

/// Answers for the gateway.
pub(super) struct GatewayLive {
    pub(super) engine: Arc<Engine>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) activity: Arc<Activity>,
    pub(super) policies: Arc<Policies>,
    pub(super) store: Option<watch::Receiver<Option<Store>>>,
    pub(super) given_back: Arc<GivenBack>,
    /// Whether the store answers.
    pub(super) kept: Option<Arc<State>>,
    /// Of the control plane, for the store: questions come from other threads.
    pub(super) runtime: Handle,
}

impl Live for GatewayLive {
    fn buckets(&self, asked: &BucketsAsked) -> Result<BucketPage, LiveError> {
        self.look_at_buckets(asked)
    }

    fn change_buckets(&self, change: &BucketChange) -> Result<Vec<Bucket>, LiveError> {
        self.give_back(change)
    }

    fn explain(&self, question: &Question) -> Result<Explanation, LiveError> {
        self.explain_request(question)
    }

    fn traffic(&self) -> Traffic {
        self.activity.traffic()
    }

    fn policy(&self) -> Result<PolicyInForce, LiveError> {
        Ok(self.policies.in_force())
    }

    fn policy_folder(&self) -> PathBuf {
        self.policies.folder()
    }

    fn policy_versions(&self) -> Result<Vec<PolicyVersion>, LiveError> {
        Ok(self.policies.versions())
    }

    fn apply(&self, change: &PolicyChange) -> Result<PolicyInForce, LiveError> {
        let expected = change.expected.as_deref();
        self.policies.apply(&change.text, expected, &change.by)
    }

    fn roll_back(&self, change: &RollBack) -> Result<PolicyInForce, LiveError> {
        let expected = change.expected.as_deref();
        self.policies.roll_back(&change.to, expected, &change.by)
    }
}

impl GatewayLive {
    fn store(&self) -> Option<Store> {
        self.store.as_ref()?.borrow().clone()
    }

    /// What the store has counted of a user. Without it, and where it takes too long, there is what this
    /// process has counted.
    fn counts(&self, user: &User, now: Now) -> Vec<Count> {
        let Some(store) = self.store().filter(|_| self.store_answers()) else {
            return Vec::new();
        };
        let counts = stored_quotas::counts(&store, user, now);
        let counts = async { tokio::time::timeout(COUNTS_WAIT_MAX, counts).await };
        match self.runtime.block_on(counts) {
            Ok(Ok(counts)) => counts,
            Ok(Err(error)) => {
                tracing::warn!(%error, "quotas are shown as this process has counted them");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    fn store_answers(&self) -> bool {
        let kept = self.kept.as_ref();
        kept.is_some_and(|kept| kept.reachable.load(Ordering::Relaxed))
    }

    /// The caller as its credentials would name it. An account is a user of it without a name, which no
    /// credential has.
    fn user(&self, who: &Who) -> Arc<User> {
        let (issuer, name) = (who.holder.issuer.as_str(), who.holder.name.as_str());
        let claim = who.plan_claim.as_deref();
        match who.holder.kind {
            HolderKind::Subject => {
                let account = who.account.as_deref();
                self.engine.named_user(issuer, name, account, claim)
            }
            HolderKind::Account => self.engine.named_user(issuer, "", Some(name), claim),
        }
    }
}
