//! Names: of plans, limits, claims, header fields and files; short texts.

use crate::codes;
use crate::findings::Problem;
use crate::paths::normalize;
use crate::raw::section::text_value;

/// The longest name of a limit or plan, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The longest name of a claim, in bytes.
const CLAIM_BYTES_MAX: usize = 255;
/// The longest free text, in bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// Header fields that are not free to be set: they frame the message or are set by Tollgate itself.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-connection",
    "retry-after",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "ratelimit",
    "ratelimit-policy",
    "authorization",
];

text_value! {
    /// The name of a limit: letters, digits, `_`, `-`, `.`.
    LimitName(String), "a name", ["burst", "per-minute"], limit_name
}

text_value! {
    /// The name of a plan.
    PlanName(String), "a name", ["standard"], plan_name
}

text_value! {
    /// A limit class.
    ClassName(String), "a class", ["std"], class_name
}

text_value! {
    /// The name of a claim; a dot goes into a nested object.
    ClaimName(String), "the name of a claim", ["sub", "accountId", "realm.plan"], claim_name
}

text_value! {
    /// The name of a header field.
    HeaderName(String), "the name of a header field", ["x-plan"], header_name
}

text_value! {
    /// The name of a cookie.
    CookieName(String), "the name of a cookie", ["access_token"], cookie_name
}

text_value! {
    /// The value of a header field.
    HeaderValue(String), "the value of a header field", ["gold"], header_value
}

text_value! {
    /// A file's name, relative to the policy's folder.
    FilePath(String), "the name of a file", ["openapi.yaml"], file_path
}

text_value! {
    /// A path in canonical form.
    PathText(String), "a path", ["/rate_limit"], path_text
}

text_value! {
    /// Some text of at most 1024 bytes.
    ShortText(String), "a text", ["You have reached the limit of your plan"], short_text
}

fn limit_name(text: &str) -> Result<String, Problem> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(allowed) {
        let help =
            "write 1 to 64 letters, digits, `_`, `-` or `.`: the name stands in response headers";
        return Err(Problem::new(
            codes::NAME,
            format!("`{text}` cannot be the name of a limit"),
            help,
        ));
    }
    Ok(text.to_owned())
}

pub(crate) fn plan_name(text: &str) -> Result<String, Problem> {
    if text.is_empty()
        || text.len() > NAME_BYTES_MAX
        || !text.bytes().all(|byte| byte.is_ascii_graphic())
    {
        let help = "write 1 to 64 visible ASCII characters without spaces";
        return Err(Problem::new(
            codes::NAME,
            format!("`{text}` cannot be the name of a plan"),
            help,
        ));
    }
    Ok(text.to_owned())
}

fn cookie_name(text: &str) -> Result<String, Problem> {
    // A token of RFC 9110, section 5.6.2 (RFC 6265, section 4.1.1).
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(allowed) {
        return Err(Problem::new(
            codes::NAME,
            format!("`{text}` cannot be the name of a cookie"),
            "write 1 to 64 letters, digits, `_` or `-`, for example `access_token`",
        ));
    }
    Ok(text.to_owned())
}

fn class_name(text: &str) -> Result<String, Problem> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if text.is_empty() || text.len() > 8 || !text.bytes().all(allowed) {
        let help = "write 1 to 8 of `a-z` and `0-9`: the class is the beginning of bucket ids";
        return Err(Problem::new(
            codes::PLAN_CLASS,
            format!("`{text}` cannot be a class"),
            help,
        ));
    }
    Ok(text.to_owned())
}

fn claim_name(text: &str) -> Result<String, Problem> {
    let wrong = |message: String, help: &str| Err(Problem::new(codes::CLAIM, message, help));
    for source in ["header:", "query:", "cookie:", "path:", "body:", "$"] {
        if text.starts_with(source) {
            return wrong(
                format!("`{text}` would come from an unverified source"),
                "write the name of a claim of the verified token: what a caller writes himself proves nothing",
            );
        }
    }
    let malformed = text.is_empty()
        || text.len() > CLAIM_BYTES_MAX
        || text.chars().any(|c| c.is_control() || c.is_whitespace())
        || text.starts_with('.')
        || text.ends_with('.')
        || text.contains("..");
    if malformed {
        return wrong(
            format!("`{text}` cannot be the name of a claim"),
            "write 1 to 255 bytes without spaces, with single dots between the members of a nested claim",
        );
    }
    Ok(text.to_owned())
}

pub(crate) fn header_name(text: &str) -> Result<String, Problem> {
    let wrong = |message: String, help: &str| Err(Problem::new(codes::HEADER, message, help));
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(is_token_byte) {
        return wrong(
            format!("`{text}` cannot be the name of a header field"),
            "write 1 to 64 letters, digits or `-`, for example `x-plan`",
        );
    }
    let lower = text.to_ascii_lowercase();
    if OWN_HEADERS.contains(&lower.as_str()) {
        return wrong(
            format!("header field `{text}` is not free to be set"),
            "choose another name, for example `x-plan`",
        );
    }
    Ok(lower)
}

fn header_value(text: &str) -> Result<String, Problem> {
    if text.len() > TEXT_BYTES_MAX
        || !text
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
        || text.trim() != text
    {
        let help =
            "write at most 1024 visible ASCII characters, in one line, without spaces around";
        return Err(Problem::new(
            codes::HEADER,
            "this cannot be the value of a header field",
            help,
        ));
    }
    Ok(text.to_owned())
}

/// `tchar` of RFC 9110 section 5.6.2.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn file_path(text: &str) -> Result<String, Problem> {
    if text.trim().is_empty() || text.contains('\0') {
        return Err(Problem::new(
            codes::NAME,
            "name of the file is empty",
            "write a name relative to this file's folder",
        ));
    }
    Ok(text.to_owned())
}

fn path_text(text: &str) -> Result<String, Problem> {
    match normalize(text) {
        Ok(path) if path == text => Ok(text.to_owned()),
        Ok(path) => Err(Problem::new(
            codes::PATH_VALUE,
            format!("path `{text}` is not in canonical form, and would never be asked for"),
            format!("write `{path}`"),
        )),
        Err(error) => {
            let help = "write a path that begins with a slash, for example `/rate_limit`";
            Err(Problem::new(
                codes::PATH_VALUE,
                format!("`{text}` cannot be asked for: {error}"),
                help,
            ))
        }
    }
}

fn short_text(text: &str) -> Result<String, Problem> {
    if text.is_empty()
        || text.len() > TEXT_BYTES_MAX
        || text.chars().any(|c| c.is_control() && c != '\n')
    {
        let help = "write 1 to 1024 bytes without control characters";
        return Err(Problem::new(
            codes::NAME,
            "text is empty, too long, or has control characters",
            help,
        ));
    }
    Ok(text.to_owned())
}
