//! Without a gateway: an engine of the policy, with what its store says of the one caller.

use std::sync::Arc;

use http::Method;
use tollgate_admin::Explanation;
use tollgate_engine::limiter::TableSize;
use tollgate_engine::{
    Engine, EngineError, EngineOptions, Inquiry, OwnLimit, PlanNumber, Standing, Standings, User,
};
use tollgate_identity::KeyRing;
use tollgate_limiter::{Clock, SystemClock};
use tollgate_policy::Policy;
use tollgate_store::{Count, Holder, Record, Store};

use super::Caller;
use crate::cli::ExplainArgs;
use crate::failure::Failure;
use crate::serve::explained;
use crate::stored_quotas::{self, GivenBack};
use crate::stores::{self, level};

/// One caller's buckets.
const TABLE: TableSize = TableSize {
    users: 1_024,
    networks: 1_024,
};

/// What a store says of one caller, as the engine asks it.
#[derive(Debug, Default)]
struct Known {
    subject: Record,
    account: Option<Record>,
    /// Names by their numbers.
    plans: Vec<Arc<str>>,
}

pub(super) async fn explain(
    args: &ExplainArgs,
    caller: Option<&Caller>,
    at_ms: Option<u64>,
) -> Result<Explanation, Failure> {
    let policy = Policy::load(&args.policy.config).map_err(Failure::Policy)?;
    let method = Method::from_bytes(args.method.as_bytes())
        .map_err(|_| Failure::Misused(format!("`{}` is no method", args.method)))?;
    let clock = Arc::new(SystemClock::new());
    let store = match (policy.store(), caller) {
        (Some(config), Some(_)) => {
            let location = stores::location(&config.place)?;
            Some(Store::open(&location, clock.clone()).await?)
        }
        _ => None,
    };
    let known = match (&store, caller) {
        (Some(store), Some(caller)) => Known::of(store, caller).await?,
        _ => Known::default(),
    };
    let options = EngineOptions {
        threads: 1,
        table: Some(TABLE),
        // No bucket is named here: any keys will do.
        bucket_keys: Some(Arc::new(KeyRing::ephemeral().map_err(EngineError::from)?)),
        standings: Some(Arc::new(known)),
        usage_rows: None,
    };
    let engine = Engine::new(policy, options)?;
    let user = caller.map(|caller| {
        let (account, plan) = (caller.account.as_deref(), caller.plan_claim.as_deref());
        engine.named_user(&caller.issuer, &caller.subject, account, plan)
    });
    let now = clock.now();
    let inquiry = Inquiry {
        method: &method,
        path: &args.path,
        user: user.clone(),
        peer: args.from,
        at_ms,
    };
    if let (Some(store), Some(user)) = (store, &user) {
        let counts: Vec<Count> = stored_quotas::counts(&store, user, now).await?;
        store.close().await;
        let found = engine.inspect(&inquiry, now);
        stored_quotas::recall(&engine, &found, &counts, &GivenBack::default(), now);
    }
    Ok(explained(&engine.inspect(&inquiry, now)))
}

// === impl Known ===

impl Known {
    async fn of(store: &Store, caller: &Caller) -> Result<Self, Failure> {
        let subject = Holder::subject(&caller.issuer, &caller.subject)?;
        let mut known = Self {
            subject: store.record(&subject).await?.record,
            ..Self::default()
        };
        if let Some(account) = &caller.account {
            let account = Holder::account(&caller.issuer, account)?;
            known.account = Some(store.record(&account).await?.record);
        }
        let records = [Some(&known.subject), known.account.as_ref()];
        let plans = records.into_iter().flatten().flat_map(Record::assignments);
        known.plans = plans.map(|entry| entry.plan.as_str().into()).collect();
        Ok(known)
    }
}

impl Standings for Known {
    fn standing(&self, _: &User, route: &str, at_ms: u64) -> Standing {
        let said = tollgate_store::Standing {
            subject: &self.subject,
            account: self.account.as_ref(),
        };
        let number = |name: &str| {
            let place = self.plans.iter().position(|known| **known == *name)?;
            u32::try_from(place).ok().map(PlanNumber)
        };
        let plan = said.plan_at(at_ms);
        let overrides = said.overrides_at(route, at_ms).into_iter();
        Standing {
            plan: plan
                .and_then(|(whose, entry)| Some((level(whose), number(entry.plan.as_str())?))),
            limits: overrides
                .map(|(whose, entry)| OwnLimit {
                    level: level(whose),
                    on_route: entry.route.is_some(),
                    text: Arc::clone(entry.limit.text()),
                    limit: Arc::clone(entry.limit.limit()),
                })
                .collect(),
        }
    }

    fn plan_name(&self, plan: PlanNumber) -> Option<Arc<str>> {
        self.plans.get(usize::try_from(plan.0).ok()?).cloned()
    }
}
