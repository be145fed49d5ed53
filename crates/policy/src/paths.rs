//! The one canonical form of a request path: what is matched is what is forwarded.
//!
//! Percent-decoding is considered once. What two servers may read differently (an encoded slash or
//! dot, a backslash, NUL, double encoding, text that is not UTF-8) is refused, not repaired.

mod unit;

use std::borrow::Cow;

use unit::{decode_unit, is_unreserved};
pub(crate) use unit::{hex_value, is_path_byte, push_encoded};

/// The longest path, in bytes, as sent and in canonical form.
pub const PATH_BYTES_MAX: usize = 8 * 1024;
/// The most segments of a path as sent.
pub const PATH_SEGMENTS_MAX: usize = 256;

/// How paths are matched with templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathRules {
    /// What a slash at the end means.
    pub trailing_slash: TrailingSlash,
    /// Whether letters differ by case; else ASCII letters match in either.
    pub case_sensitive: bool,
}

impl Default for PathRules {
    fn default() -> Self {
        PathRules {
            trailing_slash: TrailingSlash::Ignore,
            case_sensitive: true,
        }
    }
}

/// What a slash at the end of a path means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrailingSlash {
    /// Nothing: `/orders/1/` is classified as `/orders/1`, and forwarded as sent.
    #[default]
    Ignore,
    /// `/orders/` and `/orders` are two paths.
    Strict,
}

/// Why a path is refused with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Does not begin with `/`.
    #[error("path does not begin with a slash")]
    NotAbsolute,
    /// Longer than [`PATH_BYTES_MAX`], as sent or in canonical form.
    #[error("path is longer than 8 KiB")]
    TooLong,
    /// More than [`PATH_SEGMENTS_MAX`] segments.
    #[error("path has more than 256 segments")]
    TooManySegments,
    /// `%2F`.
    #[error("path contains an encoded slash")]
    EncodedSlash,
    /// `\` or `%5C`.
    #[error("path contains a backslash")]
    Backslash,
    /// `%2E`.
    #[error("path contains an encoded dot")]
    EncodedDot,
    /// 00 to 1F or 7F, raw or encoded.
    #[error("path contains a control character")]
    Control,
    /// `%` without two hexadecimal digits.
    #[error("path contains a malformed percent-encoding")]
    MalformedEncoding,
    /// What is decoded contains a percent-encoding again.
    #[error("path is percent-encoded twice")]
    DoubleEncoding,
    /// What is decoded is not UTF-8.
    #[error("path is not UTF-8")]
    NotUtf8,
    /// `..` with nothing left to climb.
    #[error("path climbs above the root")]
    AboveRoot,
    /// `..;` or `.;`: a dot segment to servers that cut off path parameters.
    #[error("path has a dot segment with a parameter")]
    DotSegmentParameter,
}

/// Brings a path (without its query) into canonical form; borrowed, and without allocation, when it
/// already is.
///
/// Dot segments are resolved, repeated slashes collapsed, encoded unreserved characters
/// (RFC 3986 section 2.3) decoded, other encodings kept in upper case, and what may not stand in a
/// path is encoded. Applying it twice changes nothing more.
///
/// # Errors
/// [`PathError`] for what is ambiguous to an origin, or beyond a limit.
///
/// ```
/// use tollgate_policy::{PathError, normalize};
/// assert_eq!(normalize("/a/./b//%63").unwrap(), "/a/b/c");
/// assert_eq!(normalize("/a%2Fb"), Err(PathError::EncodedSlash));
/// ```
pub fn normalize(raw: &str) -> Result<Cow<'_, str>, PathError> {
    if !raw.starts_with('/') {
        return Err(PathError::NotAbsolute);
    }
    if raw.len() > PATH_BYTES_MAX {
        return Err(PathError::TooLong);
    }
    if is_plain(raw) {
        return Ok(Cow::Borrowed(raw));
    }
    if check(raw)? {
        return Ok(Cow::Borrowed(raw));
    }
    let canonical = rewrite(raw)?;
    if canonical.len() > PATH_BYTES_MAX {
        return Err(PathError::TooLong);
    }
    Ok(Cow::Owned(canonical))
}

