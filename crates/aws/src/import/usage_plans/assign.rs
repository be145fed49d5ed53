//! Which key is whose, in which plan: every source together, in one pass.

use std::collections::{HashMap, HashSet};

use tollgate_identity::is_presentable;

use super::found::{Fidelity, Found, Note};
use super::model::{Key, KeyValue, Link, UsagePlan};

/// Shortest key that random letters and digits make hard enough to guess (130 bits).
const STRONG_CHARS_MIN: usize = 22;
/// Fewest different characters of such a key: a random one of that length has about 18.
const STRONG_DIFFERENT_MIN: usize = 11;
/// The longest subject.
const SUBJECT_BYTES_MAX: usize = 255;

/// A key in its plan.
#[derive(Debug)]
pub(super) struct Assigned {
    pub(super) value: KeyValue,
    /// Its id, or a name that no other key has.
    pub(super) subject: String,
    /// An index into the plans.
    pub(super) plan: usize,
    pub(super) enabled: bool,
}

/// Keys of every source, and how many were left out for what.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    pub(super) keys: Vec<Assigned>,
    without_plan: usize,
    without_value: usize,
    unpresentable: usize,
    disabled: usize,
    unstated: usize,
    weak: usize,
    repeated: usize,
    several_plans: usize,
    unknown_links: usize,
    unknown_plans: HashSet<String>,
}

/// Brings all sources together. Takes the keys and links out of `found`.
///
/// `elsewhere` are plans that the files have and that hold on other stages only.
pub(super) fn assign(
    found: &mut Found,
    plans: &[UsagePlan],
    elsewhere: &HashSet<String>,
) -> Assignment {
    let mut assignment = Assignment::default();
    let keys = std::mem::take(&mut found.keys);
    let links = std::mem::take(&mut found.links);
    let mut merged = assignment.merged(keys);
    assignment.link(&mut merged, links);

    let by_id: HashMap<&str, usize> = (0_usize..)
        .zip(plans)
        .map(|(index, plan)| (plan.id.as_str(), index))
        .collect();
    let mut subjects = HashSet::with_capacity(merged.len());
    for key in merged {
        assignment.take(key, &by_id, &mut subjects);
    }
    assignment
        .unknown_plans
        .retain(|plan| !elsewhere.contains(plan));
    found.notes.extend(assignment.notes());
    assignment
}

// === impl Assignment ===

impl Assignment {
    /// One key for each id and value: "the most recent version overwriting the previous one".
    fn merged(&mut self, keys: Vec<Key>) -> Vec<Key> {
        let mut merged: Vec<Key> = Vec::with_capacity(keys.len());
        let mut by_value: HashMap<KeyText, usize> = HashMap::with_capacity(keys.len());
        let mut by_id: HashMap<String, usize> = HashMap::with_capacity(keys.len());
        for key in keys {
            let text = key.value.as_ref().map(|value| KeyText(value.clone()));
            let same_id = key.id.as_ref().and_then(|id| by_id.get(id));
            let same_value = text.as_ref().and_then(|text| by_value.get(text));
            let index = if let Some(&index) = same_id.or(same_value) {
                self.repeated += 1;
                merged[index].overwrite(key);
                index
            } else {
                merged.push(key);
                merged.len() - 1
            };
            by_value.extend(text.map(|text| (text, index)));
            by_id.extend(merged[index].id.clone().map(|id| (id, index)));
        }
        merged
    }

    fn link(&mut self, keys: &mut [Key], links: Vec<Link>) {
        let by_id: HashMap<String, usize> = (0_usize..)
            .zip(keys.iter())
            .filter_map(|(index, key)| Some((key.id.clone()?, index)))
            .collect();
        for Link { plan, key } in links {
            match by_id.get(&key) {
                Some(&index) if keys[index].plans.contains(&plan) => {}
                Some(&index) => keys[index].plans.push(plan),
                None => self.unknown_links += 1,
            }
        }
    }

