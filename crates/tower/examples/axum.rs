//! A service of axum behind the engine: `cargo run -p tollgate-tower --features axum --example axum`.
//!
//! `curl -i http://127.0.0.1:8000/hello` a few times: the third within a second is refused.

use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum::routing::get;
use tollgate_engine::limiter::SystemClock;
use tollgate_engine::policy::Policy;
use tollgate_engine::{Engine, EngineOptions};
use tollgate_tower::{Caller, TollgateLayer};
use tower::Layer;

const POLICY: &str = "
tollgate: 1
origin: http://127.0.0.1:8000
identity: {anonymous: {plan: anonymous}}
routes: [GET /hello]
plans:
  anonymous: {limits: [{name: burst, rate: 1/s, burst: 2, per: network}]}
";

async fn hello(caller: Caller) -> String {
    let plan = caller.plan().unwrap_or("none");
    format!("hello on {}, with the plan {plan}\n", caller.route())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::parse("tollgate.yaml", POLICY, Path::new("."))?;
    let options = EngineOptions {
        threads: 1,
        ..EngineOptions::default()
    };
    let engine = Engine::new(policy, options)?;
    let router = Router::new().route("/hello", get(hello));
    // Around the whole router, which so sees the path that was classified.
    let behind = TollgateLayer::new(engine, SystemClock::new()).layer(router);
    let app = Router::new().fallback_service(behind);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 8000)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
