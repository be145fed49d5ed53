//! The floor: a hyper proxy that decides nothing, one thread, one pool. What the gateway adds is on top of this.

use std::net::SocketAddr;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::error::BenchError;

type Pool = Client<HttpConnector, Incoming>;
type Body = BoxBody<Bytes, hyper::Error>;

/// Serves until it is ended.
///
/// # Errors
/// When the address cannot be bound.
pub(crate) fn serve(listen: SocketAddr, origin: SocketAddr) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::Bare)?;
    runtime
        .block_on(accept(listen, origin))
        .map_err(BenchError::Bare)
}

async fn accept(listen: SocketAddr, origin: SocketAddr) -> std::io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let pool: Pool = Client::builder(TokioExecutor::new()).build(connector);
    let authority = Authority::try_from(origin.to_string()).map_err(std::io::Error::other)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (pool, authority) = (pool.clone(), authority.clone());
        tokio::spawn(async move {
            let service =
                service_fn(move |request| forward(pool.clone(), authority.clone(), request));
            // An error here is a client that left.
            let _ended = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn forward(
    pool: Pool,
    authority: Authority,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    let mut target = std::mem::take(request.uri_mut()).into_parts();
    target.scheme = Some(Scheme::HTTP);
    target.authority = Some(authority);
    target
        .path_and_query
        .get_or_insert(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(target).unwrap_or_default();
    Ok(match pool.request(request).await {
        Ok(response) => response.map(BodyExt::boxed),
        Err(_) => {
            let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    })
}
