//! Why a run of a function gave nothing; to the client each of these is a 503.

use super::SOURCE_BYTES_MAX;

/// What went wrong with a function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FunctionError {
    /// CloudFront does not take it.
    #[error("the function has {bytes} bytes, and CloudFront takes {SOURCE_BYTES_MAX}")]
    SourceTooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It does not compile, or its top level throws.
    #[error("the function does not load: {message}")]
    Load {
        /// What the engine says.
        message: String,
    },
    /// There is no function `handler` at the top level.
    #[error("the function has no `handler`")]
    NoHandler,
    /// The handler threw, or its promise was rejected.
    #[error("the function threw {message}")]
    Threw {
        /// What it threw, with the place if it is known.
        message: String,
    },
    /// It did not end within its steps.
    #[error("the function ran over its time")]
    OverTime,
    /// It needed more memory than it has.
    #[error("the function ran out of memory")]
    OverMemory,
    /// Its promise waits for something that will not come.
    #[error("the function's promise is never settled")]
    NeverSettles,
    /// It returned something else than a request or a response.
    #[error("the function returned no object")]
    NoObject,
    /// The engine itself could not be set up.
    #[error("failed to set up the JavaScript engine: {message}")]
    Engine {
        /// What it says.
        message: String,
    },
}
