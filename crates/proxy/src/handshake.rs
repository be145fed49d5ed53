//! One TLS handshake: in time or not at all, and with a refusal that its client gets to read.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::tls::ServerTls;

/// How long a refused client has to read why.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);
/// What is read of it meanwhile: room for a request that it sent already.
const UNREAD_BYTES_MAX: u64 = 64 * 1024;

/// Shakes hands within `limit`.
///
/// # Errors
/// A client that is too slow, or refused: it gets to read why.
pub async fn shake_hands(
    stream: TcpStream,
    tls: &ServerTls,
    limit: Duration,
) -> io::Result<TlsStream<TcpStream>> {
    let accepted = TlsAcceptor::from(tls.config())
        .accept(stream)
        .into_fallible();
    let shaken = tokio::time::timeout(limit, accepted).await;
    match shaken.map_err(|_| io::ErrorKind::TimedOut)? {
        Ok(stream) => Ok(stream),
        Err((error, stream)) => {
            let _ = tokio::time::timeout(LAST_WORDS_MAX, part(stream)).await;
            Err(error)
        }
    }
}

/// Closes our side and waits for the other. In TLS 1.3 a client sends its first request before it
/// can know that its certificate is refused; closing over bytes that nobody read resets the
/// connection, and the alert that says why is lost on the way.
async fn part(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(UNREAD_BYTES_MAX), &mut tokio::io::sink()).await?;
    Ok(())
}
