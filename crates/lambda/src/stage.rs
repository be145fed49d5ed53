//! Files that only their owner may read, from a zip in which everybody may read everything.
//!
//! Lambda's function runs as another user than the owner of its files, which are therefore readable by
//! all (AWS asks for 644). A key ring and a file of API keys are not taken from such a file, and rightly
//! so on a machine of many users. Here nobody else is: the policy and its files are laid into a folder of
//! the function's own, closed to others, and read from there.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tollgate_policy::{BucketKeys, KeySource, Policy};

use crate::error::StartError;

/// The folder. It ends with the authorizer.
#[derive(Debug)]
pub(crate) struct Stage(PathBuf);

/// Loads the policy at `config`, through a stage where its files need one.
pub(crate) fn load(config: &Path) -> Result<(Policy, Option<Stage>), StartError> {
    let policy = Policy::load(config).map_err(StartError::Policy)?;
    let base = config.parent().unwrap_or(Path::new("."));
    if !private_files(&policy).any(|file| file.starts_with(base) && is_open(file)) {
        return Ok((policy, None));
    }
    let stage = Stage::new()?;
    let files = private_files(&policy).chain(shared_files(&policy));
    for file in files.chain(policy.inputs().iter().map(PathBuf::as_path)) {
        if let Ok(relative) = file.strip_prefix(base) {
            stage.lay(file, relative)?;
        }
    }
    let name = config.file_name().map(Path::new).unwrap_or(config);
    stage.lay(config, name)?;
    let staged = Policy::load(&stage.0.join(name)).map_err(StartError::Policy)?;
    Ok((staged, Some(stage)))
}

/// Files that must be nobody else's.
fn private_files(policy: &Policy) -> impl Iterator<Item = &Path> {
    let identity = policy.identity();
    let ring = match &identity.bucket_keys {
        Some(BucketKeys::File(path)) => Some(path.as_path()),
        _ => None,
    };
    let keys = identity.api_keys.as_ref().map(|keys| keys.file.as_path());
    ring.into_iter().chain(keys)
}

/// Files that are read when the policy is put in force.
fn shared_files(policy: &Policy) -> impl Iterator<Item = &Path> {
    let issuers = policy.identity().issuers.iter();
    issuers.filter_map(|issuer| match &issuer.keys {
        KeySource::File(path) | KeySource::SecretFile(path) => Some(path.as_path()),
        _ => None,
    })
}

fn is_open(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

// === impl Stage ===

impl Stage {
    fn new() -> Result<Self, StartError> {
        let name = format!("tollgate-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        // One that a crashed process of the same number left is ours or cannot be removed.
        let made = match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::DirBuilder::new().mode(0o700).create(&folder),
        };
        made.map_err(failed(format!("make {}", folder.display())))?;
        Ok(Self(folder))
    }

    fn lay(&self, file: &Path, relative: &Path) -> Result<(), StartError> {
        let place = self.0.join(relative);
        let lay = || {
            if let Some(folder) = place.parent() {
                fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(folder)?;
            }
            let content = fs::read(file)?;
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&place)?.write_all(&content)
        };
        lay().map_err(failed(format!(
            "lay {} into {}",
            file.display(),
            place.display()
        )))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The last one out; /tmp ends with the instance.
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn failed(doing: String) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::System { doing, source }
}
