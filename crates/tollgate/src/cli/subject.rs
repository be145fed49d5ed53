//! What can be said about one customer of a running gateway.

use std::num::NonZeroU64;

use clap::{Args, Subcommand};

use super::{ApiArgs, PolicyFile};

/// All of it is asked of a running gateway, which alone knows what is left (`--api`).
#[derive(Debug, Subcommand)]
pub(crate) enum SubjectCommand {
    /// Show the plan of a subject or an account, and what is left of each of its limits.
    Show(SubjectArgs),
    /// Fill limits up: nothing of what was used counts any more.
    Reset(ResetArgs),
    /// Give units back, or in advance; a limit holds at most what it admits.
    Grant(GrantArgs),
}

#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("whom").required(true)))]
pub(crate) struct SubjectArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyFile,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    /// The subject, as its tokens name it.
    #[arg(long, visible_alias = "sub", value_name = "NAME", group = "whom")]
    pub(crate) subject: Option<String>,
    /// The account as a whole: the limits that all its subjects share.
    #[arg(long, value_name = "NAME", group = "whom")]
    pub(crate) account: Option<String>,
    /// Of a subject: the account that its tokens name.
    #[arg(long, value_name = "NAME", requires = "subject")]
    pub(crate) in_account: Option<String>,
    /// Of a subject: the plan that its tokens name.
    #[arg(long, value_name = "NAME", requires = "subject")]
    pub(crate) plan_claim: Option<String>,
    /// Who vouches for the name; the policy's issuer if it has only one.
    #[arg(long, value_name = "ISS")]
    pub(crate) issuer: Option<String>,
    /// Only this route, as `GET /orders/{order_id}`.
    #[arg(long, value_name = "ROUTE")]
    pub(crate) route: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    pub(crate) of: SubjectArgs,
    /// Only this limit, by its name; all of them if not given.
    #[arg(long, value_name = "NAME")]
    pub(crate) limit: Option<String>,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
}

#[derive(Args, Debug)]
pub(crate) struct GrantArgs {
    #[command(flatten)]
    pub(crate) of: SubjectArgs,
    /// Which limit, by its name.
    #[arg(long, value_name = "NAME")]
    pub(crate) limit: String,
    /// A key of your choice: the same grant with the same key happens once, however often it is sent to one gateway
    /// within 24 hours.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: String,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
    /// How many units.
    #[arg(value_name = "UNITS")]
    pub(crate) units: NonZeroU64,
}
