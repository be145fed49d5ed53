//! A file of hashed keys, of callers or of the admin API: locked, changed, and replaced whole.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tollgate_identity::{ApiKeysError, ApiKeysText, IdentityError};

use crate::cli::NotAfter;
use crate::failure::Failure;
use crate::private_file;

/// The text of a file that nobody else changes meanwhile.
pub(crate) struct KeysFile {
    pub(crate) text: ApiKeysText,
    /// It is not there yet.
    pub(crate) is_new: bool,
    path: PathBuf,
    _lock: File,
}

/// Which keys.
#[derive(Clone, Copy)]
pub(crate) enum Which<'a> {
    /// All of a name.
    Name(&'a str),
    /// The one whose digest begins so.
    Digest(&'a str),
}

// === impl KeysFile ===

impl KeysFile {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let lock = lock(path)?;
        Ok(Self {
            text: ApiKeysText::load(path).map_err(wrong(path))?,
            is_new: false,
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn open_or_new(path: &Path) -> Result<Self, Failure> {
        let lock = lock(path)?;
        let is_there = path
            .try_exists()
            .map_err(Failure::system(format!("look for {}", path.display())))?;
        Ok(Self {
            text: match is_there {
                true => ApiKeysText::load(path).map_err(wrong(path))?,
                false => ApiKeysText::empty(),
            },
            is_new: !is_there,
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn save(self) -> Result<(), Failure> {
        let written = private_file::replace(&self.path, |out| out.write_all(self.text.as_bytes()));
        written.map_err(Failure::system(format!("write {}", self.path.display())))
    }

    /// Takes keys out of the file, and says which.
    pub(crate) fn revoke(mut self, which: Which<'_>) -> Result<(), Failure> {
        let revoked = match which {
            Which::Name(name) => self.text.revoke_subject(name),
            Which::Digest(prefix) => self.text.revoke_digest(prefix).map(|note| vec![note]),
        };
        let revoked = revoked.map_err(wrong_change(&self.path))?;
        self.save()?;
        for key in revoked {
            anstream::println!(
                "{} of {}: gone from the file",
                key.short_digest(),
                key.subject
            );
        }
        Ok(())
    }
}

/// Prints a new key. First it has to be in its file: a key that is shown has to work.
pub(crate) fn show(key: &str, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "{key}").map_err(Failure::system("write the key"))
}

/// A JSON line for each key.
pub(crate) fn list<T>(
    keys: impl IntoIterator<Item = T>,
    line: impl Fn(T) -> Value,
) -> Result<(), Failure> {
    let out = &mut io::stdout().lock();
    let mut keys = keys.into_iter();
    match keys.try_for_each(|key| writeln!(out, "{}", line(key))) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::system("write the keys")),
    }
}

/// The first second in which a new key is refused.
pub(crate) fn end_of(not_after: Option<NotAfter>, now_s: u64) -> Result<Option<u64>, ApiKeysError> {
    let end_s = not_after.map(|end| match end {
        NotAfter::In(duration) => now_s.saturating_add(duration.as_secs()),
        NotAfter::UnixSeconds(seconds) => seconds,
    });
    if end_s.is_some_and(|end_s| end_s <= now_s) {
        let reason = "the key would be over before it begins; write for example `--not-after 90d`";
        return Err(ApiKeysError::Change { reason });
    }
    Ok(end_s)
}

fn lock(path: &Path) -> Result<File, Failure> {
    private_file::lock_folder(path).map_err(Failure::system(format!(
        "lock the folder of {}",
        path.display()
    )))
}

pub(crate) fn wrong(file: &Path) -> impl FnOnce(IdentityError) -> Failure {
    let file = file.to_owned();
    move |source| Failure::Keys { file, source }
}

pub(crate) fn wrong_change(file: &Path) -> impl FnOnce(ApiKeysError) -> Failure {
    let wrong = wrong(file);
    let file = file.to_owned();
    move |error| wrong(error.of_file(&file))
}
