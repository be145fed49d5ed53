//! The engine: the one place where a request becomes a verdict.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tollgate_identity::{ClientCertificate, KeyRing, PrincipalKey, client_network};
use tollgate_limiter::{Lease, Now, Table, TableSize};
use tollgate_policy::{Per, Policy, RouteId};

use crate::asked::Asked;
use crate::budget::{Budget, NetworkBudget};
use crate::consult::{Consult, refused};
use crate::consulted::Consulted;
use crate::decision::{Decision, OwnAnswer, Principal, Rejection, Unauthenticated, Verdict};
use crate::error::EngineError;
use crate::head::RequestHead;
use crate::identify::{Identified, WhenKeysAreMissing};
use crate::key_wait::KeyWait;
use crate::keys::HashKey;
use crate::limits::PrincipalKeys;
use crate::meters::{MeterTotals, Meters};
use crate::path_rewrite::{PathRewrite, path_of};
use crate::snapshot::Snapshot;
use crate::standing::{OwnLimit, PlanSource, Standing, Standings};
use crate::usage::Usage;

/// What an engine needs beside the policy.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// Threads that decide at once; each gets meters of its own.
    pub threads: usize,
    /// Capacity in buckets, where it is not the policy's `counting`.
    pub table: Option<TableSize>,
    /// Keys of bucket ids for policies that leave them to the environment.
    pub bucket_keys: Option<Arc<KeyRing>>,
    /// Who knows the plans that users are assigned, and their own limits. Without it there are none.
    pub standings: Option<Arc<dyn Standings>>,
    /// Rows of what callers used that are kept until somebody takes them; `None`: nobody wants to know.
    pub usage_rows: Option<NonZeroUsize>,
}

/// Decides requests under the policy in force.
///
/// State: the policy snapshot (written by [`Engine::reload`], read by every decision), the table of
/// buckets (written by every decision) and the meters (likewise, by relaxed atomic adds).
pub struct Engine {
    current: ArcSwap<Snapshot>,
    table: Arc<Table>,
    hash: HashKey,
    bucket_keys: Option<Arc<KeyRing>>,
    standings: Option<Arc<dyn Standings>>,
    usage: Option<Usage>,
    totals: Mutex<MeterTotals>,
    threads: usize,
}

/// What [`Engine::decide`] says.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the usual one; a box would allocate on every request"
)]
pub enum Outcome {
    /// The verdict.
    Decided(Decision),
    /// The token's key is not known yet and was asked for; wait, then call
    /// [`Engine::decide_final`].
    AwaitKeys(KeyWait),
}

// === impl Engine ===

impl Engine {
    /// An engine under `policy`, with an empty table.
    ///
    /// # Errors
    /// Limits that cannot be counted, key files that cannot be read, or no randomness.
    pub fn new(policy: Policy, options: EngineOptions) -> Result<Arc<Self>, EngineError> {
        let mut hash_key = [0; 16];
        getrandom::fill(&mut hash_key).map_err(|_| EngineError::Random)?;
        Self::build(policy, options, HashKey(hash_key))
    }

    /// An engine that names buckets under `hash`.
    pub(crate) fn build(
        policy: Policy,
        options: EngineOptions,
        hash: HashKey,
    ) -> Result<Arc<Self>, EngineError> {
        let configured = TableSize {
            users: policy.counting().users,
            networks: policy.counting().networks,
        };
        let table = Table::new(options.table.unwrap_or(configured))?;
        let ring = options.bucket_keys.as_ref();
        let standings = options.standings.as_deref();
        let names = (&hash, ring);
        let snapshot = Snapshot::build(policy, None, names, &table, standings, options.threads)?;
        Ok(Arc::new(Self {
            totals: Mutex::new(MeterTotals::new(snapshot.meters.clone())),
            current: ArcSwap::from_pointee(snapshot),
            table,
            hash,
            bucket_keys: options.bucket_keys,
            standings: options.standings,
            usage: options.usage_rows.map(Usage::new),
            threads: options.threads,
        }))
    }

    /// Puts `policy` in force at once for all requests that come after; counts are kept, and a
    /// bucket is found again by the names of its route and limit.
    ///
    /// # Errors
    /// As [`Engine::new`]; the policy in force then stays.
    pub fn reload(&self, policy: Policy) -> Result<(), EngineError> {
        let snapshot = self.build_next(policy)?;
        self.totals.lock().supersede(snapshot.meters.clone());
        self.current.store(Arc::new(snapshot));
        Ok(())
    }

    /// Whether [`Engine::reload`] would put `policy` in force.
    ///
    /// # Errors
    /// What it would fail for.
    pub fn try_policy(&self, policy: Policy) -> Result<(), EngineError> {
        self.build_next(policy).map(drop)
    }

