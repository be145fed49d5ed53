//! `tollgate keys`: the ring of keys from which bucket ids are made.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tollgate_identity::{IdentityError, KeyId, KeyNote, KeyRingText};
use tollgate_limiter::{Clock, SystemClock};

use crate::cli::{KeysCommand, RotateArgs};
use crate::failure::Failure;
use crate::private_file;

pub(crate) fn run(command: &KeysCommand) -> Result<(), Failure> {
    let now_s = SystemClock::new().now().unix_ms / 1_000;
    match command {
        KeysCommand::New { file } => new(file, now_s),
        KeysCommand::List { file } => list(file, now_s),
        KeysCommand::Rotate(args) => rotate(args, now_s),
        KeysCommand::Retire { file, kid } => retire(file, kid),
    }
}

fn new(file: &Path, now_s: u64) -> Result<(), Failure> {
    let ring = KeyRingText::generate(now_s).map_err(wrong(file))?;
    private_file::create(file, |out| out.write_all(ring.as_bytes())).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AlreadyExists => "; `tollgate keys rotate` adds a key to it",
            _ => "",
        };
        let error = io::Error::new(error.kind(), format!("{error}{hint}"));
        Failure::system(format!("make {}", file.display()))(error)
    })?;
    for key in ring.keys() {
        anstream::println!("{}: a new ring with the key {}", file.display(), key.kid);
    }
    anstream::println!("put `bucket_keys: {}` under `identity:`", file.display());
    Ok(())
}

fn list(file: &Path, now_s: u64) -> Result<(), Failure> {
    let ring = KeyRingText::load(file).map_err(wrong(file))?;
    let out = &mut io::stdout().lock();
    let line = |key: &KeyNote| {
        let begun = key.not_before_s.is_none_or(|begin| begin <= now_s);
        let over = key.not_after_s.is_some_and(|end| end <= now_s);
        json!({
            "kid": key.kid.as_str(),
            "current": key.current,
            "accepted": begun && !over,
            "not_before": key.not_before_s,
            "not_after": key.not_after_s,
        })
    };
    let mut keys = ring.keys().into_iter();
    match keys.try_for_each(|key| writeln!(out, "{}", line(&key))) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::system("write the keys")),
    }
}

fn rotate(args: &RotateArgs, now_s: u64) -> Result<(), Failure> {
    let mut ring = KeyRingText::load(&args.file).map_err(wrong(&args.file))?;
    let rotated = ring
        .rotate(now_s, args.overlap.as_secs())
        .map_err(wrong(&args.file))?;
    save(&args.file, &ring)?;
    anstream::println!("ids are made with {}", rotated.current);
    let left_s = rotated
        .before
        .not_after_s
        .unwrap_or(u64::MAX)
        .saturating_sub(now_s);
    if left_s > 0 {
        let left = tollgate_policy::humane_duration(Duration::from_secs(left_s));
        anstream::println!("{}: accepted for {left} more", rotated.before.kid);
    }
    for kid in rotated.dropped {
        anstream::println!("{kid}: over, and gone from the ring");
    }
    Ok(())
}

fn retire(file: &Path, kid: &str) -> Result<(), Failure> {
    let mut ring = KeyRingText::load(file).map_err(wrong(file))?;
    let unknown = IdentityError::KeyRing {
        reason: "a kid is 1 to 4 of a-z and 0-9",
    };
    let kid = KeyId::new(kid).ok_or(unknown).map_err(wrong(file))?;
    ring.retire(kid).map_err(wrong(file))?;
    save(file, &ring)?;
    anstream::println!("{kid}: gone from the ring; ids under it are refused");
    Ok(())
}

fn save(file: &Path, ring: &KeyRingText) -> Result<(), Failure> {
    private_file::replace(file, |out| out.write_all(ring.as_bytes()))
        .map_err(Failure::system(format!("write {}", file.display())))
}

fn wrong(file: &Path) -> impl FnOnce(IdentityError) -> Failure {
    let file = file.to_owned();
    move |source| Failure::Keys { file, source }
}
