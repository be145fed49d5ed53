//! What can be said about the admin API: its keys, and how a command reaches it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tollgate_admin::Role;

use super::NotAfter;

/// A running gateway sees a change of the file by itself, and refuses a revoked key from then on.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminKeysCommand {
    /// Make a key, print it this once, and add its hash to the file.
    ///
    /// Standard output is the key and nothing else: `tga_` and 43 characters, 256 random bits. The file keeps only
    /// its SHA-256 and is made, readable by you alone, if it is not there; `admin_api.keys` of the policy names it.
    /// Give each person and each program a key of its own: its name stands in the audit.
    New(NewAdminKeyArgs),
    /// List the keys as a JSON line each; never the keys themselves, which nobody has.
    List {
        /// The file of keys.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Remove all keys of a name, or one key by the beginning of its digest.
    Revoke(RevokeAdminKeyArgs),
}

#[derive(Args, Debug)]
pub(crate) struct NewAdminKeyArgs {
    /// Whose key it is, for the audit, without blanks.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// What it may do: `read` looks at everything but the policy's text and the keys; `operate` besides changes plans and limits
    /// of customers, gives back, tries notices again; `admin` besides reads and changes the policy.
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Role,
    /// When the key ends: a time from now, for example `90d`, or seconds since 1970. Never if not given.
    #[arg(long, value_name = "TIME", value_parser = super::not_after)]
    pub(crate) not_after: Option<NotAfter>,
    /// The file of keys.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("which").required(true)))]
pub(crate) struct RevokeAdminKeyArgs {
    /// Revoke every key of this name.
    #[arg(long, value_name = "NAME", group = "which")]
    pub(crate) name: Option<String>,
    /// Revoke the one key whose `digest` in the list begins so, at least 8 characters.
    #[arg(long, value_name = "PREFIX", group = "which")]
    pub(crate) digest: Option<String>,
    /// The file of keys.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

// No doc comment: it would stand in place of the command's own help.
#[derive(Args, Debug)]
pub(crate) struct ApiArgs {
    /// The admin API of a running gateway, for example `http://127.0.0.1:9902`.
    #[arg(long, env = "TOLLGATE_ADMIN_URL", value_name = "URL")]
    pub(crate) api: Option<String>,
    /// File with a key of the admin API; else `TOLLGATE_ADMIN_KEY` has the key.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// PEM file of the authorities that sign the gateway's certificate; the platform's if not given.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}
