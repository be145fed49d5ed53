//! What can be said about the plans and limits of single customers.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Running gateways take a change over within a second. Every change is in the history, with who and why, and
/// can be undone.
#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Show the plans and limits of a subject or an account, as JSON.
    Show(WhomArgs),
    /// Give a plan, at once or from a day on.
    ///
    /// Usage is kept: what a limit takes along is its `on_change` in the policy. Without an end the plan takes
    /// the place of the one before; with one it is laid over it, as a trial is.
    Assign(AssignArgs),
    /// Take an assignment back, by its number in `show`.
    Withdraw(WithdrawArgs),
    /// Give a limit in place of the plan's limit of that name, on one route or on all.
    Override(OverrideArgs),
    /// Take an override back.
    Lift(LiftArgs),
    /// Put back what was before the last change of this subject or account.
    Undo(ChangeArgs),
    /// List the changes of a subject or an account as a JSON line each, the last first.
    History(WhomArgs),
}

#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("whom").required(true)))]
pub(crate) struct WhomArgs {
    /// The policy: says where the store is, and which plans and routes there are.
    #[arg(
        short,
        long,
        env = "TOLLGATE_CONFIG",
        default_value = "tollgate.yaml",
        value_name = "FILE"
    )]
    pub(crate) config: PathBuf,
    /// The subject, as its tokens name it.
    #[arg(long, value_name = "NAME", group = "whom")]
    pub(crate) subject: Option<String>,
    /// The account: its plan and limits are those of all its subjects that have none of their own.
    #[arg(long, value_name = "NAME", group = "whom")]
    pub(crate) account: Option<String>,
    /// Who vouches for the name; the policy's issuer if it has only one.
    #[arg(long, value_name = "ISS")]
    pub(crate) issuer: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ChangeArgs {
    #[command(flatten)]
    pub(crate) whom: WhomArgs,
    /// Who makes the change, for the history.
    #[arg(long, value_name = "NAME", default_value = "command line")]
    pub(crate) by: String,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
    /// Make the change only if this is still the version that `show` gives.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) version: Option<u64>,
    /// A key of your choice: the same change with the same key happens once, however often it is sent
    /// within 24 hours.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct TimesArgs {
    /// From when: a day of UTC (`2026-11-01`) or a moment (`2026-11-01T00:00:00Z`); at once if not given.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Until when, likewise; without an end if not given.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct AssignArgs {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) times: TimesArgs,
    /// The plan, by its name in the policy.
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,
}

#[derive(Args, Debug)]
pub(crate) struct WithdrawArgs {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// The number of the assignment.
    #[arg(value_name = "NUMBER")]
    pub(crate) number: u64,
}

#[derive(Args, Debug)]
pub(crate) struct OverrideArgs {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    #[command(flatten)]
    pub(crate) times: TimesArgs,
    /// The one route it is for, as `GET /orders/{order_id}`; all routes if not given.
    #[arg(long, value_name = "ROUTE")]
    pub(crate) route: Option<String>,
    /// The limit as it would stand in a policy: `{name: burst, rate: 1000/s}`.
    #[arg(value_name = "LIMIT")]
    pub(crate) limit: String,
}

#[derive(Args, Debug)]
pub(crate) struct LiftArgs {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// The one route it is for; the override for all routes if not given.
    #[arg(long, value_name = "ROUTE")]
    pub(crate) route: Option<String>,
    /// Only this one, by its number in `show`; all of that limit if not given.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) number: Option<u64>,
    /// The name of the limit.
    #[arg(value_name = "LIMIT")]
    pub(crate) limit: String,
}
