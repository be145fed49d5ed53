//! A CloudFront Function, runtime `cloudfront-js-2.0`, run on this machine.
//!
//! Every run has an engine of its own, as CloudFront gives no state from one run to the next. The
//! modules `crypto`, `cloudfront`, `querystring` and `buffer` are there, by `import` and by
//! `require`; `Date` stands still during a run; what CloudFront lacks (timers, `fetch`, `eval`, `Map`,
//! `Set`, `Proxy`, `Reflect`, `BigInt` and more) is taken away.
//!
//! Not as in CloudFront: syntax that it rejects (classes, destructuring, `?.`, `await` in arguments)
//! runs here, md5 and sha1 do not, and how much of its undisclosed run time a function needs is not
//! measured.

mod engine;
mod error;
mod host;
mod kvs;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;
use tollgate_limiter::{Clock, SystemClock};

pub use self::error::FunctionError;
pub use self::kvs::{Kvs, KvsError};

/// CloudFront's limit on the source, in bytes.
pub const SOURCE_BYTES_MAX: usize = 10_240;

/// What one run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Memory in bytes beyond what an empty engine uses; CloudFront gives 2 MB.
    pub memory_bytes: usize,
    /// Steps of about ten thousand jumps and calls each. This ends a run that would not end, and
    /// says nothing of CloudFront's own limit, which is not published.
    pub steps: u32,
}

/// A function with its key value store, ready to run.
pub struct Function {
    source: String,
    kvs: Kvs,
    limits: Limits,
    clock: Arc<dyn Clock>,
    log: Vec<String>,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 2 * 1024 * 1024,
            steps: 1_000,
        }
    }
}

// === impl Function ===

impl Function {
    /// Reads `source`, which must declare `handler`.
    ///
    /// # Errors
    /// When it is too large, does not compile, throws at its top level, or has no handler: all that
    /// CloudFront takes without a word, to answer 503 later.
    pub fn new(source: &str, kvs: Kvs) -> Result<Self, FunctionError> {
        Self::with_limits(source, kvs, Limits::default())
    }

    /// As [`Function::new`], with limits of one's own.
    ///
    /// # Errors
    /// As [`Function::new`].
    pub fn with_limits(source: &str, kvs: Kvs, limits: Limits) -> Result<Self, FunctionError> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(FunctionError::SourceTooLarge {
                bytes: source.len(),
            });
        }
        let function = Self {
            source: source.to_owned(),
            kvs,
            limits,
            clock: Arc::new(SystemClock::new()),
            log: Vec::new(),
        };
        engine::check(&function.run())?;
        Ok(function)
    }

    /// Takes the time from this clock instead of the machine's.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The key value store, to change a key or to make reads fail.
    pub fn kvs_mut(&mut self) -> &mut Kvs {
        &mut self.kvs
    }

    /// Runs the handler over a viewer-request event, to the end of its promise if it is async.
    ///
    /// # Errors
    /// Whatever CloudFront answers with 503: an exception, a limit, no object returned.
    pub fn call(&mut self, event: &Value) -> Result<Value, FunctionError> {
        let (log, result) = engine::call(&self.run(), event);
        self.log = log;
        result
    }

    /// What the last run logged, line by line; its end is missing beyond 10 KB.
    pub fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    fn run(&self) -> engine::Run<'_> {
        engine::Run {
            source: &self.source,
            kvs: &self.kvs,
            limits: self.limits,
            now_ms: self.clock.now().unix_ms,
        }
    }
}
