//! What a function returned → a request to send on, or an answer.

use bytes::Bytes;
use data_encoding::BASE64;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, header, request};
use serde_json::Value;

use super::encode;
use super::names::{is_forbidden, is_read_only};
use super::{EventError, Returned};

/// Reads the returned object: a response if it has a `statusCode`, else the request.
///
/// `head` is the request that the event was made from.
///
/// # Errors
/// Whatever CloudFront answers with 502.
pub fn returned(value: &Value, head: &request::Parts) -> Result<Returned, EventError> {
    if value.get("statusCode").is_some() {
        return response(value).map(Returned::Response);
    }
    changed(value, head).map(Returned::Request)
}

fn changed(value: &Value, head: &request::Parts) -> Result<request::Parts, EventError> {
    if text(value, "method", "method")? != head.method.as_str() {
        return Err(EventError::Method);
    }
    let mut parts = head.clone();
    parts.uri = target(value, head)?;
    let before = encode::fields(&head.headers);
    let after = object(value, "headers")?;
    for name in READ_ONLY_SEEN {
        if after.get(name) != before.get(name) {
            return Err(EventError::ReadOnly {
                name: name.to_owned(),
            });
        }
    }
    let mut headers = HeaderMap::new();
    for (name, field) in after.as_object().into_iter().flatten() {
        let same = before.get(name) == Some(field);
        if same && let Ok(name) = HeaderName::try_from(name) {
            // As it came: the event has no bytes beyond UTF-8.
            for value in head.headers.get_all(&name) {
                headers.append(name.clone(), value.clone());
            }
            continue;
        }
        may_set(name, "cookie")?;
        append(&mut headers, name, field)?;
    }
    cookies_of(value, head, &mut headers)?;
    parts.headers = headers;
    Ok(parts)
}

/// `transfer-encoding` is of the connection and not in the event.
const READ_ONLY_SEEN: [&str; 3] = ["content-length", "host", "via"];

fn may_set(name: &str, cookie: &str) -> Result<(), EventError> {
    let named = || name.to_owned();
    if name == cookie {
        return Err(EventError::Cookie { name: named() });
    }
    if is_forbidden(name) {
        return Err(EventError::Forbidden { name: named() });
    }
    if is_read_only(name) {
        return Err(EventError::ReadOnly { name: named() });
    }
    Ok(())
}

fn target(value: &Value, head: &request::Parts) -> Result<Uri, EventError> {
    let path = text(value, "uri", "uri")?;
    let before = head.uri.query().unwrap_or_default();
    let after = object(value, "querystring")?;
    let query = if *after == encode::query(before) {
        before.to_owned()
    } else {
        joined(after, "querystring", "&")?
    };
    let whole = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    let parsed = PathAndQuery::try_from(whole.as_str()).ok();
    let target = parsed.filter(|_| path.starts_with('/'));
    let target =
        target.ok_or_else(|| shape("uri", "an encoded path from `/` on", &value["uri"]))?;
    Ok(Uri::from(target))
}

fn cookies_of(
    value: &Value,
    head: &request::Parts,
    headers: &mut HeaderMap,
) -> Result<(), EventError> {
    let after = object(value, "cookies")?;
    if *after == encode::cookies(&head.headers) {
        for cookie in head.headers.get_all(header::COOKIE) {
            headers.append(header::COOKIE, cookie.clone());
        }
        return Ok(());
    }
    let line = joined(after, "cookies", "; ")?;
    if !line.is_empty() {
        let line = HeaderValue::try_from(line)
            .map_err(|_| shape("cookies", "text that a header field can have", after))?;
        headers.insert(header::COOKIE, line);
    }
    Ok(())
}

/// `name=value` of each value of each name.
fn joined(object: &Value, part: &str, separator: &str) -> Result<String, EventError> {
    let mut pairs = Vec::new();
    for (name, field) in object.as_object().into_iter().flatten() {
        for value in values(field, &format!("{part}.{name}"))? {
            pairs.push(format!("{name}={value}"));
        }
    }
    Ok(pairs.join(separator))
}

