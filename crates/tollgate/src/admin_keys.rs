//! `tollgate admin-keys`: the file of the keys of the admin API.

use std::io;

use serde_json::json;
use tollgate_admin::{AdminKeys, add_key};
use tollgate_identity::ApiKeysError;
use tollgate_limiter::{Clock, SystemClock};

use crate::cli::{AdminKeysCommand, NewAdminKeyArgs, RevokeAdminKeyArgs};
use crate::failure::Failure;
use crate::keys_file::{KeysFile, Which, end_of, wrong_change};

pub(crate) fn run(command: &AdminKeysCommand) -> Result<(), Failure> {
    let now_s = SystemClock::new().now().unix_s();
    match command {
        AdminKeysCommand::New(args) => new(args, now_s),
        AdminKeysCommand::List { file } => {
            let keys = AdminKeys::load(file).map_err(|source| Failure::AdminKeys {
                file: file.clone(),
                source,
            })?;
            crate::keys_file::list(keys.notes(), |key| {
                json!({
                    "digest": key.digest,
                    "name": key.name,
                    "role": key.role.as_str(),
                    "not_after": key.not_after_s,
                    "accepted": key.not_after_s.is_none_or(|end_s| now_s < end_s),
                })
            })
        }
        AdminKeysCommand::Revoke(args) => revoke(args),
    }
}

fn new(args: &NewAdminKeyArgs, now_s: u64) -> Result<(), Failure> {
    let file = &args.file;
    let mut keys = KeysFile::open_or_new(file)?;
    let not_after_s = end_of(args.not_after, now_s).map_err(wrong_change(file))?;
    let role = args.role;
    if args.name.is_empty() || args.name.contains(char::is_whitespace) {
        let reason = "a name has no blanks and is not empty";
        return Err(wrong_change(file)(ApiKeysError::Change { reason }));
    }
    let key = add_key(&mut keys.text, &args.name, role, not_after_s).map_err(wrong_change(file))?;
    let is_new = keys.is_new;
    keys.save()?;
    crate::keys_file::show(key.expose(), &mut io::stdout().lock())?;
    let file = file.display();
    anstream::eprintln!(
        "{file}: a new key of {} ({role}), shown this once",
        args.name
    );
    if is_new {
        anstream::eprintln!("put `admin_api: {{keys: {file}}}` into the policy");
    }
    Ok(())
}

fn revoke(args: &RevokeAdminKeyArgs) -> Result<(), Failure> {
    let which = match (&args.name, &args.digest) {
        (Some(name), _) => Which::Name(name),
        (None, digest) => Which::Digest(digest.as_deref().unwrap_or_default()),
    };
    KeysFile::open(&args.file)?.revoke(which)
}
