//! Tokens: right ones of people, and the same with something wrong.
//!
//! Header and claims are lists of members as text, so that they can be written as no library
//! would.

pub(crate) mod spoiled;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::request::Request;
use crate::setup::{Issuer, NOW_S, Setup};

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// Its place in the policy.
    pub(crate) issuer: usize,
    pub(crate) subject: String,
    pub(crate) account: String,
    /// The plan's name.
    pub(crate) plan: String,
}

/// Names and values of a JSON object, as written.
pub(crate) type Members = Vec<(String, String)>;

/// A token that holds, as the engine takes it.
pub(crate) fn token_of(setup: &Setup, person: &Person) -> String {
    let issuer = &setup.issuers[person.issuer];
    let header = written(&header_of(issuer, "HS256"), "");
    let claims = written(&claims_of(issuer, person), "");
    signed(header.as_bytes(), claims.as_bytes(), &issuer.engine_secret)
}

pub(crate) fn header_of(issuer: &Issuer, algorithm: &str) -> Members {
    let mut header = vec![("\"alg\"".to_owned(), json!(algorithm).to_string())];
    let typ = issuer.config.typ.as_deref();
    header.push((
        "\"typ\"".to_owned(),
        json!(typ.unwrap_or("JWT")).to_string(),
    ));
    header
}

pub(crate) fn claims_of(issuer: &Issuer, person: &Person) -> Members {
    let config = &issuer.config;
    let mut claims = Map::new();
    for required in &config.required_claims {
        put(&mut claims, required, &json!("there"));
    }
    let lifetime_s = config.max_lifetime.as_secs().min(600);
    claims.insert("iss".to_owned(), json!(config.issuer));
    claims.insert("aud".to_owned(), json!(config.audiences[0]));
    claims.insert("exp".to_owned(), json!(NOW_S + lifetime_s / 2));
    claims.insert("iat".to_owned(), json!(NOW_S - lifetime_s / 2));
    let account = config
        .claims
        .account
        .as_ref()
        .map(|path| (path, &person.account));
    let plan = config.claims.plan.as_ref().map(|path| (path, &person.plan));
    let client = person.subject.strip_prefix("client:");
    match (client, &config.claims.client) {
        (Some(client), Some(path)) => put(&mut claims, path, &json!(client)),
        _ => put(&mut claims, &config.claims.subject, &json!(person.subject)),
    }
    for (path, value) in [account, plan].into_iter().flatten() {
        put(&mut claims, path, &json!(value));
    }
    let members = claims.into_iter();
    members
        .map(|(name, value)| (json!(name).to_string(), value.to_string()))
        .collect()
}

/// As `crates/identity` reads a claim's place.
pub(crate) fn put(claims: &mut Map<String, Value>, path: &str, value: &Value) {
    match path.split_once('.') {
        Some((first, rest)) if !path.contains([':', '/']) => {
            let inner = claims.entry(first).or_insert_with(|| json!({}));
            put(inner.as_object_mut().unwrap(), rest, value);
        }
        _ => {
            claims.insert(path.to_owned(), value.clone());
        }
    }
}

/// The object, with `blank` wherever JSON may have one.
pub(crate) fn written(members: &Members, blank: &str) -> String {
    let members = members
        .iter()
        .map(|(name, value)| format!("{name}{blank}:{blank}{value}"));
    let members: Vec<String> = members.collect();
    let comma = format!("{blank},");
    format!("{blank}{{{blank}{}{blank}}}{blank}", members.join(&comma))
}

pub(crate) fn signed(header: &[u8], claims: &[u8], secret: &[u8]) -> String {
    let [header, claims] = [header, claims].map(|part| BASE64URL_NOPAD.encode(part));
    let signed = format!("{header}.{claims}");
    let signature = signature(&signed, secret);
    format!("{signed}.{signature}")
}

pub(crate) fn signature(signed: &str, secret: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    BASE64URL_NOPAD.encode(&mac.finalize().into_bytes())
}

/// The request as it would be if every signature that is one in form were true: all that a function
/// sees that believes claims as they are sent.
pub(crate) fn with_true_signatures(setup: &Setup, request: &Request) -> Request {
    let mut request = request.clone();
    let cookie = setup.policy.identity().token_cookie.clone();
    for (name, value) in &mut request.headers {
        let Ok(text) = str::from_utf8(value) else {
            continue;
        };
        let bearer = text
            .get(..7)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
        if name == "authorization" && bearer {
            *value = format!("{}{}", &text[..7], truly_signed(setup, &text[7..])).into_bytes();
        } else if let (true, Some(cookie)) = (name == "cookie", &cookie) {
            let prefix = format!("{cookie}=");
            let parts = text
                .split("; ")
                .map(|part| match part.strip_prefix(&prefix) {
                    Some(token) => format!("{prefix}{}", truly_signed(setup, token)),
                    None => part.to_owned(),
                });
            *value = parts.collect::<Vec<_>>().join("; ").into_bytes();
        }
    }
    request
}

fn truly_signed(setup: &Setup, token: &str) -> String {
    const SIGNATURE_CHARS_MAX: usize = 1366;
    let parts: Vec<&str> = token.split('.').collect();
    let &[header, claims, signature_sent] = parts.as_slice() else {
        return token.to_owned();
    };
    let is_one = !signature_sent.is_empty()
        && signature_sent.len() <= SIGNATURE_CHARS_MAX
        && BASE64URL_NOPAD.decode(signature_sent.as_bytes()).is_ok();
    if !is_one {
        return token.to_owned();
    }
    // What nobody has signed is not looked at where it is long.
    const CHARS_MAX: usize = 1024;
    let is_long = |part: &str| {
        let bytes = BASE64URL_NOPAD.decode(part.as_bytes()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).chars().count() >= CHARS_MAX
    };
    if is_long(header) || is_long(claims) {
        return format!("{header}.{claims}.");
    }
    // What the issuers sign with is HS256 to the engine.
    let text = BASE64URL_NOPAD.decode(header.as_bytes()).ok();
    let header = match text.and_then(|text| String::from_utf8(text).ok()) {
        Some(text) => BASE64URL_NOPAD.encode(with_engine_algorithm(setup, &text).as_bytes()),
        None => header.to_owned(),
    };
    let signed = format!("{header}.{claims}");
    let signature = signature(&signed, &setup.issuers[0].engine_secret);
    format!("{signed}.{signature}")
}

fn with_engine_algorithm(setup: &Setup, header: &str) -> String {
    let algorithms = &setup.issuers[0].config.algorithms;
    let names: Vec<String> = algorithms
        .iter()
        .map(|one| json!(one.as_str()).to_string())
        .collect();
    if names == ["\"HS256\""] {
        return header.to_owned();
    }
    let header = header.replace("\"HS256\"", "\"HS999\"");
    names
        .iter()
        .fold(header, |header, name| header.replace(name, "\"HS256\""))
}
