//! The checked policy: what a file meant, with nothing left to check.

mod load;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::answers::{ForwardingConfig, ResponseConfig};
use crate::classes::PlanClasses;
use crate::diagnostics::Diagnostics;
use crate::edge::EdgeConfig;
use crate::expectation::PolicyTest;
use crate::grpc::GrpcConfig;
use crate::identity::IdentityConfig;
use crate::limit::Limit;
use crate::network::{AdminApi, CheckEndpoint, Listener, OriginConfig};
use crate::notices::NoticesConfig;
use crate::operation::{
    CountingConfig, ObservabilityConfig, OnFailure, SizeLimits, StoreConfig, Timeouts,
};
use crate::paths::PathRules;
use crate::plan::{Plan, PlanId};
use crate::route::RouteId;
use crate::routes::RouteTable;

/// The largest policy file, in bytes.
pub const POLICY_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The most plans of a policy.
pub const PLANS_MAX: usize = 10_000;
/// The most limits that may apply to one request.
pub const LIMITS_PER_ROUTE_MAX: usize = 16;

/// A checked policy.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) text: Arc<str>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) admin_api: Option<AdminApi>,
    pub(crate) check_endpoint: Option<CheckEndpoint>,
    pub(crate) grpc: Option<GrpcConfig>,
    pub(crate) origin: OriginConfig,
    pub(crate) identity: IdentityConfig,
    pub(crate) routes: RouteTable,
    pub(crate) plans: Vec<Plan>,
    /// By name.
    pub(crate) plan_ids: HashMap<Arc<str>, PlanId>,
    /// Beside `plans`.
    pub(crate) limits: Vec<PlanLimits>,
    /// Beside `plans`.
    pub(crate) classes: Vec<PlanClasses>,
    pub(crate) default_plan: PlanId,
    pub(crate) responses: ResponseConfig,
    pub(crate) forwarding: ForwardingConfig,
    pub(crate) edge: Option<EdgeConfig>,
    pub(crate) notices: Option<NoticesConfig>,
    pub(crate) timeouts: Timeouts,
    pub(crate) sizes: SizeLimits,
    pub(crate) counting: CountingConfig,
    pub(crate) on_failure: OnFailure,
    pub(crate) store: Option<StoreConfig>,
    pub(crate) observability: ObservabilityConfig,
    pub(crate) tests: Vec<PolicyTest>,
    pub(crate) warnings: Diagnostics,
    pub(crate) inputs: Vec<PathBuf>,
}

/// A plan's limits, resolved for every route.
#[derive(Debug, Clone)]
pub(crate) struct PlanLimits {
    /// Where a route has no limits of its own.
    pub(crate) everywhere: Vec<Limit>,
    /// Routes with limits of their own, sorted by id.
    pub(crate) by_route: Vec<(RouteId, Vec<Limit>)>,
}

