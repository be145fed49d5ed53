//! Judging one complete HTTP/1.x request head.

use memchr::memchr;

use super::refusal::Refusal;

/// How long a head may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// Bytes from the request line's first to the blank line's last.
    pub(crate) bytes_max: usize,
    /// Header fields.
    pub(crate) fields_max: usize,
}

/// What follows the head on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body: neither a length nor chunked (RFC 9112 section 6.3, rule 7).
    None,
    /// A body of that many bytes.
    Length(u64),
    /// A chunked body.
    Chunked,
}

/// What the gate needs to know of a head that it lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadFacts {
    /// How the body ends.
    pub(crate) framing: Framing,
    /// A bodiless HTTP/1.1 GET that asks for another protocol: what follows the head may be
    /// no HTTP at all, so the gate holds it back until the answer is known.
    pub(crate) upgrade: bool,
}

/// The outcome of looking for a head's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    /// The head is the first so many bytes.
    Complete(usize),
    /// More bytes are needed; `usize` of them need not be looked at again.
    Partial(usize),
    /// Refused whatever follows.
    Refused(Refusal),
}

/// Looks for the end of the head that starts at `bytes[0]`; `from` is what the last
/// [`Scan::Partial`] said for the same head.
///
/// The answer depends on the bytes alone, never on how they were split: only the first
/// `bytes_max` are considered, and the first offending line end decides.
pub(crate) fn scan(bytes: &[u8], from: usize, limits: HeadLimits) -> Scan {
    let window = &bytes[..bytes.len().min(limits.bytes_max)];
    let mut line_start = from;
    while let Some(offset) = memchr(b'\n', &window[line_start..]) {
        let lf = line_start + offset;
        if lf == 0 || window[lf - 1] != b'\r' {
            // A blank first line is told apart from a bare LF within the head.
            return Scan::Refused(if lf == 0 {
                Refusal::LeadingWhitespace
            } else {
                Refusal::BareLf
            });
        }
        if lf == line_start + 1 {
            return if line_start == 0 {
                Scan::Refused(Refusal::LeadingWhitespace)
            } else {
                Scan::Complete(lf + 1)
            };
        }
        line_start = lf + 1;
    }
    if window.len() == limits.bytes_max {
        Scan::Refused(Refusal::HeadTooLong)
    } else {
        Scan::Partial(line_start)
    }
}

/// Judges a head that [`scan`] called complete; `head` ends with the blank line.
pub(crate) fn judge(head: &[u8], limits: HeadLimits) -> Result<HeadFacts, Refusal> {
    let (request_line, mut rest) = split_line(head).ok_or(Refusal::RequestLine)?;
    let line = judge_request_line(request_line)?;
    let mut fields = Fields::default();
    let mut count = 0_usize;
    while let Some((field, after)) = split_line(rest) {
        if field.is_empty() {
            break;
        }
        count += 1;
        if count > limits.fields_max {
            return Err(Refusal::TooManyFields);
        }
        fields.take(field)?;
        rest = after;
    }
    fields.conclude(line)
}

/// The first line without its CRLF, and what follows it.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let lf = memchr(b'\n', bytes)?;
    Some((&bytes[..lf.saturating_sub(1)], &bytes[lf + 1..]))
}

#[derive(Clone, Copy)]
struct RequestLine {
    http_11: bool,
    get: bool,
}

fn judge_request_line(line: &[u8]) -> Result<RequestLine, Refusal> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Refusal::LeadingWhitespace);
    }
    check_text(line)?;
    let method_end = memchr(b' ', line).ok_or(Refusal::RequestLine)?;
    let (method, rest) = (&line[..method_end], &line[method_end + 1..]);
    if method.is_empty() || !method.iter().all(|&byte| is_token(byte)) {
        return Err(Refusal::Method);
    }
    let target_end = memchr(b' ', rest).ok_or(Refusal::RequestLine)?;
    let (target, version) = (&rest[..target_end], &rest[target_end + 1..]);
    let http_11 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        other if is_some_version(other) => return Err(Refusal::Version),
        _ => return Err(Refusal::RequestLine),
    };
    if method == b"CONNECT" {
        return Err(Refusal::Connect);
    }
    check_target(method, target)?;
    Ok(RequestLine {
        http_11,
        get: method == b"GET",
    })
}

