//! A compiled folder: `manifest.json`, `function.js`, `kvs.json` and `web-acl.json`, read and checked.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::EdgeError;
use crate::function::{Function, Kvs};
use crate::manifest::Manifest;

/// The largest file: a key value store has at most 5 MB.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// What `tollgate compile aws` wrote.
pub struct Folder {
    /// What is connected to what.
    pub manifest: Manifest,
    /// The function with its store.
    pub function: Function,
    /// The web ACL's file, and its text.
    pub web_acl: (PathBuf, String),
}

// === impl Folder ===

impl Folder {
    /// Reads a folder.
    ///
    /// # Errors
    /// When a file is missing or is not what it should be.
    pub fn read(folder: &Path) -> Result<Self, EdgeError> {
        let (path, text) = read(folder, "manifest.json")?;
        let manifest = Manifest::parse(&text).map_err(|why| EdgeError::Manifest { path, why })?;
        let (path, text) = read(folder, "kvs.json")?;
        let kvs = Kvs::from_json(&text).map_err(|source| EdgeError::Kvs { path, source })?;
        let (path, text) = read(folder, "function.js")?;
        let function =
            Function::new(&text, kvs).map_err(|source| EdgeError::Function { path, source })?;
        Ok(Self {
            manifest,
            function,
            web_acl: read(folder, "web-acl.json")?,
        })
    }
}

fn read(folder: &Path, name: &str) -> Result<(PathBuf, String), EdgeError> {
    let path = folder.join(name);
    let mut text = String::new();
    let read =
        File::open(&path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    match read {
        Ok(bytes) if bytes as u64 > FILE_BYTES_MAX => Err(EdgeError::FileTooLarge {
            path,
            max: FILE_BYTES_MAX,
        }),
        Ok(_) => Ok((path, text)),
        Err(source) => Err(EdgeError::File { path, source }),
    }
}