impl Policy {
    /// Reads a policy file, and the files that it names relative to its own folder.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn load(path: &Path) -> Result<Policy, Diagnostics> {
        load::load(path)
    }

    /// The same from text; `name` stands in messages, `base` is where relative file names begin.
    ///
    /// # Errors
    /// As [`Policy::load`].
    pub fn parse(name: &str, text: &str, base: &Path) -> Result<Policy, Diagnostics> {
        load::parse(name, text, base)
    }

    /// What is probably not meant, though it can be done.
    #[must_use]
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The parts that `after` has otherwise and that a gateway takes over at its next start only: they are bound to
    /// sockets and memory made then.
    #[must_use]
    pub fn needs_restart(&self, after: &Policy) -> Vec<&'static str> {
        let (old, new) = (self.observability(), after.observability());
        let grpc = |policy: &Policy| policy.grpc().map(|grpc| grpc.listener.clone());
        let parts = [
            ("listen", self.listeners() != after.listeners()),
            ("admin", self.admin() != after.admin()),
            ("admin_api", self.admin_api() != after.admin_api()),
            ("check", self.check_endpoint() != after.check_endpoint()),
            ("grpc", grpc(self) != grpc(after)),
            ("counting", self.counting() != after.counting()),
            ("store", self.store() != after.store()),
            ("notices", self.notices() != after.notices()),
            ("telemetry", old.otlp != new.otlp),
            ("access_log", old.access_log != new.access_log),
        ];
        let changed = parts.into_iter().filter(|(_, changed)| *changed);
        changed.map(|(part, _)| part).collect()
    }

    /// The text that it was read from, without the files that it names.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Every file that was read, to watch for changes.
    #[must_use]
    pub fn inputs(&self) -> &[PathBuf] {
        &self.inputs
    }

    /// The routes.
    #[must_use]
    pub fn routes(&self) -> &RouteTable {
        &self.routes
    }

    /// The plans, in the order of the file; a [`PlanId`] is an index here.
    #[must_use]
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// The plan of this name, as a plan claim or an assignment says it.
    #[must_use]
    pub fn plan_named(&self, name: &str) -> Option<PlanId> {
        self.plan_ids.get(name).copied()
    }

    /// The plan of a user for whom nothing else is said.
    #[must_use]
    pub fn default_plan(&self) -> PlanId {
        self.default_plan
    }

    /// The limits of a plan on a route: the route's own replace the plan's of the same name, others
    /// add up; those that are off are left out. Allocates nothing.
    #[must_use]
    pub fn limits(&self, plan: PlanId, route: RouteId) -> &[Limit] {
        let limits = &self.limits[usize::from(self.known(plan).0)];
        match limits.by_route.binary_search_by_key(&route, |(id, _)| *id) {
            Ok(index) => &limits.by_route[index].1,
            Err(_) => &limits.everywhere,
        }
    }

    /// The limit class of a plan on a route, 1 to 8 of `a-z0-9`: the front of bucket ids. Two
    /// routes have one class where all their limits are the same.
    #[must_use]
    pub fn limit_class(&self, plan: PlanId, route: RouteId) -> &str {
        let index = usize::from(self.known(plan).0);
        let never_block = self.routes.get(route).never_block;
        let own = self.classes[index].of(route, never_block);
        own.unwrap_or(&self.plans[index].class)
    }

    /// An id of another policy falls back to the default plan, so that it can never panic.
    fn known(&self, plan: PlanId) -> PlanId {
        if self.limits.len() > usize::from(plan.0) {
            plan
        } else {
            self.default_plan
        }
    }

    /// Who may call.
    #[must_use]
    pub fn identity(&self) -> &IdentityConfig {
        &self.identity
    }

    /// Where requests come in; at least one.
    #[must_use]
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Where metrics and health are served; `None` when off.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Where the admin API and the console are served; `None`: nowhere.
    #[must_use]
    pub fn admin_api(&self) -> Option<&AdminApi> {
        self.admin_api.as_ref()
    }

    /// Where other proxies ask; `None`: nowhere.
    #[must_use]
    pub fn check_endpoint(&self) -> Option<&CheckEndpoint> {
        self.check_endpoint.as_ref()
    }

    /// What stands behind the gateway.
    #[must_use]
    pub fn origin(&self) -> &OriginConfig {
        &self.origin
    }

    /// What callers are told.
    #[must_use]
    pub fn responses(&self) -> &ResponseConfig {
        &self.responses
    }

    /// What the origin is told.
    #[must_use]
    pub fn forwarding(&self) -> &ForwardingConfig {
        &self.forwarding
    }

    /// What limiters outside the process are given.
    #[must_use]
    pub fn edge(&self) -> Option<&EdgeConfig> {
        self.edge.as_ref()
    }

    /// Where Envoy asks, and what its domains mean; `None`: nowhere.
    #[must_use]
    pub fn grpc(&self) -> Option<&GrpcConfig> {
        self.grpc.as_ref()
    }

    /// Where notices go; `None`: nowhere.
    #[must_use]
    pub fn notices(&self) -> Option<&NoticesConfig> {
        self.notices.as_ref()
    }

    /// Timeouts.
    #[must_use]
    pub fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// Sizes.
    #[must_use]
    pub fn sizes(&self) -> &SizeLimits {
        &self.sizes
    }

    /// Access log and traces.
    #[must_use]
    pub fn observability(&self) -> &ObservabilityConfig {
        &self.observability
    }

    /// What happens to what cannot be decided.
    #[must_use]
    pub fn on_failure(&self) -> &OnFailure {
        &self.on_failure
    }

    /// Where plans, overrides and usage are kept, if anywhere.
    #[must_use]
    pub fn store(&self) -> Option<&StoreConfig> {
        self.store.as_ref()
    }

    /// Capacity of the table of counters.
    #[must_use]
    pub fn counting(&self) -> &CountingConfig {
        &self.counting
    }

    /// How paths are matched.
    #[must_use]
    pub fn paths(&self) -> &PathRules {
        self.routes.rules()
    }

    /// The policy's own tests.
    #[must_use]
    pub fn tests(&self) -> &[PolicyTest] {
        &self.tests
    }
}
