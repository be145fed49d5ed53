//! Calls of one message each way: a bounded message in, an answer or a status out.
//!
//! tonic's own unary calls answer `OUT_OF_RANGE` to a message that is too large and `INTERNAL` to one
//! that is no message; here both are the caller's fault. The first is said before anything is buffered.
//! The second is for the service to answer: a client of Envoy's can cause it by bytes that are no UTF-8,
//! and an error would let it through.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use http_body::Body;
use http_body_util::BodyExt;
use prost::Message;
use tonic::Status;

use crate::reply::ReplyBody;

/// The largest message of a call: all fields of a request that Envoy takes by default (60 KiB), twice.
pub(crate) const MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// The longest that a call's message may take to come.
const MESSAGE_WAIT_MAX: Duration = Duration::from_secs(5);
/// A flag, and four bytes of length (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX_BYTES: usize = 5;

/// Why there is no message.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The call is none of this method: to be answered with this.
    Call(Status),
    /// One message has come, whole and not too large, and it does not decode.
    Message,
}

/// Reads the message of a call.
///
/// # Errors
/// `RESOURCE_EXHAUSTED` for one that is too large, `INVALID_ARGUMENT` for what is not one message; and one
/// that does not decode.
pub(crate) async fn read<M: Message + Default>(body: impl Body<Data = Bytes>) -> Result<M, Unread> {
    read_up_to(body, MESSAGE_BYTES_MAX).await
}

/// As [`read`], of at most `bytes_max` bytes.
///
/// # Errors
/// As [`read`].
pub(crate) async fn read_up_to<M: Message + Default>(
    body: impl Body<Data = Bytes>,
    bytes_max: usize,
) -> Result<M, Unread> {
    let mut message = pin!(message(body, bytes_max));
    // It is there already, nearly always: no timer then.
    let at_once = poll_fn(|context| Poll::Ready(message.as_mut().poll(context))).await;
    let bytes = match at_once {
        Poll::Ready(bytes) => bytes?,
        Poll::Pending => match tokio::time::timeout(MESSAGE_WAIT_MAX, message).await {
            Ok(bytes) => bytes?,
            Err(_) => {
                let late = Status::deadline_exceeded("the message did not come in time");
                return Err(Unread::Call(late));
            }
        },
    };
    // Why it cannot be read says no more than this, and could hold what was sent.
    M::decode(bytes).map_err(|_| Unread::Message)
}

async fn message(body: impl Body<Data = Bytes>, bytes_max: usize) -> Result<Bytes, Status> {
    let mut body = pin!(body);
    let mut frames = Frames::default();
    loop {
        let so_far = frames.bytes();
        if so_far.len() >= PREFIX_BYTES {
            let whole = PREFIX_BYTES + length(so_far, bytes_max)?;
            if so_far.len() > whole {
                return Err(Status::invalid_argument("more than one message"));
            }
            frames.expect(whole);
        }
        let Some(frame) = body.as_mut().frame().await else {
            break;
        };
        let frame = frame.map_err(|_| Status::cancelled("the call ended early"))?;
        // What is no data is trailers.
        if let Ok(data) = frame.into_data() {
            frames.push(data);
        }
    }
    let mut bytes = frames.into_bytes();
    if bytes.len() < PREFIX_BYTES || bytes.len() - PREFIX_BYTES != length(&bytes, bytes_max)? {
        return Err(Status::invalid_argument("no whole message"));
    }
    bytes.advance(PREFIX_BYTES);
    Ok(bytes)
}

/// What a message's prefix says of its length.
fn length(bytes: &[u8], bytes_max: usize) -> Result<usize, Status> {
    let &[flag, a, b, c, d, ..] = bytes else {
        return Err(Status::invalid_argument("no whole message"));
    };
    if flag != 0 {
        return Err(Status::unimplemented("compressed messages are not taken"));
    }
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if length > bytes_max {
        return Err(Status::resource_exhausted(format!(
            "a message is at most {bytes_max} bytes"
        )));
    }
    Ok(length)
}

/// Frames laid end to end.
#[derive(Debug, Default)]
struct Frames {
    /// The first as it is, which is all there is nearly always.
    first: Bytes,
    /// All of them, once there are several.
    joined: BytesMut,
    /// Bytes that there will be, once that is known.
    whole: usize,
}

// === impl Frames ===

impl Frames {
    fn bytes(&self) -> &[u8] {
        match self.joined.is_empty() {
            true => &self.first,
            false => &self.joined,
        }
    }

    /// There will be so many bytes in all. Room for them is made once, when a second frame comes.
    fn expect(&mut self, whole: usize) {
        self.whole = whole;
    }

    fn push(&mut self, data: Bytes) {
        if self.bytes().is_empty() {
            self.first = data;
            return;
        }
        let first = std::mem::take(&mut self.first);
        let missing = self.whole.saturating_sub(self.joined.len());
        self.joined.reserve(missing.max(first.len() + data.len()));
        self.joined.put(first);
        self.joined.put(data);
    }

    fn into_bytes(self) -> Bytes {
        match self.joined.is_empty() {
            true => self.first,
            false => self.joined.freeze(),
        }
    }
}

// === impl Unread ===

impl From<Status> for Unread {
    fn from(status: Status) -> Self {
        Self::Call(status)
    }
}

/// The answer to a call.
pub(crate) fn answer(outcome: Result<impl Message, Status>) -> Response<ReplyBody> {
    match outcome {
        Ok(message) => {
            let mut response = Response::new(ReplyBody::message(framed(&message)));
            let kind = HeaderValue::from_static("application/grpc");
            response
                .headers_mut()
                .insert(http::header::CONTENT_TYPE, kind);
            response
        }
        Err(status) => refused(&status),
    }
}

/// A status without a message.
pub(crate) fn refused(status: &Status) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::empty());
    let headers: &mut HeaderMap = response.headers_mut();
    let kind = HeaderValue::from_static("application/grpc");
    headers.insert(http::header::CONTENT_TYPE, kind);
    if status.add_header(headers).is_err() {
        headers.insert("grpc-status", HeaderValue::from_static("13"));
    }
    response
}

fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // There is room for all of it.
    let _ = message.encode(&mut bytes);
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_frames_are_laid_into_room_that_is_made_once() {
        let whole = 64 * 1024;
        let mut frames = Frames::default();
        frames.push(Bytes::from_static(b"abcde"));
        frames.expect(whole);
        let mut places = std::collections::HashSet::new();
        for _ in 5..whole {
            frames.push(Bytes::from_static(b"f"));
            places.insert(frames.bytes().as_ptr());
        }
        assert_eq!((places.len(), frames.bytes().len()), (1, whole));
        let bytes = frames.into_bytes();
        assert!(bytes.starts_with(b"abcdef") && bytes.ends_with(b"f"));
        let mut one = Frames::default();
        let data = Bytes::from(vec![1; 9]);
        one.push(Bytes::new());
        one.push(data.clone());
        assert_eq!(
            one.into_bytes().as_ptr(),
            data.as_ptr(),
            "one frame is not copied"
        );
    }
}
