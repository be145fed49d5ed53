//! A function's own binary as a child process, with the environment that Lambda gives it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Invoked, RuntimeApi};
use crate::error::TestkitError;
use crate::peers::{Launch, Peer};

/// How long a start may take; Lambda gives it 10 s.
const START_WAIT: Duration = Duration::from_secs(60);
/// Pause between two looks.
const POLL_PAUSE: Duration = Duration::from_millis(5);

/// A function to start: its binary in a folder of its own.
pub struct FunctionLaunch<'a> {
    /// The binary.
    pub binary: &'a Path,
    /// Files of the zip: name, content; readable by everybody, as in a zip.
    pub files: &'a [(&'a str, &'a str)],
    /// Further variables: name, value.
    pub variables: &'a [(&'a str, &'a str)],
}

/// A function that waits for events.
pub struct Function {
    api: RuntimeApi,
    process: Peer,
    start: Duration,
}

impl FunctionLaunch<'_> {
    /// Starts it and waits until it asks for its first event.
    ///
    /// # Errors
    /// When it ends before, or takes longer than Lambda would give it; with what it wrote.
    pub fn launch(&self) -> Result<Function, TestkitError> {
        let api = RuntimeApi::start()?;
        let began = Instant::now();
        let mut process = self.start(&api)?;
        while api.asked() == 0 {
            if let Some(status) = process.wait_ended(Duration::ZERO) {
                return Err(TestkitError::Ended {
                    program: "the function".to_owned(),
                    status: status.to_string(),
                    output: process.output(),
                });
            }
            if began.elapsed() > START_WAIT {
                return Err(TestkitError::Tool {
                    program: "the function".to_owned(),
                    output: process.output(),
                });
            }
            std::thread::sleep(POLL_PAUSE);
        }
        Ok(Function {
            api,
            process,
            start: began.elapsed(),
        })
    }

    /// Through `env`, which sets the variables and becomes the binary.
    fn start(&self, api: &RuntimeApi) -> Result<Peer, TestkitError> {
        let api_variable = format!("AWS_LAMBDA_RUNTIME_API={}", api.address());
        let pairs = self.variables.iter();
        let own: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let binary = self.binary.to_string_lossy();
        let mut arguments = vec![
            "-i",
            &api_variable,
            "AWS_LAMBDA_FUNCTION_NAME=authorizer",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
            "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
        ];
        arguments.extend(own.iter().map(String::as_str));
        arguments.push(&binary);
        Peer::start(&Launch {
            name: "function",
            program: Path::new("/usr/bin/env"),
            arguments: &arguments,
            files: self.files,
            address: api.address(),
        })
    }
}

impl Function {
    /// Has it handle an event.
    #[must_use]
    pub fn invoke(&self, event: &Value) -> Invoked {
        self.api.invoke(event)
    }

    /// How long it took from its start to asking for its first event.
    #[must_use]
    pub fn start_took(&self) -> Duration {
        self.start
    }

    /// What it wrote.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> &Peer {
        &self.process
    }
}
