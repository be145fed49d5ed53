//! `tollgate import`: what limits an API elsewhere, as a policy.

mod envoy_ratelimit;
mod usage_plans;
mod waf;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use crate::cli::ImportCommand;
use crate::failure::Failure;

pub(crate) fn run(command: &ImportCommand) -> Result<(), Failure> {
    match command {
        ImportCommand::EnvoyRatelimit(args) => envoy_ratelimit::run(args),
        ImportCommand::UsagePlans(args) => usage_plans::run(args),
        ImportCommand::Waf(args) => waf::run(args),
    }
}

/// Writes a policy to a new file, or to standard output.
fn write(out: Option<&Path>, policy: &str) -> Result<(), Failure> {
    let Some(path) = out else {
        return match io::stdout().lock().write_all(policy.as_bytes()) {
            // A reader that has seen enough (`| head`) is no error.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(Failure::system("write the policy")),
        };
    };
    // A policy that somebody has changed by hand is not written over.
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(policy.as_bytes()))
        .map_err(Failure::system(format!("write {}", path.display())))
}
