//! A receiver of webhooks: answers as it is told, and keeps what it got.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What it does with a request.
#[derive(Clone)]
pub(crate) enum Answer {
    Status(u16),
    With(u16, &'static str, String),
    /// None, for as long as it is not told to.
    Hang(Arc<Notify>),
    /// 200 and a body without an end.
    Endless,
}

/// One request.
#[derive(Clone)]
pub(crate) struct Got {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A server on loopback, on the runtime of the test.
pub(crate) struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    got: Mutex<Vec<Got>>,
    answer: Mutex<Answer>,
    arrived: Notify,
}

impl Receiver {
    pub(crate) async fn start(answer: Answer) -> Receiver {
        Self::start_with(answer, None).await
    }

    /// With a certificate and its key.
    pub(crate) async fn start_with_tls(answer: Answer, pem: &(String, String)) -> Receiver {
        let certificate = CertificateDer::from_pem_slice(pem.0.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(pem.1.as_bytes()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self::start_with(answer, Some(Arc::new(config).into())).await
    }

    async fn start_with(answer: Answer, tls: Option<TlsAcceptor>) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            got: Mutex::default(),
            answer: Mutex::new(answer),
            arrived: Notify::new(),
        });
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, tls) = (shared.clone(), tls.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| answered(state.clone(), request));
                    let server = auto::Builder::new(TokioExecutor::new());
                    // Errors are clients that went away, or that do not like the certificate.
                    if let Some(tls) = tls {
                        let Ok(stream) = tls.accept(stream).await else {
                            return;
                        };
                        let _ended = server.serve_connection(TokioIo::new(stream), service).await;
                    } else {
                        let _ended = server.serve_connection(TokioIo::new(stream), service).await;
                    }
                });
            }
        });
        Receiver { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?token=of-the-url", self.address)
    }

    pub(crate) fn https_url(&self) -> String {
        format!("https://{}/hook", self.address)
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self.state.answer.lock().unwrap() = answer;
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.state.got.lock().unwrap().clone()
    }

    /// Until the next request is here.
    pub(crate) async fn arrived(&self) {
        self.state.arrived.notified().await;
    }
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

async fn answered(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    state.got.lock().unwrap().push(Got {
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    state.arrived.notify_one();
    let answer = state.answer.lock().unwrap().clone();
    let empty = Full::new(Bytes::new()).boxed_unsync();
    let response = Response::builder();
    let response = match answer {
        Answer::Status(status) => response.status(status).body(empty),
        Answer::With(status, name, value) => {
            response.status(status).header(name, value).body(empty)
        }
        Answer::Hang(until) => {
            until.notified().await;
            response.status(StatusCode::NO_CONTENT).body(empty)
        }
        Answer::Endless => response.body(endless()),
    };
    Ok(response.unwrap())
}

fn endless() -> Body {
    let frames =
        futures_util::stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[b'x'; 1_024]))));
    StreamBody::new(frames).boxed_unsync()
}