/// The common case at the cost of one look at each byte: only path characters, no empty segment, no
/// segment that begins with a dot.
fn is_plain(raw: &str) -> bool {
    let mut after_slash = false;
    let mut slashes = 0_usize;
    for &byte in raw.as_bytes() {
        if byte == b'/' {
            if after_slash {
                return false;
            }
            slashes += 1;
            after_slash = true;
        } else {
            if !is_path_byte(byte) || (after_slash && byte == b'.') {
                return false;
            }
            after_slash = false;
        }
    }
    slashes <= PATH_SEGMENTS_MAX
}

/// Refuses what must be refused; tells whether the path is canonical already.
fn check(raw: &str) -> Result<bool, PathError> {
    let bytes = raw.as_bytes();
    if memchr::memchr_iter(b'/', bytes).count() > PATH_SEGMENTS_MAX {
        return Err(PathError::TooManySegments);
    }
    let mut canonical = true;
    let mut at = 0;
    // How many of the last decoded characters may be the start of a second encoding.
    let mut second_encoding = 0;
    while at < bytes.len() {
        let unit = decode_unit(raw, at)?;
        second_encoding = match (second_encoding, unit.bytes()) {
            (1, [byte]) if byte.is_ascii_hexdigit() => 2,
            (2, [byte]) if byte.is_ascii_hexdigit() => return Err(PathError::DoubleEncoding),
            (_, b"%") => 1,
            _ => 0,
        };
        canonical = canonical && is_canonical_unit(&bytes[at..at + unit.taken], unit.bytes());
        at += unit.taken;
    }
    for segment in raw[1..].split('/') {
        match segment {
            "." | ".." => canonical = false,
            "" => {}
            _ => refuse_dot_parameter(segment)?,
        }
    }
    Ok(canonical && memchr::memmem::find(bytes, b"//").is_none())
}

/// Tomcat and Jetty cut `;…` off a segment before they resolve `..`.
fn refuse_dot_parameter(segment: &str) -> Result<(), PathError> {
    let rest = segment
        .strip_prefix("..")
        .or_else(|| segment.strip_prefix('.'))
        .unwrap_or("");
    let semicolon =
        rest.starts_with(';') || rest.get(..3).is_some_and(|s| s.eq_ignore_ascii_case("%3b"));
    if semicolon {
        Err(PathError::DotSegmentParameter)
    } else {
        Ok(())
    }
}

/// Resolves segments from the left; `check` has passed before.
fn rewrite(raw: &str) -> Result<String, PathError> {
    let mut out = String::with_capacity(raw.len());
    let mut directory = false;
    for segment in raw[1..].split('/') {
        directory = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => match out.rfind('/') {
                Some(parent) => out.truncate(parent),
                None => return Err(PathError::AboveRoot),
            },
            _ => {
                out.push('/');
                push_segment(&mut out, segment)?;
            }
        }
    }
    if directory {
        out.push('/');
    }
    Ok(out)
}

fn push_segment(out: &mut String, segment: &str) -> Result<(), PathError> {
    let mut at = 0;
    while at < segment.len() {
        let unit = decode_unit(segment, at)?;
        let encoded = segment.as_bytes()[at] == b'%';
        for &byte in unit.bytes() {
            if is_unreserved(byte) || (!encoded && is_path_byte(byte)) {
                out.push(char::from(byte));
            } else {
                push_encoded(out, byte);
            }
        }
        at += unit.taken;
    }
    Ok(())
}

/// Whether a character is written as the canonical form writes it.
fn is_canonical_unit(written: &[u8], decoded: &[u8]) -> bool {
    if written[0] == b'%' {
        let upper = !written.iter().any(u8::is_ascii_lowercase);
        upper && !decoded.iter().all(|&byte| is_unreserved(byte))
    } else {
        written[0] == b'/' || is_path_byte(written[0])
    }
}

#[cfg(test)]
mod tests;
