//! The engine as an AWS Lambda authorizer: API Gateway asks, and gets the engine's verdict.
//!
//! ```text
//! event ─► decode ─► Ask ─► Engine::decide_as ─► Decision ─► encode ─► answer, or `Unauthorized`
//!          (shapes)                                          (width, context)
//! ```
//! | room | its one job |
//! |---|---|
//! | `settings` | what the environment says |
//! | `start`, `stage` | a policy in force with its keys, or why not |
//! | `event`, `decode` | three payloads, one question |
//! | `arn` | what a policy document's `Resource` covers |
//! | `encode`, `context` | the engine's verdict as API Gateway reads it |
//! | `serve` | the loop |
//!
//! Nothing here decides who may pass: that is the engine's. What is decided here is how *wide* an
//! answer may be, since API Gateway uses it again; `tollgate_aws::authorizer` has the rules.
//! Whatever goes wrong refuses: an answer is a Deny, a failed call is none at all.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod arn;
mod clock;
mod context;
mod decode;
mod encode;
mod error;
mod event;
mod serve;
mod settings;
mod stage;
mod start;

use std::process::ExitCode;

use crate::settings::Settings;

/// One thread: a Lambda instance answers one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let settings = Settings::read(std::env::vars_os());
    let log = settings.as_ref().map_or("info", |settings| &settings.log);
    tracing_subscriber::fmt()
        .json()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::new(log))
        .init();
    let started = match settings {
        Ok(settings) => start::start(settings).await,
        Err(error) => Err(error),
    };
    let ended = match started {
        Ok(authorizer) => serve::run(authorizer).await,
        Err(error) => Err(error),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
