//! What the prelude calls for: digests, codecs, the key value store, the log.
//!
//! Bytes cross as text of one character a byte (U+0000 to U+00FF): the engine's own memory can only
//! be lent out with unsafe code.

use std::cell::RefCell;
use std::rc::Rc;

use data_encoding::{BASE64, BASE64_NOPAD};
use hmac::{Hmac, KeyInit, Mac};
use rquickjs::{Ctx, Exception, Function, Object};
use sha2::{Digest, Sha256};

use super::Kvs;

/// CloudFront keeps so much of what one run logs.
const LOG_BYTES_MAX: usize = 10_240;

/// The lines of one run.
#[derive(Default)]
pub(super) struct Log {
    lines: Vec<String>,
    bytes: usize,
}

/// What the functions of one run share.
pub(super) type SharedLog = Rc<RefCell<Log>>;

/// The object that the prelude is called with.
pub(super) fn object<'js>(
    ctx: &Ctx<'js>,
    kvs: &Kvs,
    now_ms: u64,
    log: &SharedLog,
) -> rquickjs::Result<Object<'js>> {
    let host = Object::new(ctx.clone())?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "JavaScript has no other numbers; exact for 285,000 years"
    )]
    host.set("now_ms", now_ms as f64)?;
    let text = |name, f: fn(String) -> String| host.set(name, Function::new(ctx.clone(), f)?);
    text("sha256", |data| latin1(&Sha256::digest(bytes(&data))))?;
    text("utf8", |text| latin1(text.as_bytes()))?;
    text("unutf8", |data| {
        String::from_utf8_lossy(&bytes(&data)).into_owned()
    })?;
    text("base64", |data| BASE64.encode(&bytes(&data)))?;
    text("unbase64", |text| latin1(&unbase64(&text)))?;
    host.set(
        "hmac_sha256",
        Function::new(ctx.clone(), |ctx: Ctx<'_>, key: String, data: String| {
            hmac_sha256(&bytes(&key), &bytes(&data))
                .map(|mac| latin1(&mac))
                .ok_or_else(|| Exception::throw_type(&ctx, "not a key"))
        })?,
    )?;
    let store = kvs.clone();
    host.set(
        "kvs_get",
        Function::new(ctx.clone(), move |ctx: Ctx<'_>, key: String| {
            reachable(&ctx, &store)?;
            let value = store.get(&key).map(str::to_owned);
            value.ok_or_else(|| Exception::throw_message(&ctx, "KeyNotFound"))
        })?,
    )?;
    let store = kvs.clone();
    host.set(
        "kvs_exists",
        Function::new(ctx.clone(), move |ctx: Ctx<'_>, key: String| {
            reachable(&ctx, &store)?;
            Ok::<_, rquickjs::Error>(store.get(&key).is_some())
        })?,
    )?;
    let store = kvs.clone();
    host.set(
        "kvs_meta",
        Function::new(ctx.clone(), move |ctx: Ctx<'_>| {
            reachable(&ctx, &store)?;
            let meta = serde_json::json!({
                "creationDateTime": "1970-01-01T00:00:00Z",
                "lastUpdatedDateTime": "1970-01-01T00:00:00Z",
                "keyCount": store.key_count(),
            });
            Ok::<_, rquickjs::Error>(meta.to_string())
        })?,
    )?;
    let log = Rc::clone(log);
    host.set(
        "log",
        Function::new(ctx.clone(), move |line: String| {
            log.borrow_mut().push(&line);
        })?,
    )?;
    Ok(host)
}

fn reachable(ctx: &Ctx<'_>, kvs: &Kvs) -> rquickjs::Result<()> {
    if kvs.failing() {
        return Err(Exception::throw_message(
            ctx,
            "the key value store does not answer",
        ));
    }
    Ok(())
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The reverse of [`latin1`]; the prelude makes no other characters.
fn bytes(latin1: &str) -> Vec<u8> {
    let byte = |character| u8::try_from(u32::from(character)).unwrap_or(b'?');
    latin1.chars().map(byte).collect()
}

fn hmac_sha256(key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(data);
    Some(mac.finalize().into_bytes().to_vec())
}

/// Both alphabets, padded or not; what is in neither is passed over, as Node does and njs after it.
fn unbase64(text: &str) -> Vec<u8> {
    let letters: Vec<u8> = text
        .bytes()
        .take_while(|&byte| byte != b'=')
        .filter_map(|byte| match byte {
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            b'+' | b'/' => Some(byte),
            _ => byte.is_ascii_alphanumeric().then_some(byte),
        })
        .collect();
    // A last letter alone says less than a byte.
    let whole = letters.len() - usize::from(letters.len() % 4 == 1);
    let mut lenient = BASE64_NOPAD.specification();
    lenient.check_trailing_bits = false;
    let encoding = lenient.encoding().unwrap_or(BASE64_NOPAD);
    encoding.decode(&letters[..whole]).unwrap_or_default()
}

// === impl Log ===

impl Log {
    fn push(&mut self, line: &str) {
        let left = LOG_BYTES_MAX - self.bytes;
        let mut end = line.len().min(left);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        if left == 0 {
            return;
        }
        self.bytes += end;
        self.lines.push(line[..end].to_owned());
    }

    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}
