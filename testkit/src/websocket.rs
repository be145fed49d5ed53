//! As much of the WebSocket protocol (RFC 6455) as an echo and its test need.

use std::io;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::BASE64;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest payload of one frame; a longer one ends the conversation.
pub const FRAME_BYTES_MAX: u64 = 1024 * 1024;
/// The constant that RFC 6455 section 1.3 appends to the client's key.
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The opcodes of RFC 6455 section 5.2, as sent.
pub mod opcode {
    /// A further part of a fragmented message.
    pub const CONTINUATION: u8 = 0x0;
    /// UTF-8 text.
    pub const TEXT: u8 = 0x1;
    /// Bytes.
    pub const BINARY: u8 = 0x2;
    /// The end of the conversation.
    pub const CLOSE: u8 = 0x8;
    /// Asks for a pong with the same payload.
    pub const PING: u8 = 0x9;
    /// Answers a ping.
    pub const PONG: u8 = 0xa;
}

/// One frame, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether the message ends with it.
    pub last: bool,
    /// One of [`opcode`].
    pub opcode: u8,
    /// What it carries.
    pub payload: Vec<u8>,
    /// The masking key that it came with, or is to be sent with; a client must mask.
    pub mask: Option<[u8; 4]>,
}

impl Frame {
    /// A whole message in one frame.
    #[must_use]
    pub fn message(opcode: u8, payload: impl Into<Vec<u8>>, mask: Option<[u8; 4]>) -> Frame {
        Frame {
            last: true,
            opcode,
            payload: payload.into(),
            mask,
        }
    }
}

/// The value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
#[must_use]
pub fn accept_key(key: &str) -> String {
    let text = format!("{key}{KEY_SUFFIX}");
    BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref())
}

/// Reads one frame; `None` at a clean end between frames.
///
/// # Errors
/// An I/O error, an end within a frame, or a payload over [`FRAME_BYTES_MAX`].
pub async fn read_frame<R: AsyncRead + Unpin>(from: &mut R) -> io::Result<Option<Frame>> {
    let mut head = [0; 2];
    if from.read(&mut head[..1]).await? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut head[1..]).await?;
    let length = match head[1] & 0x7f {
        126 => u64::from(from.read_u16().await?),
        127 => from.read_u64().await?,
        short => u64::from(short),
    };
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame too long"));
    }
    let mut mask = None;
    if head[1] & 0x80 != 0 {
        let mut key = [0; 4];
        from.read_exact(&mut key).await?;
        mask = Some(key);
    }
    let mut payload = vec![0; usize::try_from(length).unwrap_or(0)];
    from.read_exact(&mut payload).await?;
    apply_mask(&mut payload, mask);
    Ok(Some(Frame {
        last: head[0] & 0x80 != 0,
        opcode: head[0] & 0x0f,
        payload,
        mask,
    }))
}

/// Writes one frame, masked if it says so, and flushes.
///
/// # Errors
/// The I/O error.
pub async fn write_frame<W: AsyncWrite + Unpin>(to: &mut W, frame: &Frame) -> io::Result<()> {
    let masked = if frame.mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![(u8::from(frame.last) << 7) | (frame.opcode & 0x0f)];
    if let Ok(short) = u8::try_from(frame.payload.len())
        && short < 126
    {
        bytes.push(masked | short);
    } else if let Ok(medium) = u16::try_from(frame.payload.len()) {
        bytes.push(masked | 126);
        bytes.extend(medium.to_be_bytes());
    } else {
        bytes.push(masked | 127);
        bytes.extend((frame.payload.len() as u64).to_be_bytes());
    }
    bytes.extend(
        frame
            .mask
            .unwrap_or_default()
            .iter()
            .take(4 * usize::from(masked != 0)),
    );
    let start = bytes.len();
    bytes.extend(&frame.payload);
    apply_mask(&mut bytes[start..], frame.mask);
    to.write_all(&bytes).await?;
    to.flush().await
}

/// Sends every message back as it came, answers pings, and ends when the peer closes.
///
/// # Errors
/// What [`read_frame`] and [`write_frame`] give; an unmasked client frame (RFC 6455 section 5.1).
pub async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> io::Result<()> {
    while let Some(mut frame) = read_frame(&mut stream).await? {
        if frame.mask.take().is_none() {
            let refusal = 1002_u16.to_be_bytes();
            write_frame(&mut stream, &Frame::message(opcode::CLOSE, refusal, None)).await?;
            return stream.shutdown().await;
        }
        if frame.opcode == opcode::PING {
            frame.opcode = opcode::PONG;
        } else if frame.opcode == opcode::PONG {
            continue;
        }
        write_frame(&mut stream, &frame).await?;
        if frame.opcode == opcode::CLOSE {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

fn apply_mask(payload: &mut [u8], mask: Option<[u8; 4]>) {
    let Some(mask) = mask else { return };
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_key_is_that_of_the_rfcs_example() {
        assert_eq!(
            accept_key("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[tokio::test]
    async fn frames_of_every_length_class_survive_the_wire() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let sent = Frame::message(opcode::BINARY, vec![7; length], Some([1, 2, 3, 4]));
            let mut wire = Vec::new();
            write_frame(&mut wire, &sent).await.unwrap();
            let read = read_frame(&mut wire.as_slice()).await.unwrap();
            assert_eq!(read, Some(sent), "{length} bytes");
        }
    }

    #[tokio::test]
    async fn a_frame_of_the_rfcs_example_is_read() {
        // RFC 6455 section 5.7: a masked "Hello".
        let wire = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        let frame = read_frame(&mut wire.as_slice()).await.unwrap().unwrap();
        assert_eq!(frame.payload, b"Hello");
        assert_eq!(frame.opcode, opcode::TEXT);
    }

    #[tokio::test]
    async fn an_oversize_frame_is_refused_before_it_is_read() {
        let mut wire = vec![0x82, 127];
        wire.extend((FRAME_BYTES_MAX + 1).to_be_bytes());
        assert!(read_frame(&mut wire.as_slice()).await.is_err());
    }
}
