//! Lines added up in memory, until they go to the store.

use std::collections::HashMap;

use tollgate_insight::{BYTES_MAX, Entry, Fate};
use tollgate_policy::{Policy, RouteId, RouteTable, normalize};
use tollgate_store::{
    Batch, Caller, Issuer, METER_PERIOD_MS, METERS_PER_BATCH_MAX, Meter, Name, PlanName, RouteName,
    Series, Span, StoreError, UNITS_PER_BATCH_MAX, Usage,
};

use crate::failure::Failure;

/// Usage of the lines since the last batch.
pub(super) struct Tally<'p> {
    routes: &'p RouteTable,
    policy: &'p Policy,
    /// As the store names them, by their ids.
    route_names: Vec<Option<RouteName>>,
    by_name: HashMap<String, RouteId>,
    issuer: Issuer,
    names: Names<Name>,
    plans: Names<PlanName>,
    rows: HashMap<Row, Usage>,
    /// The largest number of all of them.
    largest: u64,
}

/// A meter, by numbers that are given anew after each batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Row {
    subject: Option<u32>,
    account: Option<u32>,
    plan: Option<u32>,
    route: RouteId,
    from_ms: u64,
}

/// Texts that were seen, and their numbers.
struct Names<T> {
    numbers: HashMap<Box<str>, u32>,
    names: Vec<T>,
}

// === impl Tally ===

impl<'p> Tally<'p> {
    pub(super) fn new(policy: &'p Policy, issuer: Issuer) -> Result<Self, Failure> {
        let routes = policy.routes();
        let mut route_names = Vec::with_capacity(routes.len());
        let mut by_name = HashMap::with_capacity(routes.len());
        for (id, route) in routes.iter() {
            let name = route.to_string();
            route_names.push(match id {
                RouteId::UNMATCHED => None,
                _ => Some(RouteName::parse(&name)?),
            });
            by_name.insert(name, id);
        }
        Ok(Self {
            routes,
            policy,
            route_names,
            by_name,
            issuer,
            names: Names::new(),
            plans: Names::new(),
            rows: HashMap::new(),
            largest: 0,
        })
    }

    /// Whether the next line will fit, whatever it is.
    pub(super) fn has_room(&self) -> bool {
        let room = UNITS_PER_BATCH_MAX - self.largest;
        self.rows.len() < METERS_PER_BATCH_MAX && room >= BYTES_MAX
    }

    /// Adds an entry, for which there must be room: what it was, or `None` of one that is not usage.
    pub(super) fn add(&mut self, entry: &Entry<'_>) -> Result<Option<Usage>, StoreError> {
        if entry.fate == Fate::Free {
            return Ok(None);
        }
        let route = self.route(entry);
        let usage = self.usage(entry, route)?;
        let row = Row {
            subject: self.names.number(entry.subject.as_deref(), Name::parse)?,
            account: self.names.number(entry.account.as_deref(), Name::parse)?,
            plan: self.plans.number(entry.plan.as_deref(), PlanName::parse)?,
            route,
            from_ms: period_ms(entry.at_ms)?,
        };
        let sum = self.rows.entry(row).or_default();
        *sum = sum.plus(&usage);
        let numbers = [sum.bytes_in, sum.bytes_out, sum.cost_units];
        self.largest = numbers.into_iter().fold(self.largest, u64::max);
        Ok(Some(usage))
    }

    /// The route as the log has it, if the policy has it too, else by the path.
    fn route(&self, entry: &Entry<'_>) -> RouteId {
        let named = entry
            .route
            .as_deref()
            .and_then(|name| self.by_name.get(name));
        match (named, normalize(&entry.path)) {
            (Some(route), _) => *route,
            (None, Ok(path)) => self.routes.classify(&entry.method, &path),
            (None, Err(_)) => RouteId::UNMATCHED,
        }
    }

    fn usage(&self, entry: &Entry<'_>, route: RouteId) -> Result<Usage, StoreError> {
        let is = |fate: Fate| u64::from(entry.fate == fate);
        Ok(Usage {
            admitted: is(Fate::Admitted),
            limited: is(Fate::Limited),
            refused: is(Fate::Refused),
            bytes_in: entry.bytes_in,
            bytes_out: entry.bytes_out,
            cost_units: match entry.fate {
                Fate::Admitted => self.cost(entry, route)?,
                _ => 0,
            },
        })
    }

    /// What a request costs: the most that one limit of the plan takes for it, and at least 1.
    fn cost(&self, entry: &Entry<'_>, route: RouteId) -> Result<u64, StoreError> {
        let plan = entry
            .plan
            .as_deref()
            .and_then(|name| self.policy.plan_named(name));
        let plan = plan.unwrap_or(self.policy.default_plan());
        let costs = self
            .policy
            .limits(plan, route)
            .iter()
            .map(|limit| limit.cost.get());
        match costs.max().unwrap_or(1) {
            cost if cost <= BYTES_MAX => Ok(cost),
            _ => Err(StoreError::TooMany {
                what: "units of cost of one request",
                max: usize::try_from(BYTES_MAX).unwrap_or(usize::MAX),
            }),
        }
    }

    fn series(&self, row: Row) -> Series {
        let name = |number: Option<u32>| number.and_then(|number| self.names.name(number));
        Series {
            caller: match name(row.subject) {
                None => Caller::Anonymous,
                Some(subject) => Caller::Subject {
                    issuer: self.issuer.clone(),
                    subject: subject.clone(),
                    account: name(row.account).cloned(),
                },
            },
            plan: row.plan.and_then(|plan| self.plans.name(plan)).cloned(),
            route: self.route_names.get(row.route.index()).cloned().flatten(),
        }
    }

    /// Moves everything into a batch.
    pub(super) fn move_into(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.rows);
        for (row, usage) in rows {
            batch.meter(Meter::at(self.series(row), row.from_ms)?, &usage)?;
        }
        self.clear();
        Ok(())
    }

    /// Forgets what was not sent.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.largest = 0;
        self.names.clear();
        self.plans.clear();
    }
}

/// The beginning of the period that a moment is in, if the store can name it.
fn period_ms(at_ms: u64) -> Result<u64, StoreError> {
    let from_ms = at_ms - at_ms % METER_PERIOD_MS;
    Span::new(from_ms, Some(from_ms.saturating_add(METER_PERIOD_MS)))?;
    Ok(from_ms)
}

// === impl Names ===

impl<T> Names<T> {
    fn new() -> Self {
        Self {
            numbers: HashMap::new(),
            names: Vec::new(),
        }
    }

    fn number(
        &mut self,
        text: Option<&str>,
        parse: impl Fn(&str) -> Result<T, StoreError>,
    ) -> Result<Option<u32>, StoreError> {
        let Some(text) = text else {
            return Ok(None);
        };
        if let Some(number) = self.numbers.get(text) {
            return Ok(Some(*number));
        }
        let number = u32::try_from(self.names.len()).map_err(|_| StoreError::TooMany {
            what: "names in one batch",
            max: METERS_PER_BATCH_MAX,
        })?;
        self.names.push(parse(text)?);
        self.numbers.insert(text.into(), number);
        Ok(Some(number))
    }

    fn name(&self, number: u32) -> Option<&T> {
        self.names.get(usize::try_from(number).ok()?)
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.names.clear();
    }
}
