//! How a command ends when it does not succeed: what to say, and which exit code.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tollgate_aws::compile::CompileError;
use tollgate_aws::import::usage_plans::UsagePlansError;
use tollgate_aws::store::StoreError;
use tollgate_aws::waf::WafError;
use tollgate_edge::EdgeError;
use tollgate_engine::EngineError;
use tollgate_identity::IdentityError;
use tollgate_insight::InsightError;
use tollgate_notices::NoticesError;
use tollgate_policy::{Diagnostic, Diagnostics};
use tollgate_proxy::ProxyError;

/// Everything that ends a command early. Expected errors only: a bug panics.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    /// The policy has errors, each shown with its place.
    #[error("{}", counted(.0))]
    Policy(Diagnostics),
    /// The policy reads well and cannot be put to work.
    #[error("the policy cannot be put in force: {0}")]
    Engine(#[from] EngineError),
    /// Something that was to hold does not; the details are already on the screen.
    #[error("{0}")]
    NotHeld(String),
    /// The operating system refused.
    #[error("failed to {doing}: {source}{}", hint(.source))]
    System {
        /// What was being done, as a verb phrase.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// The data plane could not be set up.
    #[error("{0}{hint}", hint = proxy_hint(.0))]
    Proxy(#[from] ProxyError),
    /// The client that fetches keys could not be set up.
    #[error(transparent)]
    Fetch(#[from] tollgate_fetch::ClientError),
    /// Notices cannot be sent as the policy says.
    #[error("notices cannot be sent: {0}")]
    Notices(#[from] NoticesError),
    /// A ring or a file of keys cannot be made, read or changed so.
    #[error("{}{source}", unnamed(file, source))]
    Keys {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: IdentityError,
    },
    /// The policy does not become what was asked for.
    #[error("the policy cannot be compiled so: {0}")]
    Compile(Box<CompileError>),
    /// A folder has something else in it.
    #[error("{} has files of others in it; nothing was written (name a new folder)", .0.display())]
    NotEmpty(PathBuf),
    /// A compiled folder cannot be served.
    #[error("{0}")]
    Edge(#[from] EdgeError),
    /// A file with web ACLs cannot be used.
    #[error("{}: {source}", file.display())]
    Waf {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: WafError,
    },
    /// Usage plans cannot be imported.
    #[error("{0}")]
    UsagePlans(#[from] UsagePlansError),
    /// A file would be replaced that nobody said may be.
    #[error("{} is there already; nothing was written (`--force` replaces it)", .0.display())]
    IsThere(PathBuf),
    /// The store cannot be had.
    #[error("{location} cannot be used: {source}")]
    StoreAway {
        /// Where it is, without a password.
        location: String,
        /// What is wrong with it.
        source: tollgate_store::StoreError,
    },
    /// The policy leaves the store to the environment, which has none.
    #[error("the policy says `store: environment`, and `TOLLGATE_STORE` is not set")]
    NoStore,
    /// The store does not do what was asked.
    #[error("{0}")]
    Store(#[from] tollgate_store::StoreError),
    /// The admin API cannot be set up.
    #[error("the admin API cannot be set up: {0}")]
    AdminApi(#[from] tollgate_admin::FailuresError),
    /// The keys of the admin API cannot be used.
    #[error("{}: {source} (`tollgate admin-keys new` makes the file)", file.display())]
    AdminKeys {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: tollgate_admin::AdminKeysError,
    },
    /// A running gateway cannot be asked, or refuses.
    #[error("{0}")]
    Admin(String),
    /// What is to be imported cannot become a policy as it is.
    #[error("{0}")]
    Import(String),
    /// Arguments that do not go together, or one that cannot be read.
    #[error("{0}")]
    Misused(String),
    /// Telemetry could not be set up.
    #[error("failed to set up telemetry: {0}")]
    Telemetry(String),
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Self {
        Self::Compile(Box::new(error))
    }
}

impl From<InsightError> for Failure {
    fn from(error: InsightError) -> Self {
        Self::Misused(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::from(CompileError::Store(error))
    }
}

// === impl Failure ===

impl Failure {
    pub(crate) fn system(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::System { doing, source }
    }

    /// Says on standard error what went wrong and gives the exit code of its kind.
    pub(crate) fn report(&self) -> ExitCode {
        if let Self::Policy(diagnostics) = self {
            anstream::eprint!("{}", diagnostics.render(true));
        }
        anstream::eprintln!("error: {self}");
        ExitCode::from(match self {
            Self::NotHeld(_) => 1,
            Self::Edge(error) => edge_code(error),
            Self::Misused(_) => 2,
            Self::Store(error) if error.is_callers() => 2,
            Self::Policy(_)
            | Self::Engine(_)
            | Self::UsagePlans(_)
            | Self::Import(_)
            | Self::Compile(_) => 3,
            Self::System { .. }
            | Self::Proxy(_)
            | Self::Fetch(_)
            | Self::StoreAway { .. }
            | Self::NoStore
            | Self::Telemetry(_)
            | Self::Notices(_)
            | Self::Store(_)
            | Self::IsThere(_)
            | Self::NotEmpty(_)
            | Self::Keys { .. }
            | Self::AdminApi(_)
            | Self::Admin(_)
            | Self::AdminKeys { .. }
            | Self::Waf { .. } => 4,
        })
    }
}

fn edge_code(error: &EdgeError) -> u8 {
    match error {
        EdgeError::NotLoopback { .. }
        | EdgeError::Origin { .. }
        | EdgeError::Speed { .. }
        | EdgeError::Settings { .. } => 2,
        EdgeError::File { .. } | EdgeError::Bind { .. } => 4,
        // What is in the folder.
        _ => 3,
    }
}

fn counted(diagnostics: &Diagnostics) -> String {
    let is_error = |diagnostic: &&Diagnostic| diagnostic.is_error();
    match diagnostics.iter().filter(is_error).count() {
        1 => "1 error in the policy".to_owned(),
        count => format!("{count} errors in the policy"),
    }
}

fn proxy_hint(error: &ProxyError) -> &'static str {
    match error {
        ProxyError::Bind { source, .. } => hint(source),
        _ => "",
    }
}

/// The file, where the error does not name it.
fn unnamed(file: &Path, error: &IdentityError) -> String {
    match error {
        IdentityError::KeyRingFile { .. }
        | IdentityError::KeyRingMode { .. }
        | IdentityError::ApiKeys { .. } => String::new(),
        _ => format!("{}: ", file.display()),
    }
}

/// The next step for the errors that people meet first.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            " (another process listens there; stop it, or choose another address under `listen:` \
             or `admin:`)"
        }
        io::ErrorKind::PermissionDenied => {
            " (ports below 1024 need privileges; choose a higher one, or grant \
             CAP_NET_BIND_SERVICE)"
        }
        io::ErrorKind::AddrNotAvailable => " (no interface of this machine has that address)",
        _ => "",
    }
}
