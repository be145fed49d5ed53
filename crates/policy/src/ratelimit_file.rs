//! The configuration files of envoyproxy/ratelimit, read by the rules of our own: their `descriptors`
//! are those of a domain.

use std::path::Path;

use crate::check::Check;
use crate::codes;
use crate::diagnostics::Diagnostics;
use crate::findings::{Finding, Findings, Source};
use crate::grpc::{DESCRIPTOR_RULES_MAX, DescriptorDomain, DomainKind};
use crate::node::{self, FromNode};
use crate::policy::POLICY_BYTES_MAX;
use crate::raw::RawRateLimitFile;

/// Reads one such file; `name` stands in messages.
///
/// ```
/// let file = "{domain: d, descriptors: [{key: k, rate_limit: {unit: second, requests_per_unit: 5}}]}";
/// let (domain, _) = tollgate_policy::import_ratelimit_file("d.yaml", file).unwrap();
/// assert_eq!(&*domain.name, "d");
/// ```
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn import_ratelimit_file(
    name: &str,
    text: &str,
) -> Result<(DescriptorDomain, Diagnostics), Diagnostics> {
    let source = Source { name, text };
    let mut findings = Findings::new(source);
    let mut domain = None;
    if text.len() as u64 > POLICY_BYTES_MAX {
        let message = format!("file is larger than {} MiB", POLICY_BYTES_MAX >> 20);
        let finding = Finding::file(codes::UNREADABLE, message);
        findings.push(finding.help("is it a configuration of envoyproxy/ratelimit?"));
    } else {
        match node::parse(source) {
            Ok(node) => {
                let raw = RawRateLimitFile::from_node(&node, &mut findings);
                domain = raw.map(|raw| checked(raw, &mut findings));
            }
            Err(finding) => findings.push(*finding),
        }
    }
    let failed = findings.has_errors();
    let found = Diagnostics::new(findings.into_list());
    match domain {
        Some(domain) if !failed => Ok((domain, found)),
        _ => Err(found),
    }
}

fn checked(raw: RawRateLimitFile, findings: &mut Findings<'_>) -> DescriptorDomain {
    if raw.domain.value.0.is_empty() {
        let finding = Finding::error(codes::NAME, raw.domain.span, "domain has no name");
        findings.push(finding.help("write the name that the asking proxy's configuration has"));
    }
    let rules = raw.descriptors.map(|rules| rules.value);
    let mut left = DESCRIPTOR_RULES_MAX;
    let mut check = Check::new(Path::new(""), findings);
    DescriptorDomain {
        kind: DomainKind::Rules(check.descriptor_rules(rules.unwrap_or_default(), &mut left)),
        name: raw.domain.value.0.into(),
    }
}
