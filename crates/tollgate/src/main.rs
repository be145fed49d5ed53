//! The binary: reads the command line, loads a policy, wires the crates together.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod admin_client;
mod admin_keys;
mod api_keys;
mod check;
mod cli;
mod columns;
mod compile;
mod demo;
mod edge;
mod environment;
mod explain;
mod failure;
mod import;
mod keys;
mod keys_file;
mod notice;
mod plan;
mod private_file;
mod routes;
mod schema;
mod serve;
mod stored_quotas;
mod stores;
mod subject;
mod telemetry;
mod token;
mod top;
mod usage;
mod waf;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, EdgeCommand, TokenCommand};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Check(args) => check::run(args),
        Command::Routes(args) => routes::run(args),
        Command::Schema => schema::run(),
        Command::Token(TokenCommand::Check(args)) => token::run(args),
        Command::Keys(command) => keys::run(command),
        Command::ApiKeys(command) => api_keys::run(command),
        Command::AdminKeys(command) => admin_keys::run(command),
        Command::Subject(command) => subject::run(command),
        Command::Explain(args) => explain::run(args),
        Command::Top(args) => top::run(args),
        Command::Notice(command) => notice::run(command),
        Command::Plan(command) => plan::run(command),
        Command::Edge(EdgeCommand::Run(args)) => edge::run(args),
        Command::Compile(command) => compile::run(command),
        Command::Import(command) => import::run(command),
        Command::Waf(command) => waf::run(command),
        Command::Usage(command) => usage::run(command),
        Command::Demo(args) => demo::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
