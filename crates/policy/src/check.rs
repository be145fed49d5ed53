//! From the policy as written to the checked one: what only makes sense across keys.
//!
//! Nothing here ends at its first finding. Where a part cannot be made, the others are still
//! checked, and the policy is made only when there is no error at all.

mod amount;
mod api_keys;
mod certificates;
mod check_endpoint;
mod descriptors;
mod edge;
mod grpc;
mod header_names;
mod identity;
mod keys;
mod limits;
mod notices;
mod operation;
mod plans;
mod quotas;
mod routes;
mod serving;
mod tests;

use std::path::{Path, PathBuf};

use crate::classes;
use crate::codes;
use crate::diagnostics::{Diagnostic, Diagnostics, Span};
use crate::findings::{Finding, Findings};
use crate::limit::Mode;
use crate::network::Listener;
use crate::node::At;
use crate::plan::PlanId;
use crate::policy::Policy;
use crate::raw::{RawPolicy, RawVersion, Word};
use crate::suggest::nearest;

/// What all checks share.
pub(crate) struct Check<'a, 'f> {
    pub(crate) findings: &'a mut Findings<'f>,
    /// Where relative file names begin.
    base: &'a Path,
    /// Whether every part could be read: else what is missing may only be unreadable.
    whole: bool,
    /// Names of plans; a [`PlanId`] is an index here.
    plan_names: Vec<String>,
    /// Findings in other files than the policy.
    elsewhere: Vec<Diagnostic>,
    /// Files read besides the policy.
    inputs: Vec<PathBuf>,
}

/// Checks the whole policy; `None` where there is an error.
pub(crate) fn check(
    raw: RawPolicy,
    base: &Path,
    findings: &mut Findings<'_>,
) -> (Option<Policy>, Vec<Diagnostic>) {
    // Checked where it was read.
    let RawVersion = raw.tollgate;
    let whole = !findings.has_errors();
    let (raw_plans, plans_span) = raw
        .plans
        .0
        .map_or((Vec::new(), raw.span), |plans| (plans.value.0, plans.span));
    let plan_names = raw_plans
        .iter()
        .map(|(name, _)| name.value.clone())
        .collect();
    let mut check = Check {
        whole,
        plan_names,
        ..Check::new(base, findings)
    };

    let mode = raw.mode.map_or(Mode::Enforce, |Word(mode)| mode);
    let has_anonymous = raw
        .identity
        .as_ref()
        .is_some_and(|identity| identity.anonymous.is_some());
    let certificates_span = raw
        .identity
        .as_ref()
        .and_then(|identity| identity.client_certificates.as_ref())
        .map(|certificates| certificates.span);
    let routes = check.routes(raw.routes, &raw_plans, raw.never_block.unwrap_or_default());
    let plans = check.plans(raw_plans, mode, plans_span, &routes);
    let identity_span = raw
        .identity
        .as_ref()
        .map_or(raw.span, |identity| identity.span);
    let identity = check.identity(raw.identity, identity_span);
    let default_plan = check.default_plan(raw.default_plan, &identity, has_anonymous, &plans);
    let listeners = check.listeners(raw.listen, certificates_span.is_some());
    check.certificates_are_asked_for(certificates_span, &listeners);
    let admin = check.admin(raw.admin, &listeners);
    let admin_api = check.admin_api(raw.admin_api, &listeners, admin);
    let beside = grpc::Beside {
        listeners: &listeners,
        admin,
        admin_api: admin_api.as_ref(),
    };
    let grpc = check.grpc(raw.grpc, &beside, &plans, mode);
    let mut taken = listeners.clone();
    taken.extend(admin.map(|address| Listener { address, tls: None }));
    taken.extend(admin_api.as_ref().map(|admin| admin.listener.clone()));
    taken.extend(grpc.as_ref().map(|grpc| grpc.listener.clone()));
    let check_endpoint = check.check_endpoint(raw.check, &taken, &plans);
    let origin = raw
        .origin
        .0
        .map(|origin| check.origin(origin.0, &listeners));
    let on_failure = check.on_failure(raw.on_failure, has_anonymous);
    let sizes = check.sizes(raw.sizes);
    let forwarding = check.forwarding(raw.forward);
    let responses = serving::responses(raw.responses);
    let beside = edge::Neighbours {
        identity: &identity,
        forwarding: &forwarding,
        responses: &responses,
    };
    let edge = check.edge(raw.edge, &beside);
    let store = check.store(raw.store);
    let notices = check.notices(raw.notices, store.is_some());
    let tests = check.tests(raw.tests.unwrap_or_default(), &routes, &plans, &identity);

    let failed = check.findings.has_errors() || check.elsewhere.iter().any(Diagnostic::is_error);
    let (elsewhere, inputs) = (check.elsewhere, check.inputs);
    let observability = operation::observability(raw.access_log, raw.telemetry, base);
    let (Some(default_plan), Some(origin), false) = (default_plan, origin, failed) else {
        return (None, elsewhere);
    };
    let classes = classes::assign(&plans.plans, &plans.limits, &routes.table);
    let policy = Policy {
        // Whoever has the text puts it in.
        text: "".into(),
        listeners,
        admin,
        admin_api,
        check_endpoint,
        grpc,
        origin,
        identity,
        routes: routes.table,
        plan_ids: (0_u16..)
            .zip(&plans.plans)
            .map(|(id, plan)| (plan.name.clone(), PlanId(id)))
            .collect(),
        plans: plans.plans,
        limits: plans.limits,
        classes,
        default_plan,
        responses,
        forwarding,
        edge,
        notices,
        timeouts: operation::timeouts(raw.timeouts),
        sizes,
        counting: operation::counting(raw.counting, base),
        on_failure,
        store,
        observability,
        tests,
        warnings: Diagnostics::default(),
        inputs,
    };
    (Some(policy), elsewhere)
}

impl<'a, 'f> Check<'a, 'f> {
    /// Nothing known yet; every part read where nothing was found.
    pub(crate) fn new(base: &'a Path, findings: &'a mut Findings<'f>) -> Self {
        Check {
            whole: !findings.has_errors(),
            findings,
            base,
            plan_names: Vec::new(),
            elsewhere: Vec::new(),
            inputs: Vec::new(),
        }
    }
}

impl Check<'_, '_> {
    fn error(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// A file that the policy names.
    fn file(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    /// The plan of a name that the policy uses.
    fn plan(&mut self, name: &At<String>) -> Option<PlanId> {
        let index = self
            .plan_names
            .iter()
            .position(|known| *known == name.value);
        // Without any plan there is one finding already, and no name to suggest.
        if index.is_none() && !self.plan_names.is_empty() {
            let finding = self.unknown_plan(&name.value, name.span);
            self.error(finding);
        }
        index
            .and_then(|index| u16::try_from(index).ok())
            .map(PlanId)
    }

    fn unknown_plan(&self, name: &str, span: Span) -> Finding {
        let names = || self.plan_names.iter().map(String::as_str);
        let help = match nearest(name, names()) {
            Some(other) => format!("did you mean `{other}`?"),
            None => format!("add the plan `{name}` to `plans`, or name one that is there"),
        };
        Finding::error(codes::UNKNOWN_PLAN, span, format!("unknown plan `{name}`"))
            .label("not in `plans`")
            .help(help)
    }
}