fn append(headers: &mut HeaderMap, name: &str, field: &Value) -> Result<(), EventError> {
    let part = format!("headers.{name}");
    let valid = HeaderName::from_lowercase(name.as_bytes())
        .map_err(|_| shape(&part, "a field with a name in lower case", field))?;
    for value in values(field, &part)? {
        let value = HeaderValue::try_from(value)
            .map_err(|_| shape(&part, "text that a header field can have", field))?;
        headers.append(valid.clone(), value);
    }
    Ok(())
}

/// The values of a field. `multiValue` counts where it is there: a function that sets `value` beside
/// it and leaves it has changed nothing.
fn values<'v>(field: &'v Value, part: &str) -> Result<Vec<&'v str>, EventError> {
    let one = |field: &'v Value| {
        field["value"]
            .as_str()
            .ok_or_else(|| shape(part, "{value: text}", field))
    };
    match &field["multiValue"] {
        Value::Null => Ok(vec![one(field)?]),
        Value::Array(items) => items.iter().map(one).collect(),
        other => Err(shape(part, "{multiValue: a list}", other)),
    }
}

fn response(value: &Value) -> Result<Response<Bytes>, EventError> {
    let status = value["statusCode"].as_u64();
    let status = status
        .filter(|code| (200..=599).contains(code))
        .and_then(|code| u16::try_from(code).ok())
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or_else(|| {
            shape(
                "statusCode",
                "a number from 200 to 599",
                &value["statusCode"],
            )
        })?;
    let mut response = Response::new(body(&value["body"])?);
    *response.status_mut() = status;
    for (name, field) in value["headers"].as_object().into_iter().flatten() {
        may_set(name, "set-cookie")?;
        append(response.headers_mut(), name, field)?;
    }
    for (name, cookie) in value["cookies"].as_object().into_iter().flatten() {
        let part = format!("cookies.{name}");
        for one in each_cookie(cookie) {
            let text = one["value"]
                .as_str()
                .ok_or_else(|| shape(&part, "{value: text}", one))?;
            let attributes = one["attributes"].as_str().unwrap_or_default();
            let separator = if attributes.is_empty() { "" } else { "; " };
            let line = HeaderValue::try_from(format!("{name}={text}{separator}{attributes}"))
                .map_err(|_| shape(&part, "text that a header field can have", one))?;
            response.headers_mut().append(header::SET_COOKIE, line);
        }
    }
    Ok(response)
}

fn each_cookie(cookie: &Value) -> Vec<&Value> {
    match cookie["multiValue"].as_array() {
        Some(all) => all.iter().collect(),
        None => vec![cookie],
    }
}

fn body(value: &Value) -> Result<Bytes, EventError> {
    let wrong = || shape("body", "text or {encoding: text or base64, data}", value);
    let (encoding, data) = match value {
        Value::Null => return Ok(Bytes::new()),
        Value::String(text) => ("text", text.as_str()),
        _ => (
            value["encoding"].as_str().unwrap_or("text"),
            value["data"].as_str().ok_or_else(wrong)?,
        ),
    };
    match encoding {
        "text" => Ok(Bytes::from(data.to_owned())),
        "base64" => BASE64
            .decode(data.as_bytes())
            .map(Bytes::from)
            .map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

fn text<'v>(value: &'v Value, name: &str, part: &str) -> Result<&'v str, EventError> {
    let text = value[name].as_str();
    text.ok_or_else(|| shape(part, "text", &value[name]))
}

fn object<'v>(value: &'v Value, name: &str) -> Result<&'v Value, EventError> {
    let object = Some(&value[name]).filter(|object| object.is_object());
    object.ok_or_else(|| shape(name, "an object", &value[name]))
}

fn shape(part: &str, expected: &'static str, found: &Value) -> EventError {
    let mut found = found.to_string();
    if let Some((end, _)) = found.char_indices().nth(60) {
        found.truncate(end);
        found.push('…');
    }
    EventError::Shape {
        part: part.to_owned(),
        expected,
        found,
    }
}
