//! Other programs: run in the checkout's root, reported by the command line that a person would type.

use std::ffi::OsStr;
use std::panic::resume_unwind;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::error::XtaskError;
use crate::root::workspace_root;

/// Attempts to fetch something before its failure counts.
const TRIES: u32 = 3;
/// Between two of these.
const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// A command in the checkout's root.
pub(crate) fn command<I, A>(program: impl AsRef<OsStr>, arguments: I) -> Command
where
    I: IntoIterator<Item = A>,
    A: AsRef<OsStr>,
{
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(workspace_root())
        .stdin(Stdio::null());
    command
}

/// The cargo that runs us.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    command(cargo, arguments)
}

/// The command as it would be typed.
pub(crate) fn typed(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default();
    let mut line = program.to_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// Runs it with its output shown.
///
/// # Errors
/// When it is missing (with `remedy`) or fails.
pub(crate) fn run(command: &mut Command, remedy: &'static str) -> Result<(), XtaskError> {
    let status = command.status();
    finish(command, remedy, status.map(|status| (status, ())))
}

/// Runs two commands beside each other: the output of `quiet` is shown when it has ended, whatever became of it.
///
/// # Errors
/// When one of them is missing (with `remedy`) or fails.
pub(crate) fn run_beside(
    quiet: &mut Command,
    shown: &mut Command,
    remedy: &'static str,
) -> Result<(), XtaskError> {
    let (output, outcome) = std::thread::scope(|scope| {
        let quiet = scope.spawn(|| quiet.output());
        let outcome = run(shown, remedy);
        let output = quiet.join().unwrap_or_else(|panic| resume_unwind(panic));
        (output, outcome)
    });
    let output = output.map(|output| {
        for printed in [output.stdout, output.stderr] {
            print!("{}", String::from_utf8_lossy(&printed));
        }
        (output.status, ())
    });
    let quiet = finish(quiet, remedy, output);
    if let (Err(_), Err(error)) = (&outcome, &quiet) {
        println!("{error}");
    }
    outcome.and(quiet)
}

/// Fetches something by a command, up to [`TRIES`] times while that fails.
///
/// # Errors
/// The last one.
pub(crate) fn over_network<T>(
    mut fetch: impl FnMut() -> Result<T, XtaskError>,
) -> Result<T, XtaskError> {
    for tried in 1..TRIES {
        match fetch() {
            Err(error @ XtaskError::Failed { .. }) => {
                println!("{error}; attempt {tried} of {TRIES} failed, trying again");
                std::thread::sleep(RETRY_PAUSE);
            }
            outcome => return outcome,
        }
    }
    fetch()
}

/// Runs it and gives what it printed; its errors are shown.
///
/// # Errors
/// When it is missing (with `remedy`) or fails.
pub(crate) fn read(command: &mut Command, remedy: &'static str) -> Result<String, XtaskError> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status, text)
    });
    finish(command, remedy, output)
}

fn finish<T>(
    command: &Command,
    remedy: &'static str,
    outcome: std::io::Result<(std::process::ExitStatus, T)>,
) -> Result<T, XtaskError> {
    match outcome {
        Ok((status, value)) if status.success() => Ok(value),
        Ok((status, _)) => Err(XtaskError::Failed {
            command: typed(command),
            status: status.to_string(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(XtaskError::Missing {
            program: command.get_program().to_string_lossy().into_owned(),
            remedy,
        }),
        Err(error) => Err(XtaskError::io(format!("start `{}`", typed(command)))(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_told_with_its_remedy() {
        let error = run(&mut command("no-such-program", ["x"]), "install it").unwrap_err();
        assert_eq!(
            error.to_string(),
            "no-such-program is not installed: install it"
        );
    }

    #[test]
    fn of_two_beside_each_other_either_fails_both() {
        let ends = |status: u8| command("/bin/sh", ["-c", &format!("exit {status}")]);
        for (quiet, shown, holds) in [(0, 0, true), (1, 0, false), (0, 1, false)] {
            let outcome = run_beside(&mut ends(quiet), &mut ends(shown), "");
            assert_eq!(outcome.is_ok(), holds, "{quiet}, {shown}");
        }
    }

    #[test]
    fn what_fails_over_a_network_is_tried_again() {
        let mut tried = 0;
        let mut fetch = || {
            tried += 1;
            let script = format!("test {tried} = 2");
            run(&mut command("/bin/sh", ["-c", &script]), "")
        };
        over_network(&mut fetch).unwrap();
        assert_eq!(tried, 2);
    }

    #[test]
    fn a_failure_names_the_command_as_typed() {
        let error = run(&mut command("/bin/sh", ["-c", "exit 3"]), "").unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3` failed (exit status: 3)");
    }
}
