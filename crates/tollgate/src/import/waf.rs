//! `tollgate import waf`: rate-based rules as a policy.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use tollgate_aws::import::waf::policy;

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

/// Writes a policy to a new file, or to standard output.
pub(super) fn write(out: Option<&Path>, policy: &str) -> Result<(), Failure> {
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
