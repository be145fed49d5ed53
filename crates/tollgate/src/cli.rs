//! The command line: what can be said to `tollgate`, and its help.

mod admin;
mod aws;
mod explain;
mod import;
mod plan;
mod subject;
mod usage;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use admin::{AdminKeysCommand, ApiArgs, NewAdminKeyArgs, RevokeAdminKeyArgs};
pub(crate) use aws::{
    CapacityArgs, CompileAwsArgs, CompileCommand, EdgeCommand, EdgeRunArgs, WafCommand,
};
pub(crate) use explain::{ExplainArgs, TopArgs};
pub(crate) use import::{ImportCommand, ImportRatelimitArgs, ImportWafArgs, UsagePlansArgs};
pub(crate) use plan::{ChangeArgs, PlanCommand, TimesArgs, WhomArgs};
pub(crate) use subject::{GrantArgs, ResetArgs, SubjectArgs, SubjectCommand};
pub(crate) use usage::{
    By, ExportArgs, ExportFormat, ForgetArgs, IngestArgs, ShowArgs, StoreArgs, UsageCommand,
    WhoseArgs,
};

/// Identity-aware rate limiting at the edge.
///
/// Tollgate verifies who calls, limits each user on each endpoint, and answers 429 itself before
/// your origin does any work. Start with `tollgate demo`; put it in front of your own API with
/// `tollgate check tollgate.yaml` and `tollgate serve --config tollgate.yaml`.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 a test, a scene or a path did not hold; \
2 wrong use of the command line; 3 the policy, what is to be imported, or a compiled folder has \
errors; 4 the system refused something \
(a file, a port, the network).";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway in front of the policy's origin.
    Serve(ServeArgs),
    /// Check a policy: every error at once, then its own tests.
    Check(CheckArgs),
    /// Show the policy's routes, or which route a path belongs to.
    #[command(subcommand)]
    Routes(RoutesCommand),
    /// Say whether tokens would be accepted, and why not.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make and change the keys from which bucket ids are made.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Make, list and revoke the API keys of callers without a token.
    #[command(subcommand)]
    ApiKeys(ApiKeysCommand),
    /// Make, list and revoke the keys of the admin API and the console.
    #[command(subcommand)]
    AdminKeys(AdminKeysCommand),
    /// Say what would become of a request, and why; consumes nothing.
    Explain(ExplainArgs),
    /// Watch a running gateway: traffic, routes and callers of the last minute.
    Top(TopArgs),
    /// Give plans and limits to single customers, look at them, undo.
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Show what is left to one customer of a running gateway, fill up, give back.
    #[command(subcommand)]
    Subject(SubjectCommand),
    /// Try where notices go, list them, have one tried again.
    #[command(subcommand)]
    Notice(NoticeCommand),
    /// Make something of the policy that runs without Tollgate.
    #[command(subcommand)]
    Compile(CompileCommand),
    /// Make a policy of what limits your API elsewhere.
    #[command(subcommand)]
    Import(ImportCommand),
    /// Look at web ACLs of AWS WAF.
    #[command(subcommand)]
    Waf(WafCommand),
    /// Count what was used, and give it to whoever writes the bills.
    #[command(subcommand)]
    Usage(UsageCommand),
    /// Print the JSON Schema of the policy file, for your editor.
    Schema,
    /// Try on this machine what was compiled to AWS.
    #[command(subcommand)]
    Edge(EdgeCommand),
    /// See it work: an issuer, an origin and the gateway on this machine, with real requests.
    Demo(DemoArgs),
}

