//! `tollgate api-keys`: the file of the keys of callers without a token.

use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use tollgate_identity::{ApiKeyNote, ApiKeysError, ApiKeysText, IdentityError, NewApiKey};
use tollgate_limiter::{Clock, SystemClock};

use crate::cli::{ApiKeysCommand, NewApiKeyArgs, NotAfter, RevokeApiKeyArgs};
use crate::failure::Failure;
use crate::private_file;

pub(crate) fn run(command: &ApiKeysCommand) -> Result<(), Failure> {
    let now_s = SystemClock::new().now().unix_ms / 1_000;
    match command {
        ApiKeysCommand::New(args) => new(args, now_s),
        ApiKeysCommand::List { file } => list(file, now_s),
        ApiKeysCommand::Revoke(args) => revoke(args),
    }
}

fn new(args: &NewApiKeyArgs, now_s: u64) -> Result<(), Failure> {
    let file = &args.file;
    let _lock = private_file::lock_folder(file).map_err(Failure::system(format!(
        "lock the folder of {}",
        file.display()
    )))?;
    let is_there = file
        .try_exists()
        .map_err(Failure::system(format!("look for {}", file.display())))?;
    let mut text = if is_there {
        ApiKeysText::load(file).map_err(wrong(file))?
    } else {
        ApiKeysText::empty()
    };
    let not_after_s = args.not_after.map(|end| match end {
        NotAfter::In(duration) => now_s.saturating_add(duration.as_secs()),
        NotAfter::UnixSeconds(seconds) => seconds,
    });
    if not_after_s.is_some_and(|end_s| end_s <= now_s) {
        let reason = "the key would be over before it begins; write for example `--not-after 90d`";
        return Err(wrong_change(file)(ApiKeysError::Change { reason }));
    }
    let key = text
        .add(&NewApiKey {
            subject: &args.subject,
            account: args.account.as_deref(),
            plan: args.plan.as_deref(),
            not_after_s,
        })
        .map_err(wrong_change(file))?;
    // First the file: a key that is shown has to work.
    save(file, &text)?;
    let key = key.expose();
    writeln!(io::stdout().lock(), "{}", key.as_str()).map_err(Failure::system("write the key"))?;
    let file = file.display();
    anstream::eprintln!("{file}: a new key of {}, shown this once", args.subject);
    if !is_there {
        anstream::eprintln!("put `api_keys: {{file: {file}}}` under `identity:`");
    }
    Ok(())
}

fn list(file: &Path, now_s: u64) -> Result<(), Failure> {
    let text = ApiKeysText::load(file).map_err(wrong(file))?;
    let out = &mut io::stdout().lock();
    let line = |key: &ApiKeyNote| {
        json!({
            "digest": key.short_digest(),
            "subject": key.subject,
            "account": key.account,
            "plan": key.plan,
            "not_after": key.not_after_s,
            "accepted": key.not_after_s.is_none_or(|end_s| now_s < end_s),
        })
    };
    match text
        .keys()
        .try_for_each(|key| writeln!(out, "{}", line(&key)))
    {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::system("write the keys")),
    }
}

fn revoke(args: &RevokeApiKeyArgs) -> Result<(), Failure> {
    let file = &args.file;
    let _lock = private_file::lock_folder(file).map_err(Failure::system(format!(
        "lock the folder of {}",
        file.display()
    )))?;
    let mut text = ApiKeysText::load(file).map_err(wrong(file))?;
    let revoked = match (&args.subject, &args.digest) {
        (Some(subject), _) => text.revoke_subject(subject),
        (None, digest) => {
            let prefix = digest.as_deref().unwrap_or_default();
            text.revoke_digest(prefix).map(|note| vec![note])
        }
    };
    let revoked = revoked.map_err(wrong_change(file))?;
    save(file, &text)?;
    for key in revoked {
        anstream::println!(
            "{} of {}: gone from the file",
            key.short_digest(),
            key.subject
        );
    }
    Ok(())
}

fn save(file: &Path, text: &ApiKeysText) -> Result<(), Failure> {
    private_file::replace(file, |out| out.write_all(text.as_bytes()))
        .map_err(Failure::system(format!("write {}", file.display())))
}

fn wrong(file: &Path) -> impl FnOnce(IdentityError) -> Failure {
    let file = file.to_owned();
    move |source| Failure::Keys { file, source }
}

fn wrong_change(file: &Path) -> impl FnOnce(ApiKeysError) -> Failure {
    let wrong = wrong(file);
    let file = file.to_owned();
    move |error| wrong(error.of_file(&file))
}