/// `HTTP/` digit `.` digit: a version, though none of ours.
fn is_some_version(bytes: &[u8]) -> bool {
    matches!(bytes, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// Origin-form, absolute-form over HTTP, or `*` for OPTIONS (RFC 9112 section 3.2).
fn check_target(method: &[u8], target: &[u8]) -> Result<(), Refusal> {
    // `#` never belongs in a request target: a fragment is the client's own.
    if target
        .iter()
        .any(|&byte| !(0x21..=0x7e).contains(&byte) || byte == b'#')
    {
        return Err(Refusal::Target);
    }
    match target.first() {
        Some(b'/') => Ok(()),
        Some(b'*') if target.len() == 1 && method == b"OPTIONS" => Ok(()),
        Some(_) if has_http_scheme(target) => Ok(()),
        _ => Err(Refusal::Target),
    }
}

fn has_http_scheme(target: &[u8]) -> bool {
    let starts = |scheme: &[u8]| {
        target
            .get(..scheme.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    };
    starts(b"http://") || starts(b"https://")
}

/// The framing fields seen so far.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    chunked: bool,
    encodings: u32,
    hosts: u32,
    upgrade: bool,
    connection_upgrade: bool,
}

impl Fields {
    fn take(&mut self, line: &[u8]) -> Result<(), Refusal> {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(Refusal::Folded);
        }
        let colon = memchr(b':', line).ok_or(Refusal::FieldName)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
            return Err(Refusal::FieldName);
        }
        check_text(value)?;
        // Lengths first: most fields of most requests end here.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.hosts += 1,
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.connection_upgrade |= value
                    .split(|&byte| byte == b',')
                    .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"));
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                if self.length.is_some() {
                    return Err(Refusal::ContentLengthRepeated);
                }
                self.length = Some(decimal(trim(value)).ok_or(Refusal::ContentLength)?);
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.encodings += 1;
                self.chunked = trim(value).eq_ignore_ascii_case(b"chunked");
                if !self.chunked || self.encodings > 1 {
                    return Err(Refusal::TransferEncoding);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn conclude(&self, line: RequestLine) -> Result<HeadFacts, Refusal> {
        match self.hosts {
            0 if line.http_11 => return Err(Refusal::HostMissing),
            0 | 1 => {}
            _ => return Err(Refusal::HostRepeated),
        }
        let framing = match (self.length, self.chunked) {
            (Some(_), true) => return Err(Refusal::LengthAndChunked),
            (None, true) if !line.http_11 => return Err(Refusal::TransferEncodingVersion),
            (None, true) => Framing::Chunked,
            (Some(0) | None, false) => Framing::None,
            (Some(length), false) => Framing::Length(length),
        };
        Ok(HeadFacts {
            framing,
            upgrade: line.http_11
                && line.get
                && self.upgrade
                && self.connection_upgrade
                && framing == Framing::None,
        })
    }
}

/// Refuses control bytes; CR has its own name because it is how lines are smuggled.
fn check_text(bytes: &[u8]) -> Result<(), Refusal> {
    // One pass without a branch per byte, so that the compiler can use wide registers.
    let bad = bytes.iter().fold(false, |bad, &byte| {
        bad | ((byte < 0x20) & (byte != b'\t')) | (byte == 0x7f)
    });
    if !bad {
        return Ok(());
    }
    Err(if memchr(b'\r', bytes).is_some() {
        Refusal::BareCr
    } else {
        Refusal::ControlByte
    })
}

/// Without optional whitespace: SP and HTAB only (RFC 9110 section 5.6.3).
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// A decimal number of at most 18 digits: no sign, no list, no overflow.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        digits
            .iter()
            .fold(0, |number, &digit| number * 10 + u64::from(digit - b'0')),
    )
}

/// Whether `byte` may stand in a token (RFC 9110 section 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = matches!(byte,
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z'
            | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.'
            | b'^' | b'_' | b'`' | b'|' | b'~');
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};
