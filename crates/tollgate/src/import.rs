//! `tollgate import`: what limits an API elsewhere, as a policy.

mod envoy_ratelimit;
mod usage_plans;
mod waf;

use crate::cli::ImportCommand;
use crate::failure::Failure;

pub(crate) fn run(command: &ImportCommand) -> Result<(), Failure> {
    match command {
        ImportCommand::EnvoyRatelimit(args) => envoy_ratelimit::run(args),
        ImportCommand::UsagePlans(args) => usage_plans::run(args),
        ImportCommand::Waf(args) => waf::run(args),
    }
}
