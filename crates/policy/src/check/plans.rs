//! Plans: their names, classes, what callers are told, and the default among them.

use std::collections::HashMap;
use std::sync::Arc;

use super::routes::Routes;
use super::{Check, limits};
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::Finding;
use crate::identity::IdentityConfig;
use crate::limit::Mode;
use crate::node::At;
use crate::plan::{Plan, PlanId};
use crate::policy::{PLANS_MAX, PlanLimits};
use crate::raw::{HeaderValue, PlanName, RawPlan, Word, header_name, plan_name};

/// The longest class.
const CLASS_BYTES_MAX: usize = 8;

/// The checked plans.
pub(super) struct Plans {
    pub(super) plans: Vec<Plan>,
    pub(super) limits: Vec<PlanLimits>,
    /// Every name of a limit, for tests that name one.
    pub(super) limit_names: Vec<Arc<str>>,
    /// Where the first plan is, for what is wrong with all of them.
    first: Span,
}

impl Check<'_, '_> {
    pub(super) fn plans(
        &mut self,
        raw: Vec<(At<String>, RawPlan)>,
        mode: Mode,
        section: Span,
        routes: &Routes,
    ) -> Plans {
        let first = raw.first().map_or(section, |(name, _)| name.span);
        if raw.is_empty() && self.whole {
            self.error(
                Finding::error(codes::NO_PLANS, section, "policy has no plan")
                    .help("add one: `plans: {standard: {limits: [{name: burst, rate: 100/s}]}}`"),
            );
        }
        if raw.len() > PLANS_MAX {
            self.error(
                Finding::error(
                    codes::TOO_MANY,
                    first,
                    format!("policy has more than {PLANS_MAX} plans"),
                )
                .help("give customers with limits of their own an override instead of a plan"),
            );
        }
        let mut made = Plans {
            plans: Vec::new(),
            limits: Vec::new(),
            limit_names: Vec::new(),
            first,
        };
        let mut classes: HashMap<Arc<str>, String> = HashMap::new();
        for (name, plan) in raw.into_iter().take(PLANS_MAX) {
            if let Err(problem) = plan_name(&name.value) {
                self.error(problem.at(name.span));
            }
            let class = self.class(&name, &plan, &mut classes);
            let plan_mode = mode.and(plan.mode.map_or(Mode::Enforce, |Word(mode)| mode));
            made.limits.push(self.plan_limits(
                plan.limits.unwrap_or_default(),
                plan.routes,
                plan_mode,
                routes,
            ));
            made.plans.push(Plan {
                name: name.value.as_str().into(),
                class,
                mode: plan_mode,
                upgrade_url: plan.upgrade_url.map(|url| url.0.text),
                message: plan.message.map(|message| message.0),
                headers: self.extra_headers(plan.headers.map_or(Vec::new(), |headers| headers.0)),
            });
        }
        made.limit_names = limits::names(&made.limits);
        made
    }

    /// The class written, or the letters and digits that a plan's name begins with.
    fn class(
        &mut self,
        name: &At<String>,
        plan: &RawPlan,
        classes: &mut HashMap<Arc<str>, String>,
    ) -> Arc<str> {
        let (class, span) = match &plan.class {
            Some(class) => (class.value.0.clone(), class.span),
            None => {
                let letters = name.value.chars().filter(char::is_ascii_alphanumeric);
                (
                    letters
                        .take(CLASS_BYTES_MAX)
                        .collect::<String>()
                        .to_ascii_lowercase(),
                    name.span,
                )
            }
        };
        let class: Arc<str> = class.into();
        if class.is_empty() {
            self.error(
                Finding::error(
                    codes::PLAN_CLASS,
                    span,
                    format!("no class can be made of the plan's name `{}`", name.value),
                )
                .help("write one: `class: std`"),
            );
        } else if let Some(other) = classes.insert(Arc::clone(&class), name.value.clone()) {
            let written = if plan.class.is_some() {
                "written here"
            } else {
                "made of this name"
            };
            self.error(
                Finding::error(
                    codes::PLAN_CLASS,
                    span,
                    format!("class `{class}` is that of the plan `{other}` too"),
                )
                .label(written)
                .help("write another one: `class: …`, 1 to 8 of `a-z` and `0-9`"),
            );
        }
        class
    }

    fn extra_headers(&mut self, raw: Vec<(At<String>, HeaderValue)>) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        for (name, value) in raw {
            match header_name(&name.value) {
                Ok(name) => headers.push((name, value.0)),
                Err(problem) => self.error(problem.at(name.span)),
            }
        }
        headers
    }

    pub(super) fn default_plan(
        &mut self,
        raw: Option<At<PlanName>>,
        identity: &IdentityConfig,
        has_anonymous: bool,
        plans: &Plans,
    ) -> Option<PlanId> {
        if let Some(name) = raw {
            return self.plan(&At {
                span: name.span,
                value: name.value.0,
            });
        }
        let anonymous = identity.anonymous.as_ref().map(|anonymous| anonymous.plan);
        let certificates = identity.client_certificates;
        let named = anonymous.or(certificates.and_then(|certificates| certificates.plan));
        let is_used = !identity.issuers.is_empty()
            || identity.api_keys.is_some()
            || certificates.is_some_and(|certificates| certificates.plan.is_none());
        match (plans.plans.len(), named) {
            (0, _) => None,
            (1, _) => Some(PlanId(0)),
            // An anonymous plan that is not there was told already.
            (_, None) if !is_used && has_anonymous => None,
            // Everybody's plan is written: the default plan is never used.
            (_, Some(plan)) if !is_used => Some(plan),
            _ => {
                let other = (0_u16..)
                    .zip(&plans.plans)
                    .find(|(id, _)| Some(PlanId(*id)) != anonymous);
                let example = other.map_or("standard", |(_, plan)| &plan.name);
                let finding = Finding::error(
                    codes::NO_PLANS,
                    plans.first,
                    "no default among several plans",
                )
                .label("which one has a user for whom nothing else is said?")
                .help(format!("add `default_plan: {example}`"));
                self.error(finding);
                None
            }
        }
    }
}
