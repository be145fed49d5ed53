//! Opening a connection to one endpoint, TLS included.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::origin::OriginEndpoint;

/// A connection to an endpoint.
#[derive(Debug)]
pub(crate) enum OriginIo {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Opens a connection within `limit`: name, TCP and TLS together.
pub(crate) async fn connect(endpoint: &OriginEndpoint, limit: Duration) -> io::Result<OriginIo> {
    let opened = tokio::time::timeout(limit, open(endpoint)).await;
    opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn open(endpoint: &OriginEndpoint) -> io::Result<OriginIo> {
    let stream = TcpStream::connect((endpoint.host(), endpoint.port())).await?;
    // Requests are written whole; waiting to fill a segment only adds latency.
    stream.set_nodelay(true)?;
    let Some(tls) = &endpoint.tls else {
        return Ok(OriginIo::Plain(stream));
    };
    let connector = TlsConnector::from(Arc::clone(&tls.config));
    let stream = connector.connect(tls.name.clone(), stream).await?;
    Ok(OriginIo::Tls(Box::new(stream)))
}

impl AsyncRead for OriginIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            OriginIo::Plain(io) => Pin::new(io).poll_read(cx, buffer),
            OriginIo::Tls(io) => Pin::new(io).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for OriginIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            OriginIo::Plain(io) => Pin::new(io).poll_write(cx, bytes),
            OriginIo::Tls(io) => Pin::new(io).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            OriginIo::Plain(io) => Pin::new(io).poll_write_vectored(cx, slices),
            OriginIo::Tls(io) => Pin::new(io).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            OriginIo::Plain(io) => io.is_write_vectored(),
            OriginIo::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            OriginIo::Plain(io) => Pin::new(io).poll_flush(cx),
            OriginIo::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            OriginIo::Plain(io) => Pin::new(io).poll_shutdown(cx),
            OriginIo::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}
