//! From settings to an authorizer in force: the policy, its keys, and whether they go together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use tollgate_aws::authorizer::{self, AuthorizerApi, Variant};
use tollgate_engine::{Counting, Engine, EngineOptions, Snapshot};
use tollgate_fetch::Keepers;
use tollgate_policy::Policy;

use crate::clock::ThawingClock;
use crate::error::StartError;
use crate::settings::Settings;
use crate::stage::{self, Stage};

/// Ready to answer.
pub(crate) struct Authorizer {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: ThawingClock,
    pub(crate) settings: Settings,
    pub(crate) keepers: Mutex<Keepers>,
    /// The policy has ids that clients present.
    pub(crate) compares_ids: bool,
    /// Files that the policy in force was read from.
    _stage: Option<Stage>,
}

/// Loads the policy and waits a bounded time for the first keys.
///
/// # Errors
/// Whatever would make a wrong answer likely; nothing is answered then.
pub(crate) async fn start(settings: Settings) -> Result<Authorizer, StartError> {
    let (policy, stage) = stage::load(&settings.config)?;
    if !policy.warnings().is_empty() {
        tracing::warn!("the policy has warnings:\n{}", policy.warnings());
    }
    check(&policy, &settings)?;
    if policy.identity().client_certificates.is_some() {
        tracing::warn!("client certificates are not read here: such callers have no credential");
    }
    let compares_ids = policy.edge().is_some_and(|edge| edge.before.is_some());
    let options = EngineOptions {
        threads: 1,
        bucket_keys: settings.bucket_keys.clone(),
        ..EngineOptions::default()
    };
    let engine = Engine::new(policy, options)?;
    let snapshot = engine.snapshot();
    if let Some(kid) = settings
        .name_key
        .filter(|kid| !snapshot.knows_bucket_key(*kid))
    {
        return Err(StartError::NameKey(kid.to_string()));
    }
    let mut keepers = Keepers::new()?;
    keepers.follow(&snapshot);
    first_keys(&snapshot, settings.start_wait).await;
    keepers.report();
    Ok(Authorizer {
        engine,
        clock: ThawingClock::default(),
        settings,
        keepers: Mutex::new(keepers),
        compares_ids,
        _stage: stage,
    })
}

/// Whether a policy and the settings go together.
pub(crate) fn check(policy: &Policy, settings: &Settings) -> Result<(), StartError> {
    if policy.identity().bucket_keys.is_none() {
        return Err(StartError::NoRing);
    }
    let ids = policy.edge().is_some_and(|edge| edge.before.is_some());
    if ids && settings.api == Some(AuthorizerApi::RestToken) {
        return Err(StartError::IdUnseen);
    }
    let ttl_s = settings.ttl_s;
    if ttl_s == 0 {
        return Ok(());
    }
    let api = settings.api.ok_or(StartError::CacheOfWhat)?;
    let sources = authorizer::identity_sources(api, &Variant::of(policy))
        .map_err(|source| StartError::Uncacheable { api, source })?;
    if settings.counting == Counting::Charge {
        return Err(StartError::CountsCached);
    }
    if let Some(pass) = policy.edge().and_then(|edge| edge.pass.as_ref())
        && pass.lifetime <= Duration::from_secs(ttl_s.into())
    {
        let lifetime_s = pass.lifetime.as_secs();
        let ttl_s = ttl_s.into();
        return Err(StartError::PassEndsFirst { lifetime_s, ttl_s });
    }
    tracing::info!(%api, ttl_s, ?sources, "answers are kept by these identity sources");
    let unnoticed_s = authorizer::ttl_s_max(api, policy, None);
    if ttl_s > unnoticed_s {
        let early_s = ttl_s - unnoticed_s;
        tracing::warn!(
            early_s,
            "tokens are refused this long before the end of their leeway"
        );
    }
    Ok(())
}

/// Waits until every issuer has given keys, or refused to, or the time is up: what is missing then is
/// asked for again while requests come.
async fn first_keys(snapshot: &Snapshot, limit: Duration) {
    let all = async {
        for slot in snapshot.key_sources() {
            if !slot.ready() {
                slot.holder.changed(0).await;
            }
        }
    };
    let _in_time = timeout(limit, all).await;
    for slot in snapshot.key_sources() {
        if !slot.ready() {
            tracing::warn!(
                issuer = slot.issuer,
                "no keys yet: its tokens are refused until there are"
            );
        }
    }
}
