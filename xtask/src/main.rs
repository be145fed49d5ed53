//! The repository's routines, as `cargo xtask COMMAND`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool"
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod corpus;
mod error;
mod lambda;
mod root;
mod setup;
mod shell;
mod suite;
mod tidy;

use std::process::ExitCode;

use error::XtaskError;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  setup    install what the tests and the benchmark need (Debian packages, a Python environment,
           the document corpus, cargo-deny); quick when everything is there
  test     setup, then everything that must hold: fmt, clippy, doc, deny, tidy, tests, model check, release build,
           demo, end to end
  loom     only the model check of the counting table, which `test` includes
  lambda   the authorizer for AWS Lambda: target/lambda/bootstrap.zip, with its size
  tidy     the repository's own rules: dependency direction, file length, banned words
  corpus   only the OpenAPI documents that the import is tested on";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["setup"] => setup::run(),
        ["test"] => suite::run(),
        ["loom"] => suite::model_check(),
        ["lambda"] => lambda::run(),
        ["tidy"] => tidy::run(),
        ["corpus"] => corpus::run(),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn report(error: &XtaskError) {
    eprintln!("error: {error}");
}
