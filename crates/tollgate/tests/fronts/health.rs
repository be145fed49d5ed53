//! Whoever watches the health of the services is told before they end.

use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tollgate_testkit::peers::Signal;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::stage::Stage;

/// A drain without requests is over at once; one that waits for a stream takes 30 s.
const END_MAX: Duration = Duration::from_secs(25);

#[test]
fn sigterm_is_not_serving_first_and_the_end_of_streams_then() {
    let mut stage = Stage::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (gateway, origin) = (stage.grpc(), format!("http://{}", stage.grpc()));
    runtime.block_on(async {
        let mut client = Client::builder(TokioExecutor::new());
        let client = client.http2_only(true).build_http();
        let mut health = HealthClient::with_origin(client, origin.parse().unwrap());
        let service = "envoy.service.ratelimit.v3.RateLimitService".to_owned();
        let request = HealthCheckRequest { service };
        let now = health.check(request.clone()).await.unwrap().into_inner();
        assert_eq!(now.status(), ServingStatus::Serving, "{gateway}");
        let mut watched = health.watch(request).await.unwrap().into_inner();
        let mut next = async || watched.message().await.unwrap();
        assert_eq!(next().await.unwrap().status(), ServingStatus::Serving);
        stage.gateway().signal(Signal::TERM);
        assert_eq!(next().await.unwrap().status(), ServingStatus::NotServing);
        assert!(next().await.is_none(), "nothing comes after it");
    });
    // The client's connection ends with what ran it.
    drop(runtime);
    let ended = stage.gateway().wait_ended(END_MAX);
    assert!(ended.is_some_and(|status| status.success()));
}
