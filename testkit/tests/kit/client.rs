//! A client that shows what came: status, fields, body, trailers, and how many frames it took.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// Whatever kept a whole answer from coming.
pub(crate) type Broken = Box<dyn std::error::Error + Send + Sync>;

/// An answer read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) frames: usize,
}

impl Answer {
    pub(crate) async fn read(response: http::Response<Incoming>) -> Result<Answer, Broken> {
        let (head, mut body) = response.into_parts();
        let (mut bytes, mut trailers, mut frames) = (Vec::new(), None, 0);
        while let Some(frame) = body.frame().await {
            frames += 1;
            match frame?.into_data() {
                Ok(data) => bytes.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: bytes.into(),
            trailers,
            frames,
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// One HTTP/1.1 connection, kept alive.
pub(crate) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Connection {
        Connection::try_open(address).await.unwrap()
    }

    pub(crate) async fn try_open(address: SocketAddr) -> Result<Connection, Broken> {
        let stream = TcpStream::connect(address).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection.with_upgrades());
        Ok(Connection { sender })
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<http::Response<Incoming>, Broken> {
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }

    pub(crate) async fn get(&mut self, target: &str) -> Result<Answer, Broken> {
        let request = Request::get(target)
            .header("host", "origin")
            .body(Full::default())?;
        Answer::read(self.send(request).await?).await
    }
}

/// GET over a connection of its own.
pub(crate) async fn get(url: &str) -> Result<Answer, Broken> {
    let uri: Uri = url.parse()?;
    let address: SocketAddr = uri.authority().unwrap().as_str().parse()?;
    let target = uri.path_and_query().unwrap().as_str();
    Connection::try_open(address).await?.get(target).await
}

/// GET over HTTP/2 without TLS (prior knowledge).
pub(crate) async fn get_h2c(address: SocketAddr, target: &str) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("http://{address}{target}"));
    let response = sender
        .send_request(request.body(Empty::new()).unwrap())
        .await;
    Answer::read(response.unwrap()).await.unwrap()
}
