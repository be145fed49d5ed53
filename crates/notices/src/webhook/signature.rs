//! Signatures of webhooks, as Standard Webhooks describes them.
//!
//! `v1,` and the base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`; several secrets give several signatures, with
//! a space between
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use std::path::Path;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::NoticesError;
use crate::secret_file;

const PREFIX: &str = "whsec_";
/// Bytes of a secret, as the specification has them.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const SECRETS_MAX: usize = 4;

/// At least one.
pub(super) struct Secrets(Vec<Hmac<Sha256>>);

impl Secrets {
    /// A file with a secret a line; empty lines and those that begin with `#` say nothing.
    pub(super) fn load(file: &Path) -> Result<Self, NoticesError> {
        let text = secret_file::read(file)?;
        Self::parse(&text).map_err(|reason| NoticesError::file(file, reason))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut secrets = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let secret = secret(line).ok_or_else(|| {
                format!(
                    "line {number} is not `{PREFIX}` and the base64 of {} to {} bytes; make one by \
                     `echo {PREFIX}$(openssl rand -base64 32)`",
                    SECRET_BYTES.start(),
                    SECRET_BYTES.end()
                )
            })?;
            secrets.push(secret);
        }
        match secrets.len() {
            0 => Err(format!(
                "has no secret; make one by `echo {PREFIX}$(openssl rand -base64 32)`"
            )),
            1..=SECRETS_MAX => Ok(Self(secrets)),
            _ => Err(format!("has more than {SECRETS_MAX} secrets")),
        }
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp_s: u64, body: &str) -> String {
        let signed = |key: &Hmac<Sha256>| {
            let mut mac = key.clone();
            mac.update(format!("{id}.{timestamp_s}.{body}").as_bytes());
            format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
        };
        self.0.iter().map(signed).collect::<Vec<_>>().join(" ")
    }
}

fn secret(line: &str) -> Option<Hmac<Sha256>> {
    let encoded = line.strip_prefix(PREFIX)?;
    let bytes = Zeroizing::new(BASE64.decode(encoded.as_bytes()).ok()?);
    if !SECRET_BYTES.contains(&bytes.len()) {
        return None;
    }
    Hmac::new_from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// From the tests of the reference libraries
    /// (<https://github.com/standard-webhooks/standard-webhooks/tree/main/libraries>).
    #[test]
    fn a_signature_is_that_of_the_reference_libraries() {
        let secrets = Secrets::parse(SECRET).unwrap();
        let signature = secrets.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_secret_signs() {
        let other = format!("whsec_{}", BASE64.encode(&[7; 32]));
        let text = format!("# the new one\n{other}\n\n {SECRET} \n");
        let both = Secrets::parse(&text).unwrap().sign("id", 1, "body");
        let of = |secret: &str| Secrets::parse(secret).unwrap().sign("id", 1, "body");
        assert_eq!(both, format!("{} {}", of(&other), of(SECRET)));
    }

    #[test]
    fn what_is_no_secret_is_told_without_being_shown() {
        let wrong = [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS".to_owned(),
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
            format!("whsec_{}", BASE64.encode(&[1; 23])),
            format!("whsec_{}", BASE64.encode(&[1; 65])),
            "# none".to_owned(),
            [SECRET; 5].join("\n"),
        ];
        for text in wrong {
            let reason = Secrets::parse(&text).err().unwrap();
            assert!(
                !reason.contains("MfKQ") && !reason.contains("AQEB"),
                "{reason}"
            );
        }
    }
}
