//! `tollgate api-keys`: the file of the keys of callers without a token.

use std::io;

use serde_json::json;
use tollgate_identity::{ApiKeysText, NewApiKey};
use tollgate_limiter::{Clock, SystemClock};

use crate::cli::{ApiKeysCommand, NewApiKeyArgs, RevokeApiKeyArgs};
use crate::failure::Failure;
use crate::keys_file::{KeysFile, Which, end_of, list, show, wrong, wrong_change};

pub(crate) fn run(command: &ApiKeysCommand) -> Result<(), Failure> {
    let now_s = SystemClock::new().now().unix_s();
    match command {
        ApiKeysCommand::New(args) => new(args, now_s),
        ApiKeysCommand::List { file } => {
            let text = ApiKeysText::load(file).map_err(wrong(file))?;
            list(text.keys(), |key| {
                json!({
                    "digest": key.short_digest(),
                    "subject": key.subject,
                    "account": key.account,
                    "plan": key.plan,
                    "not_after": key.not_after_s,
                    "accepted": key.not_after_s.is_none_or(|end_s| now_s < end_s),
                })
            })
        }
        ApiKeysCommand::Revoke(args) => revoke(args),
    }
}

fn new(args: &NewApiKeyArgs, now_s: u64) -> Result<(), Failure> {
    let file = &args.file;
    let mut keys = KeysFile::open_or_new(file)?;
    let not_after_s = end_of(args.not_after, now_s).map_err(wrong_change(file))?;
    let key = keys
        .text
        .add(&NewApiKey {
            subject: &args.subject,
            account: args.account.as_deref(),
            plan: args.plan.as_deref(),
            not_after_s,
        })
        .map_err(wrong_change(file))?;
    let is_new = keys.is_new;
    keys.save()?;
    show(key.expose(), &mut io::stdout().lock())?;
    let file = file.display();
    anstream::eprintln!("{file}: a new key of {}, shown this once", args.subject);
    if is_new {
        anstream::eprintln!("put `api_keys: {{file: {file}}}` under `identity:`");
    }
    Ok(())
}

fn revoke(args: &RevokeApiKeyArgs) -> Result<(), Failure> {
    let which = match (&args.subject, &args.digest) {
        (Some(subject), _) => Which::Name(subject),
        (None, digest) => Which::Digest(digest.as_deref().unwrap_or_default()),
    };
    KeysFile::open(&args.file)?.revoke(which)
}
