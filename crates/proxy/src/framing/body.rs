//! Where a request body ends: by length, or by chunks and their trailer section.

use super::head::{Framing, is_token};
use super::refusal::Refusal;

/// Hex digits of a chunk size: up to 2^60 bytes, far from overflow.
const CHUNK_DIGITS_MAX: u8 = 15;
/// Bytes of chunk extensions in one size line; nobody uses them, everybody must skip them.
const CHUNK_EXTENSION_MAX: u16 = 256;
/// Bytes of the trailer section.
const TRAILER_BYTES_MAX: u32 = 8 * 1024;

/// Follows one body over any split of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodyFollower {
    state: State,
    /// Bytes of the trailer section so far.
    trailer_bytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    Size { value: u64, digits: u8 },
    Extension { value: u64, bytes: u16 },
    SizeLf { value: u64 },
    Data(u64),
    DataCr,
    DataLf,
    TrailerLine,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

/// How far a body has been followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    /// The body ended after so many bytes.
    Ended(usize),
    /// All the bytes belong to the body and it goes on.
    GoesOn,
    /// The byte at this offset is malformed; those before it are good.
    Malformed(usize, Refusal),
}

impl BodyFollower {
    /// A follower for the body that `framing` announces; `None` if there is no body.
    pub(crate) fn new(framing: Framing) -> Option<BodyFollower> {
        let state = match framing {
            Framing::None => return None,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size {
                value: 0,
                digits: 0,
            },
        };
        Some(BodyFollower {
            state,
            trailer_bytes: 0,
        })
    }

    /// Takes the next bytes of the stream.
    pub(crate) fn follow(&mut self, bytes: &[u8]) -> Followed {
        let mut at = 0;
        while at < bytes.len() {
            match self.state {
                State::Length(left) => {
                    let taken = within(left, bytes.len() - at);
                    at += taken;
                    self.state = match left - taken as u64 {
                        0 => State::Done,
                        left => State::Length(left),
                    };
                }
                State::Data(left) => {
                    let taken = within(left, bytes.len() - at);
                    at += taken;
                    self.state = match left - taken as u64 {
                        0 => State::DataCr,
                        left => State::Data(left),
                    };
                }
                State::Done => return Followed::Ended(at),
                _ => match self.control(bytes[at]) {
                    Ok(state) => {
                        self.state = state;
                        at += 1;
                    }
                    Err(refusal) => return Followed::Malformed(at, refusal),
                },
            }
        }
        if self.state == State::Done {
            Followed::Ended(at)
        } else {
            Followed::GoesOn
        }
    }

    /// The state after one byte of chunk syntax (RFC 9112 section 7.1).
    fn control(&mut self, byte: u8) -> Result<State, Refusal> {
        let state = match (self.state, byte) {
            (State::Size { value, digits }, byte) if byte.is_ascii_hexdigit() => {
                if digits == CHUNK_DIGITS_MAX {
                    return Err(Refusal::Chunk);
                }
                State::Size {
                    value: value << 4 | u64::from(hex(byte)),
                    digits: digits + 1,
                }
            }
            (State::Size { digits: 0, .. }, _) => return Err(Refusal::Chunk),
            (State::Size { value, .. }, b'\r') => State::SizeLf { value },
            (State::Size { value, .. }, b';') => State::Extension { value, bytes: 0 },
            (State::Extension { value, .. }, b'\r') => State::SizeLf { value },
            (State::Extension { value, bytes }, byte) => {
                if is_control(byte) || bytes == CHUNK_EXTENSION_MAX {
                    return Err(Refusal::Chunk);
                }
                State::Extension {
                    value,
                    bytes: bytes + 1,
                }
            }
            (State::SizeLf { value: 0 }, b'\n') => State::TrailerLine,
            (State::SizeLf { value }, b'\n') => State::Data(value),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size {
                value: 0,
                digits: 0,
            },
            (State::Size { .. } | State::SizeLf { .. } | State::DataCr | State::DataLf, _) => {
                return Err(Refusal::Chunk);
            }
            (state, byte) => return self.trailer(state, byte),
        };
        Ok(state)
    }

    /// The state after one byte of the trailer section (RFC 9112 section 7.1.2).
    fn trailer(&mut self, state: State, byte: u8) -> Result<State, Refusal> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > TRAILER_BYTES_MAX {
            return Err(Refusal::Trailer);
        }
        match (state, byte) {
            (State::TrailerLine, b'\r') => Ok(State::EndLf),
            (State::TrailerLine | State::TrailerName, byte) if is_token(byte) => {
                Ok(State::TrailerName)
            }
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, byte) if !is_control(byte) => Ok(State::TrailerValue),
            (State::TrailerLf, b'\n') => Ok(State::TrailerLine),
            (State::EndLf, b'\n') => Ok(State::Done),
            _ => Err(Refusal::Trailer),
        }
    }
}

fn within(left: u64, available: usize) -> usize {
    usize::try_from(left).map_or(available, |left| left.min(available))
}

fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}
