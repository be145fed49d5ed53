//! Why a compiled folder cannot be served; each names the file or the option, and the next step.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::function::{FunctionError, KvsError};

/// What stops the local edge before it serves.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EdgeError {
    /// A file of the folder cannot be read.
    #[error("failed to read {}: {source}{}", path.display(), missing(source))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the folder is larger than any that is compiled.
    #[error("{}: larger than {max} bytes; compile the folder anew", path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        max: u64,
    },
    /// The manifest does not say what is needed.
    #[error("{}: {why}; compile the folder anew", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The function does not load.
    #[error("{}: {source}; CloudFront would answer 503 to every request", path.display())]
    Function {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: FunctionError,
    },
    /// The key value store cannot be imported.
    #[error("{}: {source}", path.display())]
    Kvs {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: KvsError,
    },
    /// The web ACL cannot be simulated.
    #[error("{}: {why}", path.display())]
    WebAcl {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// An address that others can reach.
    #[error("{address} is no loopback address; {option} takes 127.0.0.1 or [::1] with a port")]
    NotLoopback {
        /// The option.
        option: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// An address that cannot be had.
    #[error("failed to listen on {address}: {source}; {option} names another")]
    Bind {
        /// The option.
        option: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// An origin that cannot be one.
    #[error("`{url}` is no origin: {why}; write for example `--origin http://127.0.0.1:9000`")]
    Origin {
        /// As given.
        url: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Times of the model of WAF that make no model.
    #[error("{reason}; --evaluate-every and --lag set them")]
    Settings {
        /// What is wrong.
        reason: &'static str,
    },
    /// A speed at which time does not go on.
    #[error("time cannot run {speed} times as fast; --speed takes 1 to {max}")]
    Speed {
        /// As given.
        speed: u32,
        /// The highest.
        max: u32,
    },
}

fn missing(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => " (the folder has to be one that `tollgate compile aws` wrote)",
        _ => "",
    }
}
