//! Configuration files: those that are named, and those in folders that are named.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The largest file, in bytes.
const BYTES_MAX: u64 = 4 << 20;
/// The most files.
const FILES_MAX: usize = 1_000;

/// A file's name and text.
pub(super) struct Source {
    pub(super) file: String,
    pub(super) text: String,
}

/// Folders within folders.
const DEPTH_MAX: usize = 8;

/// Reads files; of folders, and of those in them, the ones that envoyproxy/ratelimit reads (`*.yaml`), and
/// `*.yml`, in the order of their names.
pub(super) fn read(arguments: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    let mut files = Vec::new();
    for argument in arguments {
        if argument.is_dir() {
            in_folder(argument, DEPTH_MAX, &mut files)?;
        } else {
            files.push(argument.clone());
        }
    }
    if files.is_empty() || files.len() > FILES_MAX {
        let count = files.len();
        return Err(Failure::Import(format!(
            "{count} files to import; 1 to {FILES_MAX} can be"
        )));
    }
    files.iter().map(|file| one(file)).collect()
}

fn in_folder(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let reading = || Failure::system(format!("read the folder {}", folder.display()));
    let entries = fs::read_dir(folder).map_err(reading())?;
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(reading())?;
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let extension = path.extension().and_then(|extension| extension.to_str());
        // Kubernetes mounts a folder's earlier states beside it, as `..data`.
        if path.is_dir() && !name.starts_with("..") {
            if depth == 0 {
                return Err(Failure::Import(format!(
                    "{} is {DEPTH_MAX} folders deep: name it by itself",
                    path.display()
                )));
            }
            in_folder(&path, depth - 1, files)?;
        } else if matches!(extension, Some("yaml" | "yml")) && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

fn one(path: &Path) -> Result<Source, Failure> {
    let reading = || Failure::system(format!("read {}", path.display()));
    let mut text = String::new();
    let opened = File::open(path).map_err(reading())?;
    opened
        .take(BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(reading())?;
    if text.len() as u64 > BYTES_MAX {
        return Err(reading()(io::Error::other("it is larger than 4 MiB")));
    }
    Ok(Source {
        file: path.display().to_string(),
        text,
    })
}