    fn take(&mut self, key: Key, plans: &HashMap<&str, usize>, subjects: &mut HashSet<String>) {
        let mut known = Vec::new();
        for plan in &key.plans {
            match plans.get(plan.as_str()) {
                Some(&index) => known.push(index),
                None => {
                    self.unknown_plans.insert(plan.clone());
                }
            }
        }
        known.sort_unstable();
        known.dedup();
        let Some(&plan) = known.first() else {
            self.without_plan += 1;
            return;
        };
        let Some(value) = key.value else {
            self.without_value += 1;
            return;
        };
        if !is_presentable(value.expose().as_bytes()) {
            self.unpresentable += 1;
            return;
        }
        self.several_plans += usize::from(known.len() > 1);
        self.weak += usize::from(is_weak(value.expose()));
        self.unstated += usize::from(key.enabled.is_none());
        // A word that was not said admits nobody.
        let enabled = key.enabled.unwrap_or(false);
        self.disabled += usize::from(!enabled);
        let subject = unique(key.id.as_deref().unwrap_or(&key.name), subjects);
        self.keys.push(Assigned {
            value,
            subject,
            plan,
            enabled,
        });
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut note = |count: usize, fidelity, what: &str, why: &str| {
            if count > 0 {
                notes.push(Note::new(fidelity, format!("{what}: {count}"), why));
            }
        };
        let enabled = self.keys.len() - self.disabled;
        note(enabled, Fidelity::Exact, "keys that are enabled", KEPT);
        note(
            self.disabled,
            Fidelity::Changed,
            "keys that are disabled",
            DISABLED,
        );
        note(
            self.unstated,
            Fidelity::Assumed,
            "keys without a word on `Enabled`",
            UNSTATED,
        );
        note(
            self.several_plans,
            Fidelity::Changed,
            "keys in several plans",
            SEVERAL,
        );
        note(
            self.repeated,
            Fidelity::Changed,
            "keys that stood twice",
            REPEATED,
        );
        note(
            self.weak,
            Fidelity::Changed,
            "keys that may be guessed",
            WEAK,
        );
        note(
            self.without_plan,
            Fidelity::Lost,
            "keys without a plan of these files",
            NO_PLAN,
        );
        note(
            self.without_value,
            Fidelity::Lost,
            "keys without their value",
            NO_VALUE,
        );
        note(
            self.unpresentable,
            Fidelity::Lost,
            "keys of another shape",
            SHAPE,
        );
        note(
            self.unknown_links,
            Fidelity::Lost,
            "keys that a plan names and no file has",
            NO_KEY,
        );
        note(
            self.unknown_plans.len(),
            Fidelity::Lost,
            "plans that keys name and no file has",
            GONE,
        );
        notes
    }
}

const KEPT: &str = "callers send the same key in the same field `x-api-key`; each is a user of its \
                    own, whose subject is the key's id (its name, where it came without an id)";
const DISABLED: &str = "they stand in the file with the not-after 0 and are refused: 401 where API \
                        Gateway answers 403. Write `-` there to enable one";
const UNSTATED: &str = "what AWS takes for a key without it is not documented for a template; here \
                        nobody is admitted without a word. Write `Enabled: true`, or `-` for the \
                        not-after";
const SEVERAL: &str = "a key may be in one plan for each stage, and a gateway here serves one of them: \
                       the first plan in the order of the files was taken. Say which stage with \
                       `--stage API/STAGE`";
const REPEATED: &str = "one value or id is one key; what came later holds, and plans add up";
const WEAK: &str = "they are shorter than 22 characters or have few different ones, and the file of \
                    hashes is only as good as its keys: hand out new ones with `tollgate api-keys new`";
const NO_PLAN: &str = "API Gateway answers 403 to them on methods that need a key; they are left out, \
                       which is 401 here. If they are in a plan, give its `get-usage-plan-keys` as \
                       `PLAN_ID=FILE`";
const NO_VALUE: &str = "export them with `aws apigateway get-api-keys --include-values`";
const SHAPE: &str = "a key is 20 to 255 visible ASCII characters without a comma";
const NO_KEY: &str = "give `aws apigateway get-api-keys --include-values` as well: only that says \
                      their values and whether they are enabled";
const GONE: &str = "give `aws apigateway get-usage-plans` as well";

/// What is guessed sooner than 22 random letters and digits.
fn is_weak(value: &str) -> bool {
    let different: HashSet<u8> = value.bytes().collect();
    value.len() < STRONG_CHARS_MIN || different.len() < STRONG_DIFFERENT_MIN
}

/// A subject of this name that no other key has: without blanks, at most 255 bytes.
fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let word = |c: char| {
        if c.is_whitespace() || c.is_control() {
            '-'
        } else {
            c
        }
    };
    let mut base: String = name.trim().chars().map(word).collect();
    // Room for a number behind it.
    while base.len() > SUBJECT_BYTES_MAX - 12 {
        base.pop();
    }
    if base.is_empty() || base == "-" || base.starts_with('#') {
        base.insert_str(0, "key");
    }
    let mut subject = base.clone();
    let mut number = taken.len();
    while !taken.insert(subject.clone()) {
        number += 1;
        subject = format!("{base}-{number}");
    }
    subject
}

// === impl Key ===

impl Key {
    fn overwrite(&mut self, later: Key) {
        self.id = self.id.take().or(later.id);
        self.value = later.value.or(self.value.take());
        self.enabled = later.enabled.or(self.enabled);
        if !later.name.is_empty() {
            self.name = later.name;
        }
        for plan in later.plans {
            if !self.plans.contains(&plan) {
                self.plans.push(plan);
            }
        }
    }
}

/// A key's text as a key of a map.
struct KeyText(KeyValue);

impl PartialEq for KeyText {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

impl Eq for KeyText {}

impl std::hash::Hash for KeyText {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.expose().as_str().hash(state);
    }
}
