//! `tollgate import envoy-ratelimit`: the configuration of envoyproxy/ratelimit as a policy.

mod files;
mod policy_text;

use std::path::Path;

use tollgate_policy::{DescriptorDomain, DomainKind, Policy, import_ratelimit_file};

use self::files::Source;
use super::write;
use crate::cli::ImportRatelimitArgs;
use crate::failure::Failure;

/// What the policy is called in an error, before it has a name.
const MADE: &str = "the policy that was made";

pub(super) fn run(args: &ImportRatelimitArgs) -> Result<(), Failure> {
    let sources = files::read(&args.files)?;
    let mut domains: Vec<(DescriptorDomain, &Source)> = Vec::new();
    let mut wrong = Vec::new();
    for source in &sources {
        match import_ratelimit_file(&source.file, &source.text) {
            Ok((domain, warnings)) => {
                if !warnings.is_empty() {
                    anstream::eprint!("{}", warnings.render(true));
                }
                domains.push((domain, source));
            }
            Err(found) => wrong.push(found),
        }
    }
    if let Some(last) = wrong.pop() {
        // All of them, file by file; the last is how the command ends.
        for found in &wrong {
            anstream::eprint!("{}", found.render(true));
        }
        return Err(Failure::Policy(last));
    }
    let merged = merge(domains, args.merge)?;
    let text = policy_text::policy(&merged);
    // Files that were good one by one may contradict each other, put together.
    Policy::parse(MADE, &text, Path::new(".")).map_err(Failure::Policy)?;
    tell(&merged);
    write(args.out.as_deref(), &text)
}

/// Domains by name. Two files of one domain are an error there as well, unless it runs with
/// `MERGE_DOMAIN_CONFIG=true`.
fn merge(
    domains: Vec<(DescriptorDomain, &Source)>,
    merge: bool,
) -> Result<Vec<DescriptorDomain>, Failure> {
    let mut merged: Vec<(DescriptorDomain, &Source)> = Vec::new();
    for (domain, source) in domains {
        let known = merged
            .iter_mut()
            .find(|(known, _)| known.name == domain.name);
        match known {
            None => merged.push((domain, source)),
            Some((known, _)) if merge => {
                let (DomainKind::Rules(rules), DomainKind::Rules(more)) =
                    (&mut known.kind, domain.kind)
                else {
                    continue;
                };
                rules.extend(more);
            }
            Some((_, first)) => {
                return Err(Failure::Import(format!(
                    "domain `{}` is in {} and in {}; with MERGE_DOMAIN_CONFIG=true its rules are put together: write --merge",
                    domain.name, first.file, source.file
                )));
            }
        }
    }
    Ok(merged.into_iter().map(|(domain, _)| domain).collect())
}

/// What was taken how.
fn tell(domains: &[DescriptorDomain]) {
    for domain in domains {
        let counts = policy_text::counts(domain);
        anstream::eprintln!(
            "domain `{}`: {}, {}; what is decided otherwise than there: docs/integrations/envoy-rls.md",
            domain.name,
            counted(counts.rules, "rule"),
            counted(counts.limits, "limit")
        );
        if counts.metrics_by_value > 0 {
            anstream::eprintln!(
                "domain `{}`: left out `detailed_metric` and `value_to_metric` of {}: metrics never \
                 hold what callers send",
                domain.name,
                counted(counts.metrics_by_value, "rule")
            );
        }
        if counts.wildcard_keys > 0 {
            anstream::eprintln!(
                "domain `{}`: the `*` at the end of {} is taken as it is written; only values can be \
                 prefixes",
                domain.name,
                counted(counts.wildcard_keys, "key")
            );
        }
    }
}

/// `1 rule`, `2 rules`.
fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests;
