//! Names and classes of plans that a policy takes, each once.

use std::collections::HashSet;

use super::model::UsagePlan;

/// The longest name of a plan.
const NAME_BYTES_MAX: usize = 64;
/// The longest class.
const CLASS_BYTES_MAX: usize = 8;

/// What a plan is called in the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlanName {
    pub(super) name: String,
    pub(super) class: String,
}

/// Names in the order of the plans: the plan's own where a policy takes it, its id where two plans
/// have the same.
pub(super) fn names(plans: &[UsagePlan]) -> Vec<PlanName> {
    let mut names = HashSet::new();
    let mut classes = HashSet::new();
    let named = plans.iter().map(|plan| {
        let mut name = word(&plan.name);
        if name.is_empty() || names.contains(&name) {
            name = numbered(&word(&plan.id), NAME_BYTES_MAX, &names);
        }
        names.insert(name.clone());
        let class: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let class: String = class.to_ascii_lowercase();
        let class = class.get(..CLASS_BYTES_MAX).unwrap_or(&class);
        let class = numbered(class, CLASS_BYTES_MAX, &classes);
        classes.insert(class.clone());
        PlanName { name, class }
    });
    named.collect()
}

/// Visible ASCII in one word, at most 64 characters.
fn word(name: &str) -> String {
    let visible = name.trim().chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') => c,
        _ => '-',
    });
    let word: String = visible.take(NAME_BYTES_MAX).collect();
    word.trim_matches('-').to_owned()
}

/// The name, or with a number in place of its end so that no other has it.
fn numbered(base: &str, longest: usize, taken: &HashSet<String>) -> String {
    if !base.is_empty() && !taken.contains(base) {
        return base.to_owned();
    }
    let mut number = 1_usize;
    loop {
        number += 1;
        let ending = number.to_string();
        let room = longest.saturating_sub(ending.len());
        let kept = base.get(..room.min(base.len())).unwrap_or_default();
        let kept = if kept.is_empty() { "p" } else { kept };
        let name = format!("{kept}{ending}");
        if !taken.contains(&name) {
            return name;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_has_a_name_and_a_class_of_its_own() {
        let plan = |id: &str, name: &str| UsagePlan {
            id: id.to_owned(),
            name: name.to_owned(),
            throttle: None,
            quota: None,
            stages: Vec::new(),
        };
        let plans = [
            plan("a1", "Gold customers (EU)"),
            plan("a2", "Gold customers (US)"),
            plan("a3", "Gold customers (EU)"),
            plan("a4", "無料"),
            plan("a5", "---"),
        ];
        let named: Vec<(String, String)> = names(&plans)
            .into_iter()
            .map(|plan| (plan.name, plan.class))
            .collect();
        let expected = [
            ("Gold-customers--EU", "goldcust"),
            ("Gold-customers--US", "goldcus2"),
            ("a3", "a3"),
            ("a4", "a4"),
            ("a5", "a5"),
        ];
        let expected: Vec<(String, String)> = expected
            .into_iter()
            .map(|(name, class)| (name.to_owned(), class.to_owned()))
            .collect();
        assert_eq!(named, expected);
    }
}
