//! Looking without a request: what would become of one, what a caller has left, and giving back what was
//! spent. For people who run the gateway; nothing here is on the path of requests.
//!
//! Nobody is let through here: who is looked at has shown no credential.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, Method};
use tollgate_identity::{PrincipalKey, User, client_network};
use tollgate_limiter::{Now, Reading, Verdict as Count};
use tollgate_policy::RouteId;

use crate::consult::Consult;
use crate::consulted::Consulted;
use crate::decision::{Decision, Principal, Rejection, Unauthenticated, Verdict};
use crate::engine::{Engine, refused};
use crate::limits::{CountedLimit, PrincipalKeys};
use crate::path_rewrite::{PathRewrite, path_of};
use crate::snapshot::Snapshot;
use crate::standing::{OwnLimit, PlanSource};
use crate::usage::Used;

/// A request that nobody makes.
#[derive(Clone, Debug)]
pub struct Inquiry<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path, as it would be sent, without a query.
    pub path: &'a str,
    /// Who would make it; `None`: nobody known.
    pub user: Option<Arc<User>>,
    /// Where it would come from, if that matters: the network of callers who are not known.
    pub peer: Option<IpAddr>,
    /// When, in milliseconds since 1970: which plans and limits are in force then. `None`: now. What is
    /// left is always that of now.
    pub at_ms: Option<u64>,
}

/// What would become of a request, and why.
#[derive(Debug)]
pub struct Inspected {
    /// As it would be decided, but that nothing was counted. Its readings are those after the request.
    pub decision: Decision,
    /// The same limits, with what they hold now.
    pub left: Consulted,
    own: Vec<OwnLimit>,
}

/// What is given back to a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveBack {
    /// All that was spent: it is full then.
    All,
    /// So many units, at most until it is full.
    Units(u64),
}

// === impl Inspected ===

