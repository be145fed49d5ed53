//! `tollgate compile aws`: what it writes, what others say of that, and what it refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use tollgate_testkit::peers::Tool;

const POLICIES: [&str; 5] = [
    "one-plan",
    "three-by-three",
    "openapi",
    "anonymous",
    "issuers",
];
const VARIANTS: [&str; 3] = ["after", "before", "chained"];
/// Of the ring and of the issuers in the policies' folder.
const SECRETS: [&str; 3] = [
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
    "an-hs256-secret-of-the-tests-0123456789abcdef",
    "another-secret-of-the-tests-for-the-staff-0123",
];

/// The policies, with keys that only their owner can read.
struct Workshop(TempDir);

impl Workshop {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/tests/policies");
        for file in fs::read_dir(policies).unwrap() {
            let file = file.unwrap();
            let copy = folder.path().join(file.file_name());
            fs::copy(file.path(), &copy).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self(folder)
    }

    fn out(&self, name: &str) -> PathBuf {
        self.0.path().join("out").join(name)
    }

    fn compile(&self, policy: &str, variant: &str, out: &str, more: &[&str]) -> Output {
        let config = self.0.path().join(format!("{policy}.yaml"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(["compile", "aws", "--variant", variant, "--config"]);
        command
            .arg(config)
            .arg("--out")
            .arg(self.out(out))
            .args(more);
        command.env_remove("TOLLGATE_BUCKET_KEYS");
        command.output().unwrap()
    }

    /// Every policy in every variant.
    fn all(&self) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        for policy in POLICIES {
            for variant in VARIANTS {
                let name = format!("{policy}-{variant}");
                let output = self.compile(policy, variant, &name, &[]);
                assert!(output.status.success(), "{name}: {}", told(&output));
                folders.push(self.out(&name));
            }
        }
        folders
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn a_folder_has_everything_and_its_secrets_in_one_private_file() {
    let workshop = Workshop::new();
    let output = workshop.compile("issuers", "before", "edge", &["--log-requests"]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("rate-based rules of 10") && stdout.contains("tollgate edge run"));
    let folder = workshop.out("edge");
    for name in [
        "function.js",
        "kvs.json",
        "web-acl.json",
        "manifest.json",
        "REPORT.md",
        "template.json",
        "authorizer.json",
        "terraform/main.tf",
        "terraform/function.js",
        "events/expected.json",
        ".gitignore",
    ] {
        assert!(folder.join(name).is_file(), "{name}");
    }
    let mode = fs::metadata(folder.join("kvs.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut files = Vec::new();
    files_below(&folder, &mut files);
    for file in files.iter().filter(|file| !file.ends_with("kvs.json")) {
        let text = fs::read_to_string(file).unwrap();
        for secret in SECRETS {
            assert!(!text.contains(secret), "{} has a secret", file.display());
        }
    }
    // A folder of its own is written again, one of somebody else's is not.
    assert!(
        workshop
            .compile("issuers", "before", "edge", &[])
            .status
            .success()
    );
    fs::create_dir_all(workshop.out("mine")).unwrap();
    fs::write(workshop.out("mine").join("thesis.txt"), "mine").unwrap();
    let output = workshop.compile("issuers", "before", "mine", &[]);
    assert_eq!(output.status.code(), Some(4), "{}", told(&output));
    assert!(told(&output).contains("nothing was written"));
    assert_eq!(fs::read_dir(workshop.out("mine")).unwrap().count(), 1);
}

#[test]
fn cfn_lint_has_nothing_to_say_of_any_template() {
    let workshop = Workshop::new();
    let cfn_lint = Tool::find("cfn-lint").unwrap();
    let lint = |files: &[PathBuf]| {
        let mut command = Command::new(cfn_lint.path());
        command.args(["-r", "us-east-1", "--"]).args(files);
        let output = command.output().unwrap();
        (output.status.success(), told(&output))
    };
    let folders = workshop.all();
    let names = ["template.json", "authorizer.json"];
    let templates: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .collect();
    assert_eq!(lint(&templates), (true, String::new()));
    // It does speak where there is something to say.
    let text = fs::read_to_string(&templates[0]).unwrap();
    let broken = workshop.0.path().join("broken.json");
    fs::write(
        &broken,
        text.replace("cloudfront-js-2.0", "cloudfront-js-9.0"),
    )
    .unwrap();
    let (fine, what) = lint(&[broken]);
    assert!(!fine && what.contains("cloudfront-js-9.0"), "{what}");
}

#[test]
fn terraform_validates_every_module_where_its_provider_is_at_hand() {
    let Some((terraform, plugins)) = terraform() else {
        println!("terraform validate skipped: no terraform with the aws provider at hand");
        return;
    };
    let workshop = Workshop::new();
    let module = TempDir::new().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&terraform);
        command.args(arguments).current_dir(module.path());
        // No settings of the machine's.
        let output = command
            .env("TF_CLI_CONFIG_FILE", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", told(&output));
    };
    let plugins = format!("-plugin-dir={}", plugins.display());
    for (index, folder) in workshop.all().iter().enumerate() {
        for file in fs::read_dir(folder.join("terraform")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), module.path().join(file.file_name())).unwrap();
        }
        if index == 0 {
            run(&["init", "-input=false", &plugins]);
        }
        run(&["validate", "-no-color"]);
    }
}

/// Terraform, and a folder with the provider: the registry cannot be relied on.
fn terraform() -> Option<(PathBuf, PathBuf)> {
    let terraform = Tool::find("terraform").ok()?;
    let given = std::env::var_os("TOLLGATE_TERRAFORM_PLUGINS").map(PathBuf::from);
    let usual = ["/opt/tf-plugins", "/usr/share/terraform/plugins"].map(PathBuf::from);
    let provider = "registry.terraform.io/hashicorp/aws";
    let mut folders = given.into_iter().chain(usual);
    let plugins = folders.find(|folder| folder.join(provider).is_dir())?;
    Some((terraform.path().to_owned(), plugins))
}

#[test]
fn what_cannot_be_promised_is_refused_with_what_to_do() {
    let workshop = Workshop::new();
    let refused = |policy: &str, variant: &str, more: &[&str]| {
        let output = workshop.compile(policy, variant, "refused", more);
        assert_eq!(output.status.code(), Some(3), "{}", told(&output));
        assert!(!workshop.out("refused").exists(), "nothing is written");
        told(&output)
    };
    let text = refused("three-by-three", "after", &["--trust", "hs256"]);
    assert!(
        text.contains("EdDSA, ES256, RS256") && text.contains("--trust pass"),
        "{text}"
    );
    let text = refused("one-plan", "after", &["--trust", "unverified"]);
    assert!(text.contains("--accept-unverified"), "{text}");
    let text = refused("anonymous", "after", &["--trust", "pass"]);
    assert!(text.contains("edge: {pass: {}}"), "{text}");
    let file = workshop.0.path().join("quota.yaml");
    let policy = fs::read_to_string(workshop.0.path().join("one-plan.yaml")).unwrap();
    let limit = "{name: burst, window: 600/min}";
    assert!(policy.contains(limit));
    let monthly = format!("{limit}, {{name: monthly, quota: 1000/month, on_exceed: block}}");
    fs::write(&file, policy.replace(limit, &monthly)).unwrap();
    let text = refused("quota", "after", &[]);
    assert!(
        text.contains("`monthly` of plan `standard`") && text.contains("--accept-gaps"),
        "{text}"
    );
    let output = workshop.compile("quota", "after", "accepted", &["--accept-gaps"]);
    assert!(output.status.success(), "{}", told(&output));
    let report = fs::read_to_string(workshop.out("accepted").join("REPORT.md")).unwrap();
    assert!(report.contains("| monthly | 1000/month"), "{report}");
}
