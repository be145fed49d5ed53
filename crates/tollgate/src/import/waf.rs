//! `tollgate import waf`: rate-based rules as a policy.

use tollgate_aws::import::waf::policy;

use super::write;
use crate::cli::ImportWafArgs;
use crate::failure::Failure;
use crate::waf;

pub(super) fn run(args: &ImportWafArgs) -> Result<(), Failure> {
    let sets = waf::load(&args.file)?;
    let imported = policy(&args.file.to_string_lossy(), &sets);
    for note in &imported.notes {
        anstream::eprintln!("{}: {note}", args.file.display());
    }
    write(args.out.as_deref(), &imported.policy)?;
    if let Some(out) = &args.out {
        let limits = match imported.limits {
            1 => "1 limit".to_owned(),
            count => format!("{count} limits"),
        };
        anstream::eprintln!("{}: a policy with {limits}", out.display());
    }
    Ok(())
}
