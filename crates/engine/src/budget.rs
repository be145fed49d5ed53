//! Limits of Tollgate's own, counted per client network: what a network may fail to verify, and
//! how often it may ask for bucket ids.

use std::cell::OnceCell;
use std::sync::Arc;

use smallvec::smallvec;
use tollgate_identity::{FailureBudget, client_network};
use tollgate_limiter::{Check, Now, Reading, Table, Verdict};
use tollgate_policy::Limit;

use crate::consulted::Consulted;
use crate::decision::Principal;
use crate::error::EngineError;
use crate::head::RequestHead;
use crate::keys::HashKey;
use crate::limits::{Owner, PrincipalKeys, RouteLimits};
use crate::snapshot::Snapshot;

/// One limit outside all plans.
#[derive(Debug)]
pub(crate) struct Budget(Arc<RouteLimits>);

/// A budget as the request of one network sees it.
pub(crate) struct NetworkBudget<'a> {
    budget: Option<&'a Budget>,
    table: &'a Arc<Table>,
    hash: &'a HashKey,
    snapshot: &'a Snapshot,
    head: &'a RequestHead<'a>,
    now: Now,
    /// Worked out for those who need it only: nearly every token is in memory.
    keys: OnceCell<PrincipalKeys>,
}

// === impl Budget ===

impl Budget {
    pub(crate) fn compile(
        limit: &Limit,
        hash: &HashKey,
        table: &Table,
    ) -> Result<Self, EngineError> {
        let limits = std::slice::from_ref(limit);
        RouteLimits::new(limits, Owner::Gateway, hash, table).map(|limits| Self(Arc::new(limits)))
    }
}

// === impl NetworkBudget ===

impl<'a> NetworkBudget<'a> {
    pub(crate) fn new(
        budget: Option<&'a Budget>,
        (table, hash): (&'a Arc<Table>, &'a HashKey),
        snapshot: &'a Snapshot,
        head: &'a RequestHead<'a>,
        now: Now,
    ) -> Self {
        Self {
            budget,
            table,
            hash,
            snapshot,
            head,
            now,
            keys: OnceCell::new(),
        }
    }

    /// What is left, without taking any; `None` where there is no budget.
    pub(crate) fn look(&self) -> Option<Consulted> {
        let Budget(list) = self.budget?;
        let mut readings = smallvec![Reading::default(); list.limits.len()];
        self.table.peek(self.now, &self.checks(list), &mut readings);
        Some(Consulted::new(Arc::clone(list), readings, false))
    }

    /// Takes one off; what refuses it, if something does.
    pub(crate) fn take(&self) -> Option<Consulted> {
        let Budget(list) = self.budget?;
        let mut readings = smallvec![Reading::default(); list.limits.len()];
        match self
            .table
            .decide(self.now, &self.checks(list), &mut readings)
        {
            Verdict::Admitted(_) => None,
            Verdict::Refused => Some(Consulted::new(Arc::clone(list), readings, false)),
        }
    }

    fn checks<'l>(&self, list: &'l RouteLimits) -> [Check<'l>; 1] {
        let keys = self.keys.get_or_init(|| {
            let network =
                client_network(self.head.peer, self.head.headers, &self.snapshot.networks);
            PrincipalKeys::of(&Principal::Unknown, network.key(&self.hash.0))
        });
        let limit = &list.limits[0];
        [limit.check(keys, 0, limit.cost, false)]
    }
}

impl FailureBudget for NetworkBudget<'_> {
    fn is_spent(&self) -> bool {
        self.look()
            .is_some_and(|consulted| consulted.refusing().next().is_some())
    }

    fn charge(&self) {
        // One that is spent takes no more, and stays spent.
        drop(self.take());
    }
}
