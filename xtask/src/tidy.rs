//! The repository's own rules, which neither the compiler nor clippy knows: run by hand, and as a test.

mod dependencies;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::XtaskError;
use crate::root::workspace_root;
use crate::suite;

/// Folders that are not ours to judge.
const SKIPPED_FOLDERS: [&str; 3] = ["target", ".git", "node_modules"];

/// One breach of one rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    /// The file, or the package.
    pub(crate) place: String,
    /// The line, where there is one; from 1.
    pub(crate) line: Option<usize>,
    /// What is wrong and what to do.
    pub(crate) rule: String,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.place, self.rule),
            None => write!(f, "{}: {}", self.place, self.rule),
        }
    }
}

/// `cargo xtask tidy`.
///
/// # Errors
/// When a rule is broken; each breach is printed.
pub(crate) fn run() -> Result<(), XtaskError> {
    let (breaches, files) = check()?;
    for breach in &breaches {
        println!("{breach}");
    }
    if breaches.is_empty() {
        println!("{files} files keep the repository's rules");
        Ok(())
    } else {
        Err(XtaskError::Untidy {
            count: breaches.len(),
        })
    }
}

/// All breaches, and how many files were looked at.
fn check() -> Result<(Vec<Breach>, usize), XtaskError> {
    let root = workspace_root();
    let mut breaches = dependencies::check(&suite::metadata()?);
    let mut files = Vec::new();
    rust_files(&root, &mut files)?;
    for file in &files {
        let content =
            fs::read_to_string(file).map_err(XtaskError::io(format!("read {}", file.display())))?;
        let place = file.strip_prefix(&root).unwrap_or(file);
        breaches.extend(text::check(&place.to_string_lossy(), &content));
    }
    Ok((breaches, files.len()))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), XtaskError> {
    let reading = || XtaskError::io(format!("list {}", folder.display()));
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(reading())? {
        entries.push(entry.map_err(reading())?.path());
    }
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !SKIPPED_FOLDERS.contains(&name.as_ref()) {
                rust_files(&path, found)?;
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_keeps_its_rules() {
        let (breaches, files) = check().unwrap();
        let lines: Vec<String> = breaches.iter().map(ToString::to_string).collect();
        assert!(files > 50, "only {files} files were found");
        assert!(lines.is_empty(), "{}", lines.join("\n"));
    }
}
