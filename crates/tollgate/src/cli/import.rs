//! `tollgate import`: what is read, and where the policy goes.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tollgate_aws::import::usage_plans::StageName;

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Usage plans and API keys of Amazon API Gateway.
    ///
    /// Writes `tollgate.yaml`, `api-keys.txt` (the keys' hashes, readable by you alone; callers go on
    /// with the keys they have) and `REPORT.md`, which says what is exact, changed, assumed or lost.
    ///
    /// Files are told apart by what they hold: what `aws apigateway get-usage-plans`,
    /// `get-usage-plan-keys`, `get-api-keys --include-values` and `get-usage` print, the CSV file of
    /// keys, templates of CloudFormation and SAM, and Terraform (`.tf`, or what `terraform show -json`
    /// prints). What `get-usage-plan-keys` prints does not name its plan: write `PLAN_ID=FILE`.
    UsagePlans(UsagePlansArgs),
    /// Make a policy of the rate-based rules of a web ACL.
    ///
    /// Reads what `tollgate waf capacity` reads. What cannot be carried over (scope-down statements
    /// that are no route, labels, actions, answers) is told on standard error and in the comments at
    /// the policy's head, rule by rule.
    Waf(ImportWafArgs),
    /// Configuration files of envoyproxy/ratelimit, the rate limit service for Envoy.
    ///
    /// Makes a policy whose `grpc.domains` have the same rules; docs/integrations/envoy-rls.md lists what is
    /// decided otherwise. What was taken how is told on standard error; an error has its file and line.
    EnvoyRatelimit(ImportRatelimitArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ImportRatelimitArgs {
    /// Files, or folders with `*.yaml`: one domain each.
    #[arg(value_name = "FILE|DIR", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Put files of one domain together, as with `MERGE_DOMAIN_CONFIG=true`.
    #[arg(long)]
    pub(crate) merge: bool,
    /// Write the policy to this file, which must not be there, instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ImportWafArgs {
    /// The file with the web ACL.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Write the policy to this file, which must not be there, instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct UsagePlansArgs {
    /// The folder to write into; made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Replace files that are there already, with keys that were added to them since.
    #[arg(long)]
    pub(crate) force: bool,
    /// The URL behind the gateway.
    #[arg(long, default_value = "http://127.0.0.1:9000", value_name = "URL")]
    pub(crate) origin: String,
    /// An OpenAPI document whose routes the policy is to have as well.
    #[arg(long, value_name = "FILE")]
    pub(crate) openapi: Option<PathBuf>,
    /// Import only what holds on this stage.
    #[arg(long, value_name = "API_ID/STAGE", value_parser = stage)]
    pub(crate) stage: Option<StageName>,
    /// Files to read, each optionally as `PLAN_ID=FILE`.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

fn stage(text: &str) -> Result<StageName, String> {
    match text.split_once('/') {
        Some((api, stage)) if !api.is_empty() && !stage.is_empty() => Ok(StageName {
            api: api.to_owned(),
            stage: stage.to_owned(),
        }),
        _ => Err("write the API's id and the stage: `a1b2c3d4e5/prod`".to_owned()),
    }
}
