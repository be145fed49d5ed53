//! What can be asked about requests and traffic.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;

use super::{ApiArgs, PolicyFile};

#[derive(Args, Debug)]
#[command(after_help = EXPLAIN_HELP)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyFile,
    #[command(flatten)]
    pub(crate) who: CallerArgs,
    /// The address that the request comes from.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<IpAddr>,
    /// Which plans and limits are in force at this time: a day of UTC (`2026-11-01`) or a moment
    /// (`2026-11-01T00:00:00Z`); now if not given. What is left is always that of now.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    /// Say it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The request's method.
    #[arg(value_name = "METHOD")]
    pub(crate) method: String,
    /// Its path, without a query.
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
}

const EXPLAIN_HELP: &str = "\
With --api a running gateway is asked, which knows what is left of every limit. Without it the policy and its \
store are: quotas of an hour and longer stand as they were last written, and shorter limits as if nothing was \
used.

Exit codes: 0 it would pass; 1 it would not; others as for every command.";

// No doc comment: it would stand in place of the command's own help.
#[derive(Args, Debug)]
pub(crate) struct CallerArgs {
    /// The caller's token, without `Bearer`; it is verified under the policy. `-` reads it from standard input, which
    /// other users of this machine do not see.
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["subject", "account", "issuer", "plan_claim"])]
    pub(crate) token: Option<String>,
    /// The caller by its subject, as its tokens name it.
    #[arg(long, visible_alias = "sub", value_name = "NAME")]
    pub(crate) subject: Option<String>,
    /// The account that its tokens name.
    #[arg(long, requires = "subject", value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// Who issues its tokens; the policy's issuer if it has only one.
    #[arg(long, requires = "subject", value_name = "ISS")]
    pub(crate) issuer: Option<String>,
    /// The plan that its tokens name.
    #[arg(long, requires = "subject", value_name = "NAME")]
    pub(crate) plan_claim: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    /// Put those who use the most first, instead of those who are limited the most.
    #[arg(long)]
    pub(crate) by_use: bool,
    /// Between two looks.
    #[arg(long, default_value = "2s", value_parser = tollgate_policy::parse_duration, value_name = "TIME")]
    pub(crate) every: Duration,
    /// Look once and end.
    #[arg(long)]
    pub(crate) once: bool,
    /// Rows of each table.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100), value_name = "NUMBER")]
    pub(crate) rows: u16,
}