// No doc comment: it would stand in place of the command's own help.
#[derive(Args, Debug)]
pub(crate) struct PolicyFile {
    /// The policy file.
    #[arg(
        short,
        long,
        env = "TOLLGATE_CONFIG",
        default_value = "tollgate.yaml",
        value_name = "FILE"
    )]
    pub(crate) config: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyFile,
    /// Threads of the data plane, each with its own listener and upstream pool; one a core if
    /// not given.
    #[arg(short, long, env = "TOLLGATE_WORKERS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,
    /// What to log on standard error: `error`, `warn`, `info`, `debug`, `trace`, or a filter as
    /// `info,tollgate_proxy=debug`.
    #[arg(long, env = "TOLLGATE_LOG", default_value = "info")]
    pub(crate) log: String,
    /// How to write the log.
    #[arg(long, env = "TOLLGATE_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The policy file.
    #[arg(default_value = "tollgate.yaml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Do not run the policy's tests.
    #[arg(long)]
    pub(crate) no_tests: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RoutesCommand {
    /// List every route as a JSON line.
    List(RoutesFrom),
    /// Say which route each path belongs to, as a JSON line each.
    ///
    /// A path may be preceded by a method: `tollgate routes match "POST /orders/1"`. Without
    /// arguments, paths are read from standard input, one a line.
    Match(MatchArgs),
}

#[derive(Args, Debug)]
pub(crate) struct RoutesFrom {
    #[command(flatten)]
    pub(crate) policy: PolicyFile,
    /// Take the routes of this OpenAPI document (YAML or JSON) instead of a policy's.
    #[arg(long, value_name = "FILE")]
    pub(crate) openapi: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct MatchArgs {
    #[command(flatten)]
    pub(crate) from: RoutesFrom,
    /// The method of paths that do not name one.
    #[arg(short, long, default_value = "GET")]
    pub(crate) method: String,
    /// Paths, each optionally as "METHOD /path".
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Check tokens as the gateway would; one JSON line for each.
    ///
    /// A line has `verdict` (`valid`, `invalid` or `undecided`), for a valid token the user and the
    /// claims, for an invalid one `reason` and `description`, and what the token says of itself
    /// under `unverified_header` and `unverified_claims`.
    ///
    /// Tokens are read from the arguments or, without any, from standard input, one a line. Other
    /// users of this machine see arguments, not standard input. Exit code 0 if all are valid, else
    /// 1.
    Check(TokenArgs),
}

#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyFile,
    /// Check against the keys of this file, a JWK set or one JWK, instead of a policy.
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks: Option<PathBuf>,
    /// With --jwks: the issuer that tokens must name; their own word for it if not given.
    #[arg(long, requires = "jwks", value_name = "ISS")]
    pub(crate) issuer: Option<String>,
    /// With --jwks: the audience that tokens must name; their own word for it if not given.
    #[arg(long, requires = "jwks", value_name = "AUD")]
    pub(crate) audience: Option<String>,
    /// With --jwks: check the signature alone, over any payload, under every algorithm that the
    /// keys are for; HS256 too, if the file has a secret (`"kty": "oct"`).
    #[arg(long, requires = "jwks", conflicts_with_all = ["issuer", "audience", "at"])]
    pub(crate) jws: bool,
    /// Check as of this moment, in seconds since 1970, instead of now.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) at: Option<u64>,
    /// Tokens, without `Bearer`.
    #[arg(value_name = "TOKEN")]
    pub(crate) tokens: Vec<String>,
}

