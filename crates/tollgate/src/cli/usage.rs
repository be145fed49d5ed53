//! What can be said about usage: to count it from logs, to export it, to look at it, to forget it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tollgate_insight::{Column, Format};

use super::PolicyFile;

#[derive(Debug, Subcommand)]
pub(crate) enum UsageCommand {
    /// Count the requests of access logs, each line once.
    ///
    /// Reads logs of CloudFront (standard v1 and v2), API Gateway, ALB, nginx, Envoy and Tollgate, as they
    /// are or compressed (gzip, Zstandard). A file that was counted before, under whatever name, is not
    /// counted again; of one that has grown, the new lines are. Lines that cannot be read are told and
    /// passed over.
    Ingest(Box<IngestArgs>),
    /// Print what was used, for whoever writes the bills.
    Export(ExportArgs),
    /// Show what was used on each route, as a table.
    Show(ShowArgs),
    /// Forget usage and counted logs from before a moment.
    Forget(ForgetArgs),
}

// No doc comment: it would stand in place of the command's own help.
#[derive(Args, Debug)]
pub(crate) struct StoreArgs {
    /// Where usage is kept: `sqlite:/var/lib/tollgate/store.db`, or `postgres://…`.
    #[arg(
        long,
        env = "TOLLGATE_STORE",
        hide_env_values = true,
        value_name = "LOCATION"
    )]
    pub(crate) store: String,
}

#[derive(Args, Debug)]
pub(crate) struct IngestArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyFile,
    /// How lines are written: `cloudfront`, `cloudfront-json`, `api-gateway`, `alb`, `nginx`, `envoy` or
    /// `tollgate`; told from the lines if not given.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// The names of the lines' fields in their order, where they are not the usual ones: of CloudFront
    /// without a line `#Fields:`, or of nginx with a `log_format` of your own.
    #[arg(long, value_name = "NAMES", value_delimiter = ' ')]
    pub(crate) fields: Option<Vec<String>>,
    /// Who called: a field, or a value in one as `cs(Cookie):id`. Everybody is anonymous if not given.
    ///
    /// Only name what your gateway or function has verified: whatever else a client sends, anybody can
    /// send at the cost of somebody else.
    #[arg(long, value_name = "FIELD", requires = "issuer")]
    pub(crate) subject_field: Option<Column>,
    /// For which account, likewise.
    #[arg(long, value_name = "FIELD", requires = "subject_field")]
    pub(crate) account_field: Option<Column>,
    /// On which plan, likewise.
    #[arg(long, value_name = "FIELD")]
    pub(crate) plan_field: Option<Column>,
    /// Who vouches for the names in --subject-field and --account-field.
    #[arg(long, value_name = "ISS")]
    pub(crate) issuer: Option<String>,
    /// Statuses with which a limit refuses, for example `429,503`.
    #[arg(long, value_name = "LIST", default_value = "429")]
    pub(crate) limited_status: String,
    /// Statuses of requests that came to nothing, for example `401,403,500-599`.
    #[arg(long, value_name = "LIST", default_value = "0,401,403,460,499")]
    pub(crate) refused_status: String,
    /// Where the logs come from: files of two sources are never taken for the same.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) source: String,
    /// Count a last line without an end too: nobody writes to the files any more.
    #[arg(long)]
    pub(crate) complete: bool,
    /// The logs.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct SpanArgs {
    /// From when: a day (`2026-11-01`) or a moment (`2026-11-01T00:00:00Z`).
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Until when; the moment itself is not part of it.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Whose days, and whose midnight.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) zone: String,
}

#[derive(Args, Debug)]
pub(crate) struct WhoseArgs {
    /// Of one subject.
    #[arg(
        long,
        value_name = "NAME",
        requires = "issuer",
        conflicts_with = "account"
    )]
    pub(crate) subject: Option<String>,
    /// Of all subjects of one account.
    #[arg(long, value_name = "NAME", requires = "issuer")]
    pub(crate) account: Option<String>,
    /// Who vouches for the name.
    #[arg(long, value_name = "ISS")]
    pub(crate) issuer: Option<String>,
    /// Of those who did not say who they are.
    #[arg(long, conflicts_with_all = ["subject", "account", "issuer"])]
    pub(crate) anonymous: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) span: SpanArgs,
    #[command(flatten)]
    pub(crate) whose: WhoseArgs,
    /// The period that each row adds up. Without --until, only periods that are over are printed.
    #[arg(long, default_value = "day")]
    pub(crate) by: By,
    /// How to print.
    #[arg(long, default_value = "csv")]
    pub(crate) format: ExportFormat,
    /// The attribute `source` of CloudEvents.
    #[arg(long, value_name = "URI", default_value = "urn:tollgate:usage")]
    pub(crate) event_source: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum By {
    /// An hour of the clock.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From the first to the first.
    Month,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    /// A table with a line of names.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// One CloudEvent 1.0 in JSON a line, with an id that stays the same.
    Cloudevents,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) span: SpanArgs,
    #[command(flatten)]
    pub(crate) whose: WhoseArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ForgetArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Forget what was used before this day or moment, of UTC, and logs that were last counted before it.
    #[arg(long, value_name = "TIME")]
    pub(crate) before: String,
}
