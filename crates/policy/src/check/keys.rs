//! Where an issuer's keys come from.

use super::Check;
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::Finding;
use crate::identity::{Algorithm, KeySource};
use crate::network::Scheme;
use crate::node::{At, FromNode, Given, Node, Value};
use crate::raw::{RawIssuer, RawKeys, WebUrl, WebUrlParts};

/// The checked source of an issuer's keys.
pub(super) struct Keys {
    pub(super) source: KeySource,
    pub(super) allow_private_addresses: bool,
}

impl Check<'_, '_> {
    pub(super) fn keys(&mut self, raw: &RawIssuer, algorithms: &[Algorithm]) -> Option<Keys> {
        if algorithms.iter().any(|algorithm| algorithm.is_symmetric()) {
            return self.secret(raw);
        }
        // An algorithm that could not be read may have been HS256.
        let read = match &raw.algorithms {
            None => true,
            Some(Given::Value(names)) => !names.is_empty(),
            Some(Given::Misfit) => false,
        };
        if let (Some(secret), true) = (&raw.secret_file, read) {
            self.error(
                Finding::error(
                    codes::ALGORITHM,
                    secret.span,
                    "a secret is used by HS256 only",
                )
                .label("its algorithms have public keys")
                .help("remove `secret_file`, or write `algorithms: [HS256]`"),
            );
        }
        let private = raw.allow_private_addresses;
        let (source, fetched) = match &raw.jwks {
            Some(Given::Misfit) => return None,
            Some(Given::Value(At {
                value: RawKeys::File(path),
                ..
            })) => (KeySource::File(self.file(&path.0)), None),
            Some(Given::Value(At {
                value: RawKeys::Inline(text),
                ..
            })) => {
                self.key_set(text);
                (KeySource::Inline(text.value.clone()), None)
            }
            Some(Given::Value(At {
                value: RawKeys::Url(url),
                span,
            })) => (
                KeySource::Url(url.0.text.clone()),
                Some((url.0.clone(), *span)),
            ),
            Some(Given::Value(At {
                value: RawKeys::Discovery,
                ..
            }))
            | None => (
                KeySource::Discovery,
                Some((self.discovery_url(raw)?, raw.issuer.span)),
            ),
        };
        let mut allow_private_addresses = private.unwrap_or(false);
        if let Some((url, span)) = fetched {
            allow_private_addresses = private.unwrap_or_else(|| url.is_private());
            if url.scheme == Scheme::Http && !url.is_loopback() && private != Some(true) {
                self.error(
                    Finding::error(codes::INSECURE_KEYS, span, "keys would be fetched over plain HTTP from another machine")
                        .label("whoever is on the way could forge every token")
                        .help("write `https://`; on a network of your own, add `allow_private_addresses: true`"),
                );
            }
        }
        Some(Keys {
            source,
            allow_private_addresses,
        })
    }

    /// HS256: a shared secret, and nothing else.
    fn secret(&mut self, raw: &RawIssuer) -> Option<Keys> {
        let span = match &raw.algorithms {
            Some(Given::Value(names)) => names
                .iter()
                .find(|name| name.value.0.is_symmetric())
                .map(|name| name.span),
            None | Some(Given::Misfit) => None,
        };
        let span = span.unwrap_or(raw.issuer.span);
        if let Some(Given::Value(jwks)) = &raw.jwks {
            self.error(
                Finding::error(
                    codes::CONFLICT,
                    jwks.span,
                    "HS256 has no public keys to fetch",
                )
                .label("published keys are no secret")
                .help("remove `jwks`, and write `secret_file: …`"),
            );
        }
        let Some(secret) = &raw.secret_file else {
            self.error(
                Finding::error(codes::ALGORITHM, span, "HS256 needs a secret")
                    .label("there is no `secret_file`")
                    .help("add `secret_file: hs256.key`, or use an algorithm with public keys, for example `EdDSA`"),
            );
            return None;
        };
        let source = KeySource::SecretFile(self.file(&secret.value.0));
        Some(Keys {
            source,
            allow_private_addresses: false,
        })
    }

    /// Discovery asks the issuer itself, so that its name has to be a URL.
    fn discovery_url(&mut self, raw: &RawIssuer) -> Option<WebUrlParts> {
        let name = &raw.issuer.value.0;
        if !name.starts_with("https://") && !name.starts_with("http://") {
            self.error(
                Finding::error(
                    codes::URL,
                    raw.issuer.span,
                    format!("issuer `{name}` is no URL to discover keys at"),
                )
                .label("there is no `jwks`")
                .help("add `jwks:` with the URL or file of its key set"),
            );
            return None;
        }
        let node = Node {
            span: raw.issuer.span,
            value: Value::Text(name.clone()),
        };
        WebUrl::from_node(&node, self.findings).map(|url| url.0)
    }

    fn key_set(&mut self, text: &At<String>) {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&text.value);
        let problem = match &parsed {
            Err(error) => Some(format!("inline key set is not JSON: {error}")),
            Ok(set) => match set.get("keys").and_then(serde_json::Value::as_array) {
                None => Some("inline key set has no list `keys`".to_owned()),
                Some(keys) if keys.is_empty() => Some("inline key set is empty".to_owned()),
                Some(keys) if keys.iter().any(|key| key.get("kty").is_none()) => {
                    Some("a key of the inline key set has no `kty`".to_owned())
                }
                Some(_) => None,
            },
        };
        if let Some(message) = problem {
            self.no_key_set(text.span, message);
        }
    }

    fn no_key_set(&mut self, span: Span, message: String) {
        self.error(
            Finding::error(codes::KEY_SET, span, message)
                .help("write a JSON Web Key Set (RFC 7517): `{\"keys\": [{\"kty\": \"OKP\", …}]}`"),
        );
    }
}
