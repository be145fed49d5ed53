//! `tollgate check`: all of a policy's errors at once, then its own tests.

use std::sync::Arc;

use tollgate_engine::{Engine, EngineError, EngineOptions, run_policy_tests};
use tollgate_identity::KeyRing;
use tollgate_policy::Policy;

use crate::cli::CheckArgs;
use crate::environment;
use crate::failure::Failure;

pub(crate) fn run(args: &CheckArgs) -> Result<(), Failure> {
    let policy = Policy::load(&args.config).map_err(Failure::Policy)?;
    let file = args.config.display();
    if !policy.warnings().is_empty() {
        anstream::eprint!("{}", policy.warnings().render(true));
    }
    // What only shows when the policy is put together: key files, limits that cannot be counted.
    let options = EngineOptions {
        bucket_keys: match environment::bucket_keys()? {
            // Where a policy is checked is seldom where its secrets are.
            None => Some(Arc::new(KeyRing::ephemeral().map_err(EngineError::from)?)),
            keys => keys,
        },
        ..EngineOptions::default()
    };
    Engine::new(policy.clone(), options)?;
    anstream::println!(
        "{file}: {} routes, {} plans, {} issuers",
        // The route `*` of everything unmatched is always there.
        policy.routes().len() - 1,
        policy.plans().len(),
        policy.identity().issuers.len()
    );
    if args.no_tests || policy.tests().is_empty() {
        return Ok(());
    }
    let report = run_policy_tests(&policy)?;
    for failure in &report.failures {
        anstream::eprintln!(
            "{file}:{}: test `{}`: {}",
            failure.line,
            failure.test,
            failure.message
        );
    }
    let total = policy.tests().len();
    anstream::println!("{file}: {} of {total} tests passed", report.passed);
    if report.failures.is_empty() {
        return Ok(());
    }
    Err(Failure::NotHeld(format!(
        "{} of the policy's tests failed",
        total - report.passed
    )))
}
