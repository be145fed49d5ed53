//! Usage plans, API keys and usage of API Gateway, as a policy and a file of keys.
//!
//! | room | its one job |
//! |---|---|
//! | `detect` | which kind of file an input is |
//! | `export`, `key_csv`, `template`, `terraform` | one kind of file each, into `found` |
//! | `document` | one plan or key in the service's own model |
//! | [`model`], [`rate`] | plans, throttles, quotas; rates as exact fractions |
//! | `assign` | whose key is in which plan |
//! | `names`, `routes`, `policy_text` | the policy's text |
//! | `fidelity`, `report` | what is exact, changed, assumed or lost |
//! | [`read_back`] | a policy as usage plans, the way back |
//!
//! What cannot be read is an error and never left out in silence: a plan without its limit is an
//! open plan. No error, note or text holds the value of a key.

mod assign;
mod detect;
mod document;
mod export;
mod fidelity;
mod found;
mod key_csv;
pub mod model;
mod names;
mod policy_text;
pub mod rate;
pub mod read_back;
mod report;
mod routes;
mod template;
mod terraform;

use std::collections::{HashMap, HashSet};

use tollgate_identity::{ApiKeysError, ApiKeysText, NewApiKey};
use tollgate_policy::{PathRules, Template};

pub use found::{Fidelity, Note, Problem};
pub use model::{MethodThrottle, PlanStage, Quota, Throttle, UsagePlan};
pub use rate::{PolicyRate, RateError, RatePerSecond};
pub use read_back::usage_plans_of;
pub use routes::StageName;

use found::Found;
use policy_text::Written;

/// Name of the limit that a throttle becomes, of a plan and of its methods: a route's limit replaces
/// the plan's of the same name.
const THROTTLE: &str = "throttle";

/// One file to read.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// Its name, for messages; `.tf` says Terraform.
    pub file: &'a str,
    /// The plan whose keys it lists, where the file itself does not say.
    pub plan: Option<&'a str>,
    /// Its text.
    pub text: &'a str,
}

/// The routes of an OpenAPI document, to which those of the plans are added.
#[derive(Debug, Clone)]
pub struct OpenApi<'a> {
    /// Its file, as the policy is to name it.
    pub file: &'a str,
    /// Its routes: method and path.
    pub routes: Vec<(String, String)>,
}

/// What the files do not say.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The URL behind the gateway.
    pub origin: &'a str,
    /// The file of keys, as the policy is to name it.
    pub keys_file: &'a str,
    /// Where further routes come from.
    pub openapi: Option<&'a OpenApi<'a>>,
    /// The only stage to import; all if not given.
    pub stage: Option<&'a StageName>,
}

/// What an import makes.
#[derive(Debug)]
pub struct Imported {
    /// The policy.
    pub policy: String,
    /// The keys, hashed.
    pub keys: ApiKeysText,
    /// The report, in Markdown.
    pub report: String,
    /// What the report says of fidelity.
    pub notes: Vec<Note>,
    /// The plans that were imported, beside those of the policy.
    pub plans: Vec<UsagePlan>,
    /// How many keys are in the file.
    pub key_count: usize,
    /// How many of them are disabled.
    pub disabled_count: usize,
}

/// Why nothing was imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsagePlansError {
    /// What is wrong with the files, all of it.
    #[error("{}", lines(.0))]
    Problems(Vec<Problem>),
    /// No file has a usage plan, or none that holds on the stage asked for.
    #[error("there is no usage plan {0}")]
    NoPlans(&'static str),
    /// The keys cannot stand in one file.
    #[error("API keys: {0}")]
    Keys(#[from] ApiKeysError),
}

/// Makes a policy, a file of keys and a report of the files.
///
/// # Errors
/// [`UsagePlansError`] with everything that is wrong, at once.
pub fn import(inputs: &[Input<'_>], options: &Options<'_>) -> Result<Imported, UsagePlansError> {
    let mut found = Found::default();
    for input in inputs {
        detect::read(input, &mut found);
    }
    if !found.problems.is_empty() {
        return Err(UsagePlansError::Problems(found.problems));
    }
    let mut plans = merged(std::mem::take(&mut found.plans), &mut found.notes);
    if plans.is_empty() {
        return Err(UsagePlansError::NoPlans(
            "in these files: give what `aws apigateway get-usage-plans` prints",
        ));
    }
    let mut elsewhere = HashSet::new();
    if let Some(stage) = options.stage {
        elsewhere = routes::on_stage(&mut plans, stage);
        if plans.is_empty() {
            return Err(UsagePlansError::NoPlans(
                "on this stage: write it as API_ID/STAGE, as the plans do",
            ));
        }
    }
    let assignment = assign::assign(&mut found, &plans, &elsewhere);
    let names = names::names(&plans);
    let mut notes = std::mem::take(&mut found.notes);
    let written: Vec<Written<'_>> = plans
        .iter()
        .zip(&names)
        .map(|(plan, name)| Written {
            routes: routes::routes(plan, &mut notes),
            plan,
            name,
        })
        .collect();
    notes.extend(fidelity::notes(&written));
    let policy = policy_text::text(&written, options);
    let report = report::Report {
        plans: &written,
        keys: &assignment.keys,
        notes: &notes,
        usage: &found.usage,
        default_plan: policy_text::default_plan(&written).map(|plan| plan.name.name.as_str()),
    };
    let report = report.markdown();
    let lines = assignment.keys.iter().map(|key| {
        let new = NewApiKey {
            subject: &key.subject,
            account: None,
            plan: names.get(key.plan).map(|plan| plan.name.as_str()),
            not_after_s: (!key.enabled).then_some(0),
        };
        (key.value.expose().as_str(), new)
    });
    Ok(Imported {
        policy,
        report,
        keys: ApiKeysText::of_known(lines)?,
        key_count: assignment.keys.len(),
        disabled_count: assignment.keys.iter().filter(|key| !key.enabled).count(),
        notes,
        plans,
    })
}

/// Each plan once, by its id: what came later holds.
fn merged(plans: Vec<UsagePlan>, notes: &mut Vec<Note>) -> Vec<UsagePlan> {
    let mut merged: Vec<UsagePlan> = Vec::with_capacity(plans.len());
    let mut places = HashMap::new();
    for plan in plans {
        match places.get(&plan.id) {
            Some(&place) => {
                let known: &mut UsagePlan = &mut merged[place];
                if *known != plan {
                    notes.push(Note::new(
                        Fidelity::Changed,
                        format!("usage plan {:?} stands twice, with differences", plan.id),
                        "the one of the later file was taken",
                    ));
                }
                *known = plan;
            }
            None => {
                places.insert(plan.id.clone(), merged.len());
                merged.push(plan);
            }
        }
    }
    merged
}

/// A path without the names of its parameters.
fn shape(path: &str) -> String {
    let template = Template::parse(path);
    template.map_or_else(
        |_| path.to_owned(),
        |template| template.shape(PathRules::default()),
    )
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests;
