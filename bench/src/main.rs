//! The gateway beside its peers on one machine: CPU time per request, requests per second, latency.
//!
//! One command starts an origin and every contender with one worker thread each, loads them in turn
//! for several rounds with the same tokens and paths, and prints the medians. It asserts nothing.
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

mod bare;
mod configs;
mod contender;
mod error;
mod layers;
mod load;
mod machine;
mod measure;
mod probe;
mod report;
mod rls;
mod scenario;
mod summary;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::BenchError;
use crate::measure::Plan;

/// The gateway, the services for Envoy and the layer beside their peers on the same job.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// How often every contender has its turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Length of one turn, in seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Only contenders whose name contains one of these words, such as `tollgate,haproxy`, or whose
    /// scenario is one of them: job, limited, garbage, forged, behind-envoy, rls.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Connections kept busy.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Also writes the report as Markdown to this file.
    #[arg(long)]
    markdown: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the bare hyper proxy; the benchmark starts itself so.
    #[command(hide = true)]
    Bare {
        /// Where it listens.
        listen: SocketAddr,
        /// Where it forwards to.
        origin: SocketAddr,
    },
    /// Serves limitador's library to Envoy; the benchmark starts itself so.
    #[command(hide = true)]
    RlsLimitador {
        /// Where it listens.
        listen: SocketAddr,
    },
    /// Measures the tower layer beside `tower_governor`, within this process.
    Tower,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), BenchError> {
    match arguments.command {
        Some(Command::Bare { listen, origin }) => return bare::serve(listen, origin),
        Some(Command::RlsLimitador { listen }) => return rls::serve(listen),
        Some(Command::Tower) => {
            println!("{}", layers::run(arguments.rounds, &arguments.only)?);
            return Ok(());
        }
        None => {}
    }
    let plan = Plan {
        rounds: arguments.rounds,
        seconds: arguments.seconds,
        connections: arguments.connections,
        only: arguments.only,
    };
    let report = measure::run(&plan)?;
    println!("\n{}", report.aligned());
    if let Some(path) = arguments.markdown {
        std::fs::write(&path, report.markdown()).map_err(|source| BenchError::Write {
            path: path.clone(),
            source,
        })?;
        println!("written to {}", path.display());
    }
    Ok(())
}
