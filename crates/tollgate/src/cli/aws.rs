//! What can be said about AWS: web ACLs, the compiled edge.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use tollgate_aws::target::{Trust, Variant};

use super::PolicyFile;

#[derive(Debug, Subcommand)]
pub(crate) enum CompileCommand {
    /// A CloudFront Function and a web ACL of AWS WAF, with templates that deploy them.
    ///
    /// Writes a folder with the function, the data of its key-value store (secrets: readable by you
    /// alone), the web ACL, and REPORT.md, which says for each limit what WAF does in its place and
    /// by how much that differs. Nothing is sent anywhere.
    Aws(CompileAwsArgs),
}

#[derive(Args, Debug)]
pub(crate) struct CompileAwsArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyFile,
    /// Where WAF stands: behind the function at the origin, before it at the distribution, or at a
    /// second distribution. docs/aws.md says which is for whom.
    #[arg(long)]
    pub(crate) variant: AwsVariant,
    /// The folder to write; made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// What the function believes: the issuers' HS256 tokens, the edge pass, or claims that nobody
    /// verified. HS256 where all issuers sign so, else the pass.
    #[arg(long)]
    pub(crate) trust: Option<AwsTrust>,
    /// Accept that anybody can spend anybody's limit (--trust unverified).
    #[arg(long)]
    pub(crate) accept_unverified: bool,
    /// Accept that WAF does not watch some limits; the report lists them.
    #[arg(long)]
    pub(crate) accept_gaps: bool,
    /// When the key-value store cannot be read, let requests through without an id, instead of 503.
    #[arg(long)]
    pub(crate) fail_open: bool,
    /// Write a line for each request that joins its bucket to its request id.
    #[arg(long)]
    pub(crate) log_requests: bool,
    /// Only count: no rule blocks.
    #[arg(long)]
    pub(crate) shadow: bool,
    /// Requests in five minutes of a network that shows no id or no pass.
    #[arg(long, value_name = "COUNT", default_value_t = tollgate_aws::target::PER_NETWORK_DEFAULT,
        value_parser = clap::value_parser!(u64).range(10..=2_000_000_000))]
    pub(crate) per_network: u64,
    /// What the names of resources begin with.
    #[arg(long, value_name = "NAME", default_value = "tollgate", value_parser = resource_name)]
    pub(crate) name: String,
    /// A JSON file with prices of your own, for the report.
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
}

/// The variants of the architecture.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum AwsVariant {
    /// The function sets the id; WAF counts it at the origin.
    After,
    /// The client presents its id; WAF counts it at the distribution.
    Before,
    /// A first distribution sets the id; WAF counts it at a second.
    Chained,
}

/// What the function believes.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum AwsTrust {
    /// Tokens signed with HS256.
    Hs256,
    /// The edge pass.
    Pass,
    /// Anything.
    Unverified,
}

impl From<AwsVariant> for Variant {
    fn from(variant: AwsVariant) -> Variant {
        match variant {
            AwsVariant::After => Variant::After,
            AwsVariant::Before => Variant::Before,
            AwsVariant::Chained => Variant::Chained,
        }
    }
}

impl From<AwsTrust> for Trust {
    fn from(trust: AwsTrust) -> Trust {
        match trust {
            AwsTrust::Hs256 => Trust::Hs256,
            AwsTrust::Pass => Trust::Pass,
            AwsTrust::Unverified => Trust::Unverified,
        }
    }
}

/// Names of functions and rules are letters, digits, `-` and `_`, at most 64 and 128 of them, and
/// have a class or a digest behind.
fn resource_name(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=32).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("write 1 to 32 letters, digits, `-` and `_`".to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum EdgeCommand {
    /// Serve a compiled folder on loopback: CloudFront, its function, WAF and an origin.
    ///
    /// Standard output has a JSON line for each request: its status, and whether the function, WAF,
    /// the lock or the origin decided it. Ctrl-C ends it with a summary on standard error: what each
    /// rule counted and blocked, and the most requests of one user that passed in a window.
    Run(EdgeRunArgs),
}

#[derive(Args, Debug)]
pub(crate) struct EdgeRunArgs {
    /// The compiled folder, with manifest.json, function.js, kvs.json and web-acl.json.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// CloudFront's address.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// The address of what stands behind CloudFront, to try the way around it; not used where WAF
    /// stands in front.
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDRESS")]
    pub(crate) origin_listen: SocketAddr,
    /// The origin, over plain HTTP; one that answers with what it received if not given.
    #[arg(long, value_name = "URL")]
    pub(crate) origin: Option<String>,
    /// How many times as fast as the clock time goes: with 60, a window of a minute passes in a
    /// second. Tokens end as much earlier.
    #[arg(long, default_value_t = 1, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(tollgate_edge::SPEED_MAX)))]
    pub(crate) speed: u32,
    /// How often WAF looks at its counts, by the clock that --speed makes.
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = tollgate_policy::parse_duration)]
    pub(crate) evaluate_every: Duration,
    /// How long after a look WAF begins to block, or ends, by the same clock.
    #[arg(long, default_value = "20s", value_name = "TIME", value_parser = tollgate_policy::parse_duration)]
    pub(crate) lag: Duration,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WafCommand {
    /// Say what web ACLs cost, in WCU, and what AWS would refuse of them.
    ///
    /// Reads a template of CloudFormation or SAM (YAML or JSON), a Terraform file (`.tf`), the answer
    /// of `aws wafv2 get-web-acl` or `get-rule-group`, or a web ACL as JSON. Needs no AWS account.
    /// Exit code 1 if AWS would refuse something.
    Capacity(CapacityArgs),
}

#[derive(Args, Debug)]
pub(crate) struct CapacityArgs {
    /// The file with the web ACLs.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The region that it is deployed in, for example `us-east-1`; not checked if not given.
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