    fn build_next(&self, policy: Policy) -> Result<Snapshot, EngineError> {
        Snapshot::build(
            policy,
            Some(&self.current.load_full()),
            (&self.hash, self.bucket_keys.as_ref()),
            &self.table,
            self.standings(),
            self.threads,
        )
    }

    /// The policy in force, with what belongs to it.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The table of buckets.
    #[must_use]
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Reads the meters of this and all earlier policies; for a scrape, not for the hot path.
    pub fn with_totals<T>(&self, read: impl FnOnce(&mut MeterTotals) -> T) -> T {
        read(&mut self.totals.lock())
    }

    /// Reads a client's leaf certificate, in DER, once for all requests of its connection. It must
    /// have been verified: the chain, the time, and that the client holds its key.
    #[must_use]
    pub fn client_certificate(&self, der: &[u8]) -> ClientCertificate {
        ClientCertificate::read(der, &self.hash.0)
    }

    /// Counts a finished decision.
    pub fn observe(&self, decision: &Decision, elapsed: Duration) {
        let meters: &Meters = &decision.snapshot.meters;
        meters.count(decision.route, decision.label(), elapsed);
    }

    /// Decides a request from what is in memory.
    #[must_use]
    pub fn decide(&self, head: &RequestHead<'_>, now: Now) -> Outcome {
        self.decide_as(head, Asked::default(), now)
    }

    /// As [`Engine::decide`], for a frontend that is asked about a request which another forwards.
    #[must_use]
    pub fn decide_as(&self, head: &RequestHead<'_>, asked: Asked<'_>, now: Now) -> Outcome {
        self.run(head, asked, now, WhenKeysAreMissing::Ask)
    }

    /// Decides after a wait for keys: what is still unknown is refused.
    #[must_use]
    pub fn decide_final(&self, head: &RequestHead<'_>, now: Now) -> Decision {
        self.decide_final_as(head, Asked::default(), now)
    }

    /// As [`Engine::decide_final`], for a frontend that is asked.
    #[must_use]
    pub fn decide_final_as(&self, head: &RequestHead<'_>, asked: Asked<'_>, now: Now) -> Decision {
        match self.run(head, asked, now, WhenKeysAreMissing::Refuse) {
            Outcome::Decided(decision) => decision,
            // `Refuse` never waits; said as a value so that no panic is reachable.
            Outcome::AwaitKeys(_) => self.blank(
                now,
                PathRewrite::AsSent,
                Verdict::Unavailable,
                RouteId::UNMATCHED,
            ),
        }
    }

    fn run(
        &self,
        head: &RequestHead<'_>,
        asked: Asked<'_>,
        now: Now,
        keys: WhenKeysAreMissing,
    ) -> Outcome {
        let (path, rewrite) = match path_of(head.method, head.path) {
            Ok(path) => path,
            Err(error) => {
                let verdict = Verdict::BadRequest(Rejection::Path(error));
                let route = RouteId::UNMATCHED;
                return Outcome::Decided(self.blank(now, PathRewrite::AsSent, verdict, route));
            }
        };
        let snapshot = self.current.load_full();
        let named = asked.template;
        let named = named.and_then(|template| snapshot.named(head.method, template));
        let routes = snapshot.policy().routes();
        let route = named.unwrap_or_else(|| routes.classify(head.method.as_str(), &path));
        let mut decision = Decision {
            verdict: Verdict::Allow,
            route,
            principal: Principal::Unknown,
            plan: None,
            plan_source: None,
            limits: Consulted::default(),
            lease: Lease::default(),
            path: rewrite,
            pass_due: None,
            cost: None,
            preflight: head.is_preflight(),
            now,
            snapshot,
        };
        let (path_sent, fields) = (&decision.path, head.headers);
        let unfit = asked
            .forwarding
            .refuses(path_sent, fields, &decision.snapshot);
        if let Some(rejection) = unfit {
            decision.verdict = Verdict::BadRequest(rejection);
            return Outcome::Decided(decision);
        }
        if decision.preflight {
            // No browser shows an id on one: whoever does would have a limiter in front count it.
            if let Err(reason) = decision.snapshot.check_id(&decision, head) {
                decision.verdict = Verdict::Forbidden(reason);
            }
            return Outcome::Decided(decision);
        }
        let counting = (&self.table, &self.hash);
        let snapshot = &decision.snapshot;
        let budget = asked.counted(snapshot.failures.as_ref());
        let failures = NetworkBudget::new(budget, counting, snapshot, head, now);
        let identified = match asked.caller {
            None => snapshot.identify(head, now, keys, &failures),
            Some(caller) => self.identify_named(snapshot, head, caller),
        };
        match identified {
            Identified::Caller(principal, plan, source) => {
                decision.principal = principal;
                (decision.plan, decision.plan_source) = (Some(plan), Some(source));
            }
            Identified::Refused(verdict) => {
                decision.verdict = verdict;
                return Outcome::Decided(decision);
            }
            Identified::OverBudget(limits) => {
                decision.verdict = refused(&limits);
                decision.limits = limits;
                return Outcome::Decided(decision);
            }
            Identified::AwaitKeys(wait) => return Outcome::AwaitKeys(wait),
        }
        let standing = self.stand(&mut decision);
        decision.pass_due = decision.snapshot.due_pass(&decision, head.headers);
        let own = decision.snapshot.own_path(head.method, &path);
        if let Some(own) = own.filter(|_| asked.answers_own()) {
            self.decide_own(&mut decision, head, asked, own);
            return Outcome::Decided(decision);
        }
        match decision.snapshot.check_id(&decision, head) {
            Ok(None) => {}
            Ok(plan) => {
                (decision.plan, decision.plan_source) = (plan, Some(PlanSource::WithoutId));
            }
            Err(reason) => {
                decision.verdict = Verdict::Forbidden(reason);
                return Outcome::Decided(decision);
            }
        }
        if let Some(consult) = asked.counting.consult(asked.cost) {
            self.count(&mut decision, head, &standing.limits, consult);
        }
        Outcome::Decided(decision)
    }

