//! `tollgate compile`: the policy as something that runs without Tollgate.

use std::fs;
use std::path::{Path, PathBuf};

use tollgate_aws::compile::{Accepted, CompileError, Deployment, compile};
use tollgate_aws::prices::Prices;
use tollgate_aws::report;
use tollgate_aws::store::{Secrets, import_json};
use tollgate_aws::target::{Target, Trust};
use tollgate_aws::templates;
use tollgate_aws::waf::capacity;
use tollgate_identity::{IdentityError, KeyRing};
use tollgate_policy::{BucketKeys, FailMode, KeySource, Policy};
use zeroize::Zeroizing;

use crate::cli::{CompileAwsArgs, CompileCommand};
use crate::environment;
use crate::failure::Failure;
use crate::private_file;

/// The file by which a folder is known as one that may be written again.
const MANIFEST: &str = "manifest.json";

pub(crate) fn run(command: &CompileCommand) -> Result<(), Failure> {
    match command {
        CompileCommand::Aws(args) => aws(args),
    }
}

fn aws(args: &CompileAwsArgs) -> Result<(), Failure> {
    let policy = Policy::load(&args.policy.config).map_err(Failure::Policy)?;
    if !policy.warnings().is_empty() {
        anstream::eprint!("{}", policy.warnings().render(true));
    }
    let trust = args
        .trust
        .map_or_else(|| Trust::default_for(&policy), Into::into);
    let on_failure = if args.fail_open {
        FailMode::Open
    } else {
        FailMode::Closed
    };
    let target = Target {
        on_failure,
        log: args.log_requests,
        shadow: args.shadow,
        per_network: args.per_network,
        name: args.name.clone(),
        ..Target::new(args.variant.into(), trust)
    };
    let accepted = Accepted {
        unverified: args.accept_unverified,
        gaps: args.accept_gaps,
    };
    let deployment = compile(&policy, target, accepted)?;
    let store = deployment.store(&secrets(&policy, trust)?)?;
    let refused = templates::check(&deployment, &store);
    if !refused.is_empty() {
        return Err(CompileError::Refused(refused).into());
    }
    let prices = prices(args.prices.as_deref())?;
    let folder = Folder::open(&args.out)?;
    folder.write("function.js", &deployment.function.source)?;
    folder.write("web-acl.json", &pretty(&deployment.web_acl))?;
    folder.write("REPORT.md", &report::markdown(&deployment, &prices))?;
    // The store's data holds secrets: for its owner alone, and for no repository.
    folder.write(".gitignore", "kvs.json\n")?;
    folder.write_private("kvs.json", &import_json(&store))?;
    for (name, text) in templates::files(&deployment) {
        folder.write(&name, &text)?;
    }
    folder.write(MANIFEST, &pretty(&deployment.manifest()))?;
    say(&deployment, &args.out)
}

/// What the function needs to know and nobody else may.
fn secrets(policy: &Policy, trust: Trust) -> Result<Secrets, Failure> {
    let ring = match &policy.identity().bucket_keys {
        Some(BucketKeys::File(path)) => {
            let unusable = |source| Failure::Keys {
                file: path.clone(),
                source,
            };
            // The ring says itself what its file may be like.
            KeyRing::load(path).map_err(unusable)?;
            let text = fs::read_to_string(path);
            Zeroizing::new(text.map_err(Failure::system(format!("read {}", path.display())))?)
        }
        Some(BucketKeys::Environment) => environment::bucket_keys_text()?.ok_or(no_keys())?,
        None => return Err(no_keys()),
    };
    let mut issuers = Vec::new();
    for issuer in &policy.identity().issuers {
        if let (Trust::Hs256, KeySource::SecretFile(path)) = (trust, &issuer.keys) {
            let bytes = fs::read(path);
            let bytes = bytes.map_err(Failure::system(format!("read {}", path.display())))?;
            let mut bytes = Zeroizing::new(bytes);
            // As the gateway reads it: an editor's line break is not part of a secret.
            while let Some(b'\n' | b'\r') = bytes.last() {
                bytes.pop();
            }
            issuers.push(bytes);
        }
    }
    Ok(Secrets { ring, issuers })
}

fn no_keys() -> Failure {
    Failure::Keys {
        file: PathBuf::from("bucket_keys"),
        source: IdentityError::KeyRing {
            reason: "ids that an edge computes need keys: run `tollgate keys new bucket.keys`, and \
                     add `bucket_keys: bucket.keys` to `identity`",
        },
    }
}

fn prices(file: Option<&Path>) -> Result<Prices, Failure> {
    let Some(path) = file else {
        return Ok(Prices::default());
    };
    let doing = || format!("read {}", path.display());
    let text = fs::read_to_string(path).map_err(Failure::system(doing()))?;
    Prices::read(&text).map_err(|error| Failure::system(doing())(error.into()))
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// The folder that is written.
struct Folder<'a>(&'a Path);

impl<'a> Folder<'a> {
    /// A new folder, an empty one, or one that was written before.
    fn open(path: &'a Path) -> Result<Self, Failure> {
        let doing = || format!("write into {}", path.display());
        fs::create_dir_all(path).map_err(Failure::system(doing()))?;
        let mut entries = fs::read_dir(path).map_err(Failure::system(doing()))?;
        if entries.next().is_some() && !path.join(MANIFEST).is_file() {
            return Err(Failure::NotEmpty(path.to_owned()));
        }
        Ok(Self(path))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.0.join(name);
        let doing = format!("write {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Failure::system(doing.clone()))?;
        }
        fs::write(&path, text).map_err(Failure::system(doing))
    }

    fn write_private(&self, name: &str, text: &str) -> Result<(), Failure> {
        use std::io::Write as _;
        let path = self.0.join(name);
        private_file::replace(&path, |out| out.write_all(text.as_bytes()))
            .map_err(Failure::system(format!("write {}", path.display())))
    }
}

fn say(deployment: &Deployment<'_>, out: &Path) -> Result<(), Failure> {
    let sets = deployment.web_acl_model()?;
    let capacity = sets.first().map(|set| capacity::of(set, &sets));
    let wcu = capacity.map_or(0, |capacity| capacity.total.units);
    let limits = deployment.rules.rules.iter().flat_map(|rule| &rule.limits);
    let rounded = limits.filter(|limit| !limit.fit.is_exact()).count();
    anstream::println!(
        "{}: function {} ({} bytes), {} rate-based rules of 10, {wcu} WCU",
        out.display(),
        deployment.function_name,
        deployment.function.source.len(),
        deployment.rules.rules.len(),
    );
    if rounded > 0 || !deployment.rules.gaps.is_empty() {
        anstream::println!(
            "{rounded} limits are rounded and {} not watched at all: read {}",
            deployment.rules.gaps.len(),
            out.join("REPORT.md").display()
        );
    }
    anstream::println!("try it: tollgate edge run {}", out.display());
    Ok(())
}
