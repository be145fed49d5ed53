//! Two questions before the load, by a client of tonic's: whether a contender answers as its table says.

use std::net::SocketAddr;
use std::time::Duration;

use envoy_types::pb::envoy::service::ratelimit::v3::RateLimitRequest;
use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_response::Code;
use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_service_client::RateLimitServiceClient;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::body::Body;
use tower::service_fn;

use super::Questions;
use crate::load::PATHS;

/// Longest wait for the answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// What it answers where it should answer otherwise: OK within the limits, and OVER_LIMIT beyond.
pub(crate) fn answers_otherwise(address: SocketAddr, questions: Questions) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let asked = async {
        let asked = tokio::time::timeout(PATIENCE, ask(address, questions)).await;
        asked.unwrap_or_else(|_| Err("does not answer in time".to_owned()))
    };
    match runtime {
        Ok(runtime) => runtime.block_on(asked).err(),
        Err(error) => Some(format!("cannot be asked: {error}")),
    }
}

async fn ask(address: SocketAddr, questions: Questions) -> Result<(), String> {
    let expected = [
        (questions.about("prober", PATHS[0]), Code::Ok),
        (questions.about_spent(), Code::Ok),
        (questions.about_spent(), Code::OverLimit),
    ];
    for (question, expected) in expected {
        let code = code(address, question).await?;
        if code != i32::from(expected) {
            return Err(format!("answers {code} instead of {}", i32::from(expected)));
        }
    }
    Ok(())
}

/// The code of an answer with the gRPC status 0; any other status is an error.
async fn code(address: SocketAddr, question: RateLimitRequest) -> Result<i32, String> {
    let stream = TcpStream::connect(address).await.map_err(told)?;
    let connected = http2::handshake::<_, _, Body>(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = connected.await.map_err(told)?;
    tokio::spawn(connection);
    let origin = format!("http://{address}").parse().map_err(told)?;
    let service = service_fn(move |request: http::Request<Body>| {
        let mut sender = sender.clone();
        async move { sender.send_request(request).await }
    });
    let mut client = RateLimitServiceClient::with_origin(service, origin);
    let answer = client.should_rate_limit(question).await.map_err(told)?;
    Ok(answer.into_inner().overall_code)
}

fn told(error: impl std::fmt::Display) -> String {
    format!("cannot be asked: {error}")
}
