//! The report: every plan, and what is exact, changed, assumed or lost.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::assign::Assigned;
use super::found::{Fidelity, Note};
use super::model::{Throttle, Usage};
use super::policy_text::Written;

/// Plans whose line is shown.
const PLANS_SHOWN_MAX: usize = 300;
/// Keys of a plan whose usage is shown.
const USAGE_SHOWN_MAX: usize = 20;

/// Everything that a report tells of.
pub(super) struct Report<'a> {
    pub(super) plans: &'a [Written<'a>],
    pub(super) keys: &'a [Assigned],
    pub(super) notes: &'a [Note],
    pub(super) usage: &'a [Usage],
    pub(super) default_plan: Option<&'a str>,
}

// === impl Report ===

impl Report<'_> {
    /// The report in Markdown. No value of a key is in it.
    pub(super) fn markdown(&self) -> String {
        let mut out = String::from("# Usage plans of API Gateway as a policy\n\n");
        let enabled = self.keys.iter().filter(|key| key.enabled).count();
        put(
            &mut out,
            format_args!(
                "Plans: {}. Keys: {}, of which {enabled} are enabled.",
                self.plans.len(),
                self.keys.len()
            ),
        );
        if let Some(plan) = self.default_plan {
            put(
                &mut out,
                format_args!(
                    " `default_plan` is {}, the strictest; every imported key names its own plan.",
                    code(plan)
                ),
            );
        }
        out.push_str("\n\n");
        self.plans(&mut out);
        for (fidelity, heading) in [
            (Fidelity::Exact, "Exact: the same decisions"),
            (
                Fidelity::Changed,
                "Changed: other decisions or words, on purpose",
            ),
            (Fidelity::Assumed, "Assumed: AWS does not document it"),
            (Fidelity::Lost, "Lost: not there any more"),
        ] {
            put(&mut out, format_args!("## {heading}\n\n"));
            let notes = self.notes.iter().filter(|note| note.fidelity == fidelity);
            let mut any = false;
            for note in notes {
                any = true;
                put(
                    &mut out,
                    format_args!("- **{}**: {}.\n", note.what, note.why),
                );
            }
            out.push_str(if any { "\n" } else { "Nothing.\n\n" });
        }
        self.usage(&mut out);
        out
    }

    fn plans(&self, out: &mut String) {
        let mut keys_of = vec![0_usize; self.plans.len()];
        for key in self.keys {
            if let Some(count) = keys_of.get_mut(key.plan) {
                *count += 1;
            }
        }
        out.push_str("| plan | usage plan | throttle | quota | method throttles | keys |\n");
        out.push_str("|---|---|---|---|---|---|\n");
        for (written, keys) in self.plans.iter().zip(keys_of).take(PLANS_SHOWN_MAX) {
            let plan = written.plan;
            let quota = plan.quota.map_or_else(
                || "none".to_owned(),
                |quota| format!("{} a {}", quota.limit, quota.period.as_str()),
            );
            let throttle = plan.throttle.map_or_else(|| "none".to_owned(), shown);
            put(
                out,
                format_args!(
                    "| {} | {} {} | {throttle} | {quota} | {} | {keys} |\n",
                    code(&written.name.name),
                    code(&plan.id),
                    code(&plan.name),
                    written.routes.len(),
                ),
            );
        }
        if let Some(more) = self
            .plans
            .len()
            .checked_sub(PLANS_SHOWN_MAX)
            .filter(|more| *more > 0)
        {
            put(out, format_args!("\nand {more} more.\n"));
        }
        out.push('\n');
    }

    fn usage(&self, out: &mut String) {
        if self.usage.is_empty() {
            return;
        }
        // The service names a key by its id or its value: only what is known is told.
        let mut subjects: HashMap<&str, &str> = HashMap::new();
        for key in self.keys {
            subjects.insert(&key.subject, &key.subject);
            subjects.insert(key.value.expose(), &key.subject);
        }
        out.push_str("## Usage so far\n\n");
        for usage in self.usage {
            let total: u64 = usage.keys.iter().map(|key| key.used).sum();
            put(
                out,
                format_args!(
                    "Plan {}, {} to {}. Requests: {total}. Keys: {}.\n\n",
                    code(&usage.plan),
                    code(&usage.from),
                    code(&usage.to),
                    usage.keys.len()
                ),
            );
            let mut keys: Vec<_> = usage.keys.iter().collect();
            keys.sort_by_key(|key| std::cmp::Reverse(key.used));
            out.push_str("| key | used | remaining |\n|---|---|---|\n");
            for key in keys.into_iter().take(USAGE_SHOWN_MAX) {
                let subject = subjects.get(key.key.expose().as_str());
                let name = subject.map_or("not imported".to_owned(), |subject| code(subject));
                let remaining = key
                    .remaining
                    .map_or("?".to_owned(), |left| left.to_string());
                put(
                    out,
                    format_args!("| {name} | {} | {remaining} |\n", key.used),
                );
            }
            out.push('\n');
        }
    }
}

fn shown(throttle: Throttle) -> String {
    format!("{}/s, burst {}", throttle.rate, throttle.burst_or_second())
}

/// A name that is no Markdown.
fn code(name: &str) -> String {
    let plain = |c: char| match c {
        '`' | '|' => '\'',
        c if c.is_control() => ' ',
        c => c,
    };
    let name: String = name.chars().map(plain).collect();
    format!("`{name}`")
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}
