//! `tollgate import envoy-ratelimit`: a folder of files to a policy that `check` accepts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const MONGO: &str = "\
domain: mongo_cps
descriptors:
  - key: database
    value: users
    detailed_metric: true
    rate_limit: {unit: second, requests_per_unit: 500}
";
const EDGE: &str = "\
domain: edge
descriptors:
  - key: remote_address
    rate_limit: {unit: SECOND, requests_per_unit: 10}
";

/// Exit code, standard output and standard error.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap();
    (code, text(&output.stdout), text(&output.stderr))
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join("config").join(name), text).unwrap();
    }
    folder
}

#[test]
fn a_folder_becomes_a_policy_that_check_accepts_with_a_report() {
    let folder = folder(&[("a.yaml", MONGO), ("b.yml", EDGE), ("README.md", "no")]);
    let import = [
        "import",
        "envoy-ratelimit",
        "config",
        "--out",
        "tollgate.yaml",
    ];
    let (code, out, err) = run(folder.path(), &import);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert_eq!(
        err,
        "domain `mongo_cps`: 1 rule, 1 limit; what is decided otherwise than there: docs/integrations/envoy-rls.md\n\
         domain `mongo_cps`: left out `detailed_metric` and `value_to_metric` of 1 rule: metrics \
         never hold what callers send\n\
         domain `edge`: 1 rule, 1 limit; what is decided otherwise than there: docs/integrations/envoy-rls.md\n"
    );
    let (code, _, err) = run(folder.path(), &["check", "tollgate.yaml"]);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = run(folder.path(), &import);
    assert_eq!(code, 4, "it is there already: {err}");
    let (code, out, _) = run(
        folder.path(),
        &["import", "envoy-ratelimit", "config/b.yml"],
    );
    assert_eq!(code, 0);
    assert!(out.contains("- key: \"remote_address\"\n"), "{out}");
}

#[test]
fn errors_have_file_and_line_and_all_of_them_are_told() {
    let broken = EDGE.replace("SECOND", "secnd");
    let other = MONGO.replace("value: users", "valeu: users");
    let folder = folder(&[("a.yaml", &broken), ("b.yaml", &other)]);
    let (code, out, err) = run(folder.path(), &["import", "envoy-ratelimit", "config"]);
    assert_eq!((code, out.as_str()), (3, ""));
    for expected in [
        "config/a.yaml:4:",
        "did you mean `second`?",
        "config/b.yaml:4:",
    ] {
        assert!(err.contains(expected), "{err}");
    }
}

#[test]
fn two_files_of_one_domain_are_told_or_merged() {
    let other = EDGE.replace("remote_address", "path");
    let folder = folder(&[("a.yaml", EDGE), ("b.yaml", &other)]);
    let (code, _, err) = run(folder.path(), &["import", "envoy-ratelimit", "config"]);
    assert_eq!(code, 3);
    assert!(
        err.contains("domain `edge` is in config/a.yaml and in config/b.yaml"),
        "{err}"
    );
    let merged = ["import", "envoy-ratelimit", "config", "--merge"];
    let (code, out, _) = run(folder.path(), &merged);
    assert_eq!((code, out.matches("- key:").count()), (0, 2));
}

#[test]
fn folders_in_folders_are_read_and_what_contradicts_itself_is_not_written() {
    let folder = folder(&[("a.yaml", MONGO)]);
    let deeper = folder.path().join("config/deeper");
    std::fs::create_dir(&deeper).unwrap();
    std::fs::write(deeper.join("b.yaml"), EDGE).unwrap();
    // An earlier state, as Kubernetes has it beside the mounted one.
    let earlier = folder.path().join("config/..data");
    std::fs::create_dir(&earlier).unwrap();
    std::fs::write(earlier.join("a.yaml"), MONGO).unwrap();
    let import = ["import", "envoy-ratelimit", "config"];
    let (code, out, err) = run(folder.path(), &import);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("mongo_cps") && out.contains("edge"));

    std::fs::write(deeper.join("c.yaml"), MONGO).unwrap();
    let merge = ["import", "envoy-ratelimit", "--merge", "config"];
    let (code, out, err) = run(folder.path(), &merge);
    assert_ne!(code, 0);
    assert!(out.is_empty(), "{out}");
    assert!(err.contains("have one already"), "{err}");
}
