//! Of whom a page is, and what else its address says.

use serde::Deserialize;
use tollgate_store::Holder;

use super::super::super::links::{self, Beside};
use crate::live::Who;
use crate::problem::{Answer, Problem};
use crate::query::Kind;
use crate::v1::buckets::who;

/// The query of the page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super::super) struct Asked {
    kind: Kind,
    issuer: String,
    name: String,
    account: Option<String>,
    plan_claim: Option<String>,
    /// What a form did before.
    done: Option<String>,
    /// A request that is to be explained.
    pub(super) method: Option<String>,
    pub(super) path: Option<String>,
    /// Where the list of limits goes on.
    pub(super) cursor: Option<String>,
    /// Where the history goes on.
    pub(super) before: Option<u64>,
}

/// Of whom: what goes with every link and form of the page.
pub(in super::super::super) struct Of {
    pub(super) who: Who,
    beside: Beside,
}

/// What a form has done, by the word in the address.
const DONE: [(&str, &str); 7] = [
    ("assigned", "The plan is given."),
    ("withdrawn", "The assignment is taken back."),
    ("overridden", "The limit is given."),
    ("lifted", "The limit is taken back."),
    ("undone", "The last change is undone."),
    ("granted", "The units are given."),
    ("reset", "The buckets are full again."),
];

impl Asked {
    pub(super) fn of(&self) -> Answer<Of> {
        let holder = match self.kind {
            Kind::Subject => Holder::subject(&self.issuer, &self.name),
            Kind::Account => Holder::account(&self.issuer, &self.name),
        };
        let wrong = |what: String| Problem::malformed(format!("query: {what}"));
        let holder = holder.map_err(|error| wrong(error.to_string()))?;
        // A form sends what was left empty, too.
        let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let beside = Beside {
            account: some(&self.account),
            plan_claim: some(&self.plan_claim),
        };
        let who = who(holder, beside.account.clone(), beside.plan_claim.clone());
        let who = who.map_err(|problem| wrong(problem.0))?;
        Ok(Of { who, beside })
    }

    pub(super) fn done(&self) -> Option<&'static str> {
        let done = self.done.as_deref()?;
        let known = DONE.iter().find(|(word, _)| *word == done);
        known.map(|(_, words)| *words)
    }
}

impl Of {
    /// The page, or what a form of it does.
    pub(super) fn link(&self, path: &str, more: &[(&str, &str)]) -> String {
        links::holder(path, &self.who.holder, &self.beside, more)
    }

    /// What a form that asks has to say of whom.
    pub(super) fn pairs(&self) -> Vec<(&'static str, &str)> {
        let holder = &self.who.holder;
        let mut pairs = vec![
            ("kind", links::kind(holder.kind)),
            ("issuer", holder.issuer.as_str()),
            ("name", holder.name.as_str()),
        ];
        let known = [
            ("account", &self.beside.account),
            ("plan_claim", &self.beside.plan_claim),
        ];
        pairs.extend(
            known
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.as_deref()?))),
        );
        pairs
    }
}
