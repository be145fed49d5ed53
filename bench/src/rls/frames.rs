//! As much of HTTP/2 (RFC 9113) as a client needs that knows its requests beforehand.
//!
//! The first request of a connection puts its fields into the server's table (RFC 7541), the others name them
//! there, as Envoy's do. Fields of answers are not decoded, and none of the client's own table is used.

/// A frame's head: three bytes of length, type, flags, four of its stream.
const HEAD_BYTES: usize = 9;
/// What a connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A connection's window at its start, for either side.
pub(super) const WINDOW_BYTES: u32 = 65_535;
/// The largest window there can be.
const WINDOW_BYTES_MAX: u32 = (1 << 31) - 1;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// Of DATA and HEADERS.
const END_STREAM: u8 = 1;
/// Of SETTINGS and PING.
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// SETTINGS_HEADER_TABLE_SIZE, SETTINGS_ENABLE_PUSH.
const NONE_OF_TABLE_AND_PUSH: [u8; 12] = [0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0];

/// A call's path.
const PATH: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";

/// A frame that was received.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) stream: u32,
    pub(super) ends_stream: bool,
    pub(super) content: Content<'a>,
}

/// What is in it, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    Data(&'a [u8]),
    /// Settings that want to be acknowledged.
    Settings,
    /// One that wants an answer.
    Ping(&'a [u8]),
    Window(u32),
    /// The stream has failed.
    Reset,
    GoAway,
    Other,
}

/// The first frame of these bytes and its length; `None` if it is not all there.
pub(super) fn read(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let &[a, b, c, kind, flags, d, e, f, g] = bytes.first_chunk::<HEAD_BYTES>()?;
    let length = HEAD_BYTES + usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
    let payload = bytes.get(HEAD_BYTES..length)?;
    let content = match kind {
        DATA => Content::Data(payload),
        SETTINGS if flags & ACK == 0 => Content::Settings,
        PING if flags & ACK == 0 => Content::Ping(payload),
        WINDOW_UPDATE => {
            Content::Window(payload.first_chunk().map_or(0, |n| u32::from_be_bytes(*n)))
        }
        RST_STREAM => Content::Reset,
        GOAWAY => Content::GoAway,
        _ => Content::Other,
    };
    let frame = Frame {
        stream: u32::from_be_bytes([d, e, f, g]),
        ends_stream: matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0,
        content,
    };
    Some((frame, length))
}

/// What a client begins with: a window that never gets in the way, if it is renewed.
pub(super) fn begin(out: &mut Vec<u8>) {
    out.extend(PREFACE);
    head(out, NONE_OF_TABLE_AND_PUSH.len(), SETTINGS, 0, 0);
    out.extend(NONE_OF_TABLE_AND_PUSH);
    renew_window(out, WINDOW_BYTES_MAX - WINDOW_BYTES);
}

/// A call: its fields and its message.
pub(super) fn call(out: &mut Vec<u8>, stream: u32, authority: &str, message: &[u8]) {
    let fields = match stream {
        1 => first_fields(authority),
        // Entries of the dynamic table, the newest of which is 62: path, authority, content-type, te.
        _ => vec![0x83, 0x86, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62],
    };
    head(out, fields.len(), HEADERS, END_HEADERS, stream);
    out.extend(fields);
    head(out, message.len(), DATA, END_STREAM, stream);
    out.extend(message);
}

/// `:method: POST` and `:scheme: http` of the static table, and four that are put into the dynamic one.
fn first_fields(authority: &str) -> Vec<u8> {
    let mut fields = vec![0x83, 0x86];
    for (name, value) in [
        (0x40 | 4, PATH),
        (0x40 | 1, authority),
        (0x40 | 31, "application/grpc"),
    ] {
        fields.push(name);
        text(&mut fields, value);
    }
    fields.push(0x40);
    text(&mut fields, "te");
    text(&mut fields, "trailers");
    fields
}

/// A text as it is; shorter than what needs a second byte of length.
fn text(fields: &mut Vec<u8>, text: &str) {
    fields.push(u8::try_from(text.len()).map_or(0, |length| length & 0x7f));
    fields.extend(text.as_bytes());
}

pub(super) fn acknowledge_settings(out: &mut Vec<u8>) {
    head(out, 0, SETTINGS, ACK, 0);
}

pub(super) fn answer_ping(out: &mut Vec<u8>, payload: &[u8]) {
    head(out, payload.len(), PING, ACK, 0);
    out.extend(payload);
}

/// Lets the server send so many bytes more on the connection.
pub(super) fn renew_window(out: &mut Vec<u8>, bytes: u32) {
    head(out, 4, WINDOW_UPDATE, 0, 0);
    out.extend(bytes.to_be_bytes());
}

fn head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    out.extend(&length[1..]);
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_one_by_one() {
        let mut bytes = Vec::new();
        call(&mut bytes, 3, "127.0.0.1:1", b"abc");
        let (fields, length) = read(&bytes).unwrap();
        assert_eq!((fields.stream, fields.ends_stream), (3, false));
        let (data, rest) = read(&bytes[length..]).unwrap();
        assert!(data.ends_stream);
        assert_eq!(data.content, Content::Data(b"abc"));
        assert_eq!(length + rest, bytes.len());
        assert_eq!(read(&bytes[length..bytes.len() - 1]), None);
        assert_eq!(read(&bytes[..8]), None);
    }

    #[test]
    fn what_wants_an_answer_is_told_from_an_answer() {
        let mut bytes = Vec::new();
        answer_ping(&mut bytes, &[1; 8]);
        assert_eq!(read(&bytes).unwrap().0.content, Content::Other);
        bytes[4] = 0;
        assert_eq!(read(&bytes).unwrap().0.content, Content::Ping(&[1; 8]));
        bytes.clear();
        renew_window(&mut bytes, 7);
        assert_eq!(read(&bytes).unwrap().0.content, Content::Window(7));
    }
}
