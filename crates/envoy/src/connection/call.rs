//! One call: its message in, its answer out.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::Response;
use http_body::{Body, Frame};
use tonic::Status;

use crate::reply::ReplyBody;
use crate::services::{Call, Peer, Services};

/// A call's message, as it comes.
pub(super) struct Upload(pub(super) RecvStream);

/// Answers a call, unless whoever asked gives up. Dropped before its end, the call is reset.
pub(super) async fn answer(
    call: Call<Upload>,
    mut reply: SendResponse<Bytes>,
    services: &Services,
    peer: Peer,
) {
    let response = {
        let mut response = pin!(services.answer(call, peer));
        poll_fn(|context| match response.as_mut().poll(context) {
            Poll::Ready(response) => Poll::Ready(Some(response)),
            Poll::Pending => reply.poll_reset(context).map(|_| None),
        })
        .await
    };
    if let Some(response) = response {
        // An error here is a call that was given up.
        let _given_up = send(response, &mut reply).await;
    }
}

async fn send(
    response: Response<ReplyBody>,
    reply: &mut SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let (head, body) = response.into_parts();
    let head = Response::from_parts(head, ());
    let mut stream = reply.send_response(head, body.is_end_stream())?;
    match body.into_message() {
        Ok(message) => {
            // Kept where the other end has no room for it yet: it is small, and calls are bounded.
            stream.send_data(message, false)?;
            stream.send_trailers(ReplyBody::trailers())
        }
        Err(body) if body.is_end_stream() => Ok(()),
        Err(body) => pipe(body, &mut stream).await,
    }
}

/// Sends what a stream gives, as fast as it is taken.
async fn pipe(body: ReplyBody, stream: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    let mut body = pin!(body);
    loop {
        let frame = poll_fn(|context| {
            // First: what reads from a stream that was reset would take that for an error.
            if let Poll::Ready(reset) = stream.poll_reset(context) {
                return Poll::Ready(Err(reset.map_or_else(|error| error, h2::Error::from)));
            }
            body.as_mut().poll_frame(context).map(Ok)
        });
        let frame: Option<Result<_, Status>> = frame.await?;
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
            None => return stream.send_data(Bytes::new(), true),
        };
        match frame.into_data() {
            Ok(data) => {
                room(stream).await?;
                stream.send_data(data, false)?;
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                return stream.send_trailers(trailers);
            }
        }
    }
}

/// Waits until the other end takes data; what is sent then is split as it takes it.
async fn room(stream: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    stream.reserve_capacity(1);
    while stream.capacity() == 0 {
        let more = poll_fn(|context| stream.poll_capacity(context)).await;
        // Without a stream there is nobody to wait for.
        more.ok_or(Reason::CANCEL)??;
    }
    Ok(())
}

// === impl Upload ===

impl Body for Upload {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let frame = match ready!(self.0.poll_data(context)) {
            Some(Ok(data)) => {
                // It is read, so as much may come again. Without a stream there is nobody to tell.
                let _ = self.0.flow_control().release_capacity(data.len());
                Some(Ok(Frame::data(data)))
            }
            Some(Err(error)) => Some(Err(error)),
            None => {
                let trailers = ready!(self.0.poll_trailers(context)).transpose();
                trailers.map(|trailers| trailers.map(Frame::trailers))
            }
        };
        // A stream that was reset without an error has ended.
        Poll::Ready(frame.filter(|frame| !is_end(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}

fn is_end(frame: &Result<Frame<Bytes>, h2::Error>) -> bool {
    matches!(frame, Err(error) if error.reason() == Some(Reason::NO_ERROR))
}