impl Inspected {
    /// Of a limit that is not the plan's: whose it is.
    #[must_use]
    pub fn own(&self, limit: &CountedLimit) -> Option<&OwnLimit> {
        let is_of = |own: &&OwnLimit| {
            let rest = limit.name.strip_prefix(&*own.limit.name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let of_name = |own: &&OwnLimit| own.limit.name == limit.name;
        let mut own = self.own.iter();
        own.clone().find(of_name).or_else(|| own.find(is_of))
    }
}

impl Inspected {
    /// The caller's quotas, to ask elsewhere what is counted of them; `None` for callers without any.
    #[must_use]
    pub fn used(&self) -> Option<Used> {
        Used::nothing(&self.decision, self.left.list())
    }
}

// === impl Engine ===

impl Engine {
    /// A user by its names alone, as its credentials would name it: to be looked at, never to be let through.
    #[must_use]
    pub fn named_user(
        &self,
        issuer: &str,
        subject: &str,
        account: Option<&str>,
        plan: Option<&str>,
    ) -> Arc<User> {
        let user = User::named(&self.hash_key().0, issuer, subject, account, plan);
        Arc::new(user)
    }

    /// What would become of a request, and why. Consumes nothing.
    ///
    /// Of bucket ids and of budgets of networks it says nothing: they hang on the request itself.
    #[must_use]
    pub fn inspect(&self, inquiry: &Inquiry<'_>, now: Now) -> Inspected {
        let alone = |decision| Inspected {
            decision,
            left: Consulted::default(),
            own: Vec::new(),
        };
        let path = match path_of(inquiry.method, inquiry.path) {
            Ok((path, _)) => path,
            Err(error) => {
                let verdict = Verdict::BadRequest(Rejection::Path(error));
                let route = RouteId::UNMATCHED;
                return alone(self.blank(now, PathRewrite::AsSent, verdict, route));
            }
        };
        let unmatched = RouteId::UNMATCHED;
        let mut decision = self.blank(now, PathRewrite::AsSent, Verdict::Allow, unmatched);
        let snapshot = Arc::clone(&decision.snapshot);
        let routes = snapshot.policy().routes();
        decision.route = routes.classify(inquiry.method.as_str(), &path);
        if !self.place(&mut decision, inquiry) {
            return alone(decision);
        }
        // Plans and limits of that time; buckets of now.
        decision.now.unix_ms = inquiry.at_ms.unwrap_or(now.unix_ms);
        let own = self.stand(&mut decision).limits;
        decision.now = now;
        if let Some(answer) = snapshot.own_path(inquiry.method, &path) {
            decision.verdict = Verdict::Own(answer);
            return alone(decision);
        }
        let left = self.look(&decision, &own, inquiry.peer, Some(0)).0;
        let (limits, verdict) = self.look(&decision, &own, inquiry.peer, None);
        decision.limits = limits;
        if matches!(verdict, Count::Refused) {
            decision.verdict = refused(&decision.limits);
        }
        Inspected {
            decision,
            left,
            own,
        }
    }

    /// What a user has left on a route of a policy. Consumes nothing.
    #[must_use]
    pub fn inspect_route(
        &self,
        snapshot: &Arc<Snapshot>,
        user: &Arc<User>,
        route: RouteId,
        now: Now,
    ) -> Inspected {
        let mut decision = self.blank(now, PathRewrite::AsSent, Verdict::Allow, route);
        // Routes are numbers of their policy, and another one may be in force by now.
        decision.snapshot = Arc::clone(snapshot);
        let (plan, source) = decision.snapshot.plan_of_named(user);
        (decision.plan, decision.plan_source) = (Some(plan), Some(source));
        decision.principal = Principal::User(Arc::clone(user));
        let own = self.stand(&mut decision).limits;
        let left = self.look(&decision, &own, None, Some(0)).0;
        Inspected {
            decision,
            left,
            own,
        }
    }

    /// Gives back what a user spent of one of the limits that [`Engine::inspect_route`] has found. Returns
    /// what the bucket holds then.
    ///
    /// Places of requests under way are not given back.
    pub fn give_back(
        &self,
        inspected: &Inspected,
        limit: &CountedLimit,
        what: GiveBack,
    ) -> Reading {
        let decision = &inspected.decision;
        let keys = self.keys_of(decision, None);
        let route_key = decision.snapshot.route_keys[decision.route.0 as usize];
        let check = limit.check(&keys, route_key, 0, true);
        let reading = match what {
            GiveBack::All => self.table().refill(decision.now, check),
            GiveBack::Units(units) => self.table().give_back(decision.now, check, units),
        };
        Reading {
            remaining: reading.remaining.saturating_sub(limit.grace()),
            ..reading
        }
    }

    /// Who calls and on which plan, without what is assigned; `false` where that is refused.
    fn place(&self, decision: &mut Decision, inquiry: &Inquiry<'_>) -> bool {
        let snapshot = &decision.snapshot;
        let (principal, plan, source) =
            match (&inquiry.user, &snapshot.policy().identity().anonymous) {
                (Some(user), _) => {
                    let (plan, source) = snapshot.plan_of_named(user);
                    (Principal::User(Arc::clone(user)), plan, source)
                }
                (None, Some(anonymous)) => {
                    let peer = inquiry.peer.unwrap_or(NOBODY);
                    let network = client_network(peer, &HeaderMap::new(), &snapshot.networks);
                    let principal = Principal::Anonymous(network);
                    (principal, anonymous.plan, PlanSource::Anonymous)
                }
                (None, None) => {
                    decision.verdict = Verdict::Unauthenticated(Unauthenticated::MissingToken);
                    return false;
                }
            };
        (decision.plan, decision.plan_source) = (Some(plan), Some(source));
        decision.principal = principal;
        true
    }

    fn look(
        &self,
        decision: &Decision,
        own: &[OwnLimit],
        peer: Option<IpAddr>,
        cost: Option<u64>,
    ) -> (Consulted, Count) {
        let Some(plan) = decision.plan else {
            return (Consulted::default(), Count::Admitted(Default::default()));
        };
        let (snapshot, route) = (&decision.snapshot, decision.route);
        let list = self.limits_of(snapshot, plan, route, own);
        let keys = self.keys_of(decision, peer);
        self.consult(
            snapshot,
            list,
            route,
            &keys,
            Consult::Look(cost),
            decision.now,
        )
    }

    fn keys_of(&self, decision: &Decision, peer: Option<IpAddr>) -> PrincipalKeys {
        let hash = &self.hash_key().0;
        let network = match (&decision.principal, peer) {
            (Principal::Anonymous(network), _) => network.key(hash),
            (_, Some(peer)) => {
                client_network(peer, &HeaderMap::new(), &decision.snapshot.networks).key(hash)
            }
            (_, None) => PrincipalKey(0),
        };
        PrincipalKeys::of(&decision.principal, network)
    }
}

/// An address that no request comes from (RFC 5737): its buckets are full.
const NOBODY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 0));