    /// Looking at one's own limits is free; ids are for users, and cost the network of theirs.
    fn decide_own(
        &self,
        decision: &mut Decision,
        head: &RequestHead<'_>,
        asked: Asked<'_>,
        own: OwnAnswer,
    ) {
        decision.verdict = Verdict::Own(own);
        if own == OwnAnswer::RateLimit {
            return;
        }
        if !matches!(decision.principal, Principal::User(_)) {
            decision.verdict = Verdict::Unauthenticated(Unauthenticated::MissingToken);
            return;
        }
        let snapshot = &decision.snapshot;
        if !snapshot.ring.is_valid(decision.now.unix_s()) {
            // Ids of a key that nobody accepts would be refused everywhere.
            decision.verdict = Verdict::Unavailable;
            return;
        }
        let before = snapshot.edge.as_ref().and_then(|edge| edge.before.as_ref());
        let budget: Option<&Budget> = before.and_then(|before| before.per_network.as_ref());
        let budget = asked.counted(budget);
        let counting = (&self.table, &self.hash);
        let taken = NetworkBudget::new(budget, counting, snapshot, head, decision.now).take();
        if let Some(limits) = taken {
            decision.verdict = refused(&limits);
            decision.limits = limits;
        }
    }

    /// Looks up what is said of the caller, and gives it the plan that it is assigned.
    pub(crate) fn stand(&self, decision: &mut Decision) -> Standing {
        let snapshot = &decision.snapshot;
        let (principal, route) = (&decision.principal, decision.route);
        let standing = snapshot.standing(self.standings(), principal, route, decision.now);
        if let Some((plan, source)) = snapshot.assigned_plan(self.standings(), &standing) {
            (decision.plan, decision.plan_source) = (Some(plan), Some(source));
        }
        standing
    }

    pub(crate) fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }

    pub(crate) fn standings(&self) -> Option<&dyn Standings> {
        self.standings.as_deref()
    }

    /// Consults the limits of a decision whose caller, plan and route stand.
    fn count(
        &self,
        decision: &mut Decision,
        head: &RequestHead<'_>,
        own: &[OwnLimit],
        asked: Consult,
    ) {
        let Some(plan) = decision.plan else { return };
        let per_network = |own: &OwnLimit| own.limit.per == Per::Network;
        let list = decision.snapshot.limits.of(plan, decision.route);
        let wanted = list.per_network || own.iter().any(per_network);
        let keys = self.network_keys(decision, head, wanted);
        self.charge(decision, &keys, own, asked);
    }

    pub(crate) fn hash_key(&self) -> &HashKey {
        &self.hash
    }

    pub(crate) fn blank(
        &self,
        now: Now,
        path: PathRewrite,
        verdict: Verdict,
        route: RouteId,
    ) -> Decision {
        Decision {
            verdict,
            route,
            principal: Principal::Unknown,
            plan: None,
            plan_source: None,
            limits: Consulted::default(),
            lease: Lease::default(),
            path,
            pass_due: None,
            cost: None,
            preflight: false,
            now,
            snapshot: self.snapshot(),
        }
    }

    /// The keys that the caller's limits may be counted by. Which network a user calls from is
    /// worked out only where it is `wanted`.
    pub(crate) fn network_keys(
        &self,
        decision: &Decision,
        head: &RequestHead<'_>,
        wanted: bool,
    ) -> PrincipalKeys {
        let network = match &decision.principal {
            Principal::Anonymous(network) => network.key(&self.hash.0),
            _ if wanted => client_network(head.peer, head.headers, &decision.snapshot.networks)
                .key(&self.hash.0),
            _ => PrincipalKey(0),
        };
        PrincipalKeys::of(&decision.principal, network)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
