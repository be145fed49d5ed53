//! File to [`Policy`].

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{POLICY_BYTES_MAX, Policy};
use crate::check::check;
use crate::codes;
use crate::diagnostics::Diagnostics;
use crate::findings::{Finding, Findings, Source};
use crate::node::{self, FromNode};
use crate::raw::RawPolicy;

pub(super) fn load(path: &Path) -> Result<Policy, Diagnostics> {
    let name = path.display().to_string();
    let text = read(path).map_err(|reason| {
        let finding = Finding::file(
            codes::UNREADABLE,
            format!("policy cannot be read: {reason}"),
        )
        .help("give the name of a policy file, for example `tollgate.yaml`");
        Diagnostics::new(vec![finding.into_diagnostic(Source {
            name: &name,
            text: "",
        })])
    })?;
    let mut policy = parse(&name, &text, path.parent().unwrap_or(Path::new("")))?;
    policy.inputs.insert(0, path.to_owned());
    Ok(policy)
}

fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(POLICY_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > POLICY_BYTES_MAX {
        return Err(format!("it is larger than {} MiB", POLICY_BYTES_MAX >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

pub(super) fn parse(name: &str, text: &str, base: &Path) -> Result<Policy, Diagnostics> {
    let source = Source { name, text };
    let mut findings = Findings::new(source);
    let mut elsewhere = Vec::new();
    let mut policy = None;
    if text.len() as u64 > POLICY_BYTES_MAX {
        findings.push(
            Finding::file(
                codes::UNREADABLE,
                format!("policy is larger than {} MiB", POLICY_BYTES_MAX >> 20),
            )
            .help("keep routes in an OpenAPI file, and name it in `routes`"),
        );
    } else {
        match node::parse(source) {
            Ok(node) => {
                if let Some(raw) = RawPolicy::from_node(&node, &mut findings) {
                    (policy, elsewhere) = check(raw, base, &mut findings);
                }
            }
            Err(finding) => findings.push(*finding),
        }
    }
    let mut list = findings.into_list();
    list.extend(elsewhere);
    match policy {
        Some(mut policy) => {
            policy.warnings = Diagnostics::new(list);
            policy.text = text.into();
            Ok(policy)
        }
        None => Err(Diagnostics::new(list)),
    }
}
