//! Limits: each by itself, and resolved for every route of a plan.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use super::Check;
use super::routes::Routes;
use crate::codes;
use crate::findings::{Finding, Problem};
use crate::limit::{Across, Amount, Limit, Mode, OnChange, Per};
use crate::policy::{LIMITS_PER_ROUTE_MAX, PlanLimits};
use crate::raw::{RawLimit, RouteLimits, Word};
use crate::route::RouteId;

impl Check<'_, '_> {
    /// The limits of a plan: a route's replace the plan's of the same name, others add up.
    pub(super) fn plan_limits(
        &mut self,
        everywhere: Vec<RawLimit>,
        by_route: Option<RouteLimits>,
        mode: Mode,
        routes: &Routes,
    ) -> PlanLimits {
        let everywhere = self.limits(everywhere, mode);
        let mut resolved: BTreeMap<RouteId, Vec<Limit>> = BTreeMap::new();
        for (name, raw) in by_route.map_or(Vec::new(), |by_route| by_route.0) {
            let own = self.limits(raw, mode);
            let Some(id) = self.route(&name, routes) else {
                continue;
            };
            let kept = everywhere
                .iter()
                .filter(|limit| own.iter().all(|own| own.name != limit.name));
            let all: Vec<Limit> = kept.chain(&own).cloned().collect();
            let count: usize = all.iter().map(Limit::consulted).sum();
            if count > LIMITS_PER_ROUTE_MAX {
                self.error(
                    Finding::error(
                        codes::TOO_MANY,
                        name.span,
                        format!("{count} limits apply to one route"),
                    )
                    .label(
                        "with those of the plan; a throttle and a user's share are one more each",
                    )
                    .help(format!("keep at most {LIMITS_PER_ROUTE_MAX}")),
                );
            }
            if resolved.insert(id, all).is_some() {
                let finding = Finding::error(
                    codes::DUPLICATE_NAME,
                    name.span,
                    format!("route `{}` stands twice in one plan", routes.table.get(id)),
                )
                .label("names of parameters do not tell routes apart")
                .help("put its limits into one list");
                self.error(finding);
            }
        }
        let counting = |limits: Vec<Limit>| -> Vec<Limit> {
            limits
                .into_iter()
                .filter(|limit| limit.mode != Mode::Off)
                .collect()
        };
        PlanLimits {
            everywhere: counting(everywhere),
            by_route: resolved
                .into_iter()
                .map(|(id, limits)| (id, counting(limits)))
                .collect(),
        }
    }

    /// One list, in which every name stands once.
    fn limits(&mut self, raw: Vec<RawLimit>, mode: Mode) -> Vec<Limit> {
        let mut limits: Vec<Limit> = Vec::new();
        let (first, is_long) = (
            raw.first().map(|raw| raw.span),
            raw.len() > LIMITS_PER_ROUTE_MAX,
        );
        if let Some(beyond) = raw.get(LIMITS_PER_ROUTE_MAX) {
            self.error(
                Finding::error(
                    codes::TOO_MANY,
                    beyond.span,
                    format!("more than {LIMITS_PER_ROUTE_MAX} limits in one list"),
                )
                .help("remove what another limit covers"),
            );
        }
        for raw in raw {
            let (span, name) = (raw.name.span, raw.name.value.0.clone());
            if limits.iter().any(|limit| *limit.name == *name) {
                self.error(
                    Finding::error(
                        codes::DUPLICATE_NAME,
                        span,
                        format!("limit `{name}` stands twice in one list"),
                    )
                    .label("the second one")
                    .help("give it another name: limits of one name replace each other"),
                );
                continue;
            }
            limits.extend(self.limit(raw, mode));
        }
        let count: usize = limits.iter().map(Limit::consulted).sum();
        if let (true, Some(first)) = (count > LIMITS_PER_ROUTE_MAX && !is_long, first) {
            self.error(
                Finding::error(
                    codes::TOO_MANY,
                    first,
                    format!("{count} limits apply to one route"),
                )
                .label("a throttle and a user's share are one more each")
                .help(format!("keep at most {LIMITS_PER_ROUTE_MAX}")),
            );
        }
        limits
    }

    /// One limit.
    pub(crate) fn limit(&mut self, raw: RawLimit, mode: Mode) -> Option<Limit> {
        let amount = self.amount(&raw)?;
        let cost = raw.cost.as_ref();
        let cost = cost.map_or(NonZeroU64::MIN, |cost| cost.value.0);
        if cost > amount.capacity() {
            let span = raw.cost.map_or(raw.span, |cost| cost.span);
            self.error(too_costly(&amount, cost).at(span));
            return None;
        }
        let per = raw.per.as_ref().map_or(Per::User, |Word(per)| *per);
        let quota = self.quota_rules(&raw, &amount, per);
        Some(Limit {
            name: Arc::from(raw.name.value.0),
            amount,
            per,
            quota,
            across: raw.across.map_or(Across::EachRoute, |Word(across)| across),
            mode: mode.and(raw.mode.map_or(Mode::Enforce, |Word(mode)| mode)),
            cost,
            on_change: raw.on_change.map_or(OnChange::Keep, |Word(then)| then),
        })
    }
}

fn too_costly(amount: &Amount, cost: NonZeroU64) -> Problem {
    let capacity = amount.capacity();
    let (key, or) = match amount {
        Amount::Rate { .. } => ("burst", format!(", or `burst: {cost}`")),
        Amount::Window { .. } => ("window", String::new()),
        Amount::Quota { .. } => ("quota", String::new()),
        Amount::Concurrency { .. } => ("concurrency", String::new()),
    };
    Problem::new(
        codes::UNITS,
        format!("cost of {cost} is above the {key} of {capacity}: no request could ever pass"),
        format!("write a cost of at most {capacity}{or}"),
    )
}

/// Every name, once.
pub(super) fn names(limits: &[PlanLimits]) -> Vec<Arc<str>> {
    let all = limits.iter().flat_map(|plan| {
        plan.by_route
            .iter()
            .map(|(_, limits)| limits)
            .chain([&plan.everywhere])
    });
    let mut names: Vec<Arc<str>> = all.flatten().map(|limit| Arc::clone(&limit.name)).collect();
    names.sort();
    names.dedup();
    names
}