/// A running gateway sees a change of the file by itself.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a ring with one key, in a new file that only you may read.
    New {
        /// The file to make; `identity.bucket_keys` of the policy names it.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// List the keys as a JSON line each; never their secrets.
    List {
        /// The ring's file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Make a new key the current one, and drop keys whose time has passed.
    ///
    /// New ids are made with it at once. Counters inside the gateway go on; counters outside that
    /// are named by id (a WAF's, a Redis') begin anew.
    Rotate(RotateArgs),
    /// Remove a key that is not the current one: ids under it are refused at once.
    Retire {
        /// The ring's file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The key's name.
        #[arg(value_name = "KID")]
        kid: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct RotateArgs {
    /// The ring's file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// How long ids under the key before are accepted, for example `30min`, `12h` or `7d`.
    #[arg(long, default_value = "7d", value_parser = tollgate_policy::parse_duration)]
    pub(crate) overlap: std::time::Duration,
}

/// A running gateway sees a change of the file by itself, and refuses a revoked key from then on.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeysCommand {
    /// Make a key, print it this once, and add its hash to the file.
    ///
    /// Standard output is the key and nothing else: `tgk_` and 43 characters, 256 random bits. The
    /// file keeps only its SHA-256 and is made, readable by you alone, if it is not there;
    /// `identity.api_keys` of the policy names it. Callers send the key in the field `x-api-key`.
    ///
    /// All keys of one subject and account are one user with one set of buckets: to replace a key,
    /// make a second one, hand it out, then revoke the first.
    New(NewApiKeyArgs),
    /// List the keys as a JSON line each; never the keys themselves, which nobody has.
    List {
        /// The file of keys.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Remove all keys of a subject, or one key by the beginning of its digest.
    Revoke(RevokeApiKeyArgs),
}

#[derive(Args, Debug)]
pub(crate) struct NewApiKeyArgs {
    /// Whose key it is: what limits are counted by and the origin is told, without blanks.
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: String,
    /// The account that limits `per: account` count by.
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// The plan; the policy's default plan if not given.
    #[arg(long, value_name = "NAME")]
    pub(crate) plan: Option<String>,
    /// When the key ends: a time from now, for example `90d`, or seconds since 1970. Never if not
    /// given.
    #[arg(long, value_name = "TIME", value_parser = not_after)]
    pub(crate) not_after: Option<NotAfter>,
    /// The file of keys.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// When a key ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NotAfter {
    In(std::time::Duration),
    UnixSeconds(u64),
}

fn not_after(text: &str) -> Result<NotAfter, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().map_err(|_| "too many seconds".to_owned())?;
        return Ok(NotAfter::UnixSeconds(seconds));
    }
    let duration = tollgate_policy::parse_duration(text).map_err(|error| error.to_string())?;
    Ok(NotAfter::In(duration))
}

#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("which").required(true)))]
pub(crate) struct RevokeApiKeyArgs {
    /// Revoke every key of this subject, whatever its account.
    #[arg(long, value_name = "NAME", group = "which")]
    pub(crate) subject: Option<String>,
    /// Revoke the one key whose `digest` in the list begins so, at least 8 characters.
    #[arg(long, value_name = "PREFIX", group = "which")]
    pub(crate) digest: Option<String>,
    /// The file of keys.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NoticeCommand {
    /// Send one notice of nobody through each channel of the policy, now, and say what happened.
    ///
    /// Its id begins with `ntc_test_`. Nothing is tried again and no store is needed. What happened is said on
    /// standard error; standard output is that channel's line and nothing else. Exit code 0 if every channel took it,
    /// else 1.
    Test(PolicyFile),
    /// List the notices in the policy's store as a JSON line each, with where each stands on its channels.
    List {
        #[command(flatten)]
        policy: PolicyFile,
        /// Only those that are in this state on one of their channels.
        #[arg(long, value_name = "STATE")]
        state: Option<NoticeStage>,
    },
    /// Make a notice due now on every channel that has not delivered it; the gateway delivers it.
    Retry {
        #[command(flatten)]
        policy: PolicyFile,
        /// The number of the notice in the list.
        #[arg(value_name = "NUMBER")]
        id: u64,
    },
}

/// Where a notice stands on a channel.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum NoticeStage {
    /// To be delivered.
    Waiting,
    /// Somebody received it.
    Delivered,
    /// Nobody did, and it is not tried again by itself.
    GivenUp,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// End after the show, with exit code 0 only if every expectation held.
    #[arg(long)]
    pub(crate) once: bool,
    /// Where to write the demo's policy; a new folder under the temporary directory if not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The gateway's port; a free one if not given.
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}
