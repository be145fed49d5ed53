//! The characters of a path, decoded one by one.

use super::PathError;

/// One character of a path, decoded.
#[derive(Clone, Copy)]
pub(super) struct Unit {
    /// Its bytes; only the first `len` count.
    bytes: [u8; 4],
    len: usize,
    /// How many bytes of the input it took.
    pub(super) taken: usize,
}

impl Unit {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

pub(crate) fn push_encoded(out: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 0xf)]));
}

/// The character at `at`: one raw character, one encoded ASCII byte, or a whole encoded UTF-8
/// sequence.
pub(super) fn decode_unit(text: &str, at: usize) -> Result<Unit, PathError> {
    let bytes = text.as_bytes();
    let first = bytes[at];
    if first != b'%' {
        refuse_raw(first)?;
        let len = utf8_length(first).ok_or(PathError::NotUtf8)?;
        let mut unit = Unit {
            bytes: [0; 4],
            len,
            taken: len,
        };
        unit.bytes[..len].copy_from_slice(bytes.get(at..at + len).ok_or(PathError::NotUtf8)?);
        return Ok(unit);
    }
    let lead = decode_byte(bytes, at)?;
    refuse_encoded(lead)?;
    let len = utf8_length(lead).ok_or(PathError::NotUtf8)?;
    let mut unit = Unit {
        bytes: [lead, 0, 0, 0],
        len,
        taken: 3 * len,
    };
    for index in 1..len {
        let next = at + 3 * index;
        if bytes.get(next) != Some(&b'%') {
            return Err(PathError::NotUtf8);
        }
        unit.bytes[index] = decode_byte(bytes, next)?;
    }
    // Refuses overlong forms and surrogates as well.
    match std::str::from_utf8(unit.bytes()) {
        Ok(_) => Ok(unit),
        Err(_) => Err(PathError::NotUtf8),
    }
}

fn decode_byte(bytes: &[u8], at: usize) -> Result<u8, PathError> {
    match bytes.get(at + 1..at + 3) {
        Some(&[high, low]) => match (hex_value(high), hex_value(low)) {
            (Some(high), Some(low)) => Ok(high << 4 | low),
            _ => Err(PathError::MalformedEncoding),
        },
        _ => Err(PathError::MalformedEncoding),
    }
}

pub(crate) fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn refuse_raw(byte: u8) -> Result<(), PathError> {
    match byte {
        b'\\' => Err(PathError::Backslash),
        0..=0x1f | 0x7f => Err(PathError::Control),
        _ => Ok(()),
    }
}

fn refuse_encoded(byte: u8) -> Result<(), PathError> {
    match byte {
        b'/' => Err(PathError::EncodedSlash),
        b'.' => Err(PathError::EncodedDot),
        _ => refuse_raw(byte),
    }
}

fn utf8_length(lead: u8) -> Option<usize> {
    match lead {
        0..=0x7f => Some(1),
        0xc2..=0xdf => Some(2),
        0xe0..=0xef => Some(3),
        0xf0..=0xf4 => Some(4),
        _ => None,
    }
}

/// RFC 3986 section 2.3.
pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `pchar` of RFC 3986 section 3.3, without the percent sign.
pub(crate) fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
        )
}
