//! `tollgate edge run`: a compiled folder served on loopback until Ctrl-C.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tollgate_aws::waf::simulate::Settings;
use tollgate_edge::waf::simulated;
use tollgate_edge::{Edge, Folder, Options, SpedClock, Summary};
use tollgate_limiter::SystemClock;

use crate::cli::EdgeRunArgs;
use crate::failure::Failure;

pub(crate) fn run(args: &EdgeRunArgs) -> Result<(), Failure> {
    let folder = Folder::read(&args.dir)?;
    let settings = Settings {
        evaluation_interval_ms: millis(args.evaluate_every),
        lag_ms: millis(args.lag),
        ..Settings::default()
    };
    let waf = simulated(&folder, settings)?;
    let clock = SpedClock::new(Arc::new(SystemClock::new()), args.speed)?;
    let options = Options {
        listen: args.listen,
        origin_listen: args.origin_listen,
        origin: args.origin.clone(),
    };
    let origin = folder.manifest.origin.clone();
    let edge = Edge::bind(
        folder,
        waf,
        &options,
        Arc::new(clock),
        Box::new(io::stdout()),
    )?;
    introduce(&edge, args, origin.as_deref());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("start the local edge"))?;
    let summary = runtime.block_on(serve(edge))?;
    anstream::eprintln!("\n{summary}");
    Ok(())
}

/// Serves until SIGINT or SIGTERM.
async fn serve(edge: Edge) -> Result<Summary, Failure> {
    let on = |kind| signal(kind).map_err(Failure::system("listen for signals"));
    let (interrupt, terminate) = (on(SignalKind::interrupt())?, on(SignalKind::terminate())?);
    let stop = CancellationToken::new();
    tokio::spawn(stop_at(interrupt, stop.clone()));
    tokio::spawn(stop_at(terminate, stop.clone()));
    Ok(edge.run(stop).await)
}

async fn stop_at(mut signal: Signal, stop: CancellationToken) {
    signal.recv().await;
    stop.cancel();
}

/// On standard error: standard output is for the requests.
fn introduce(edge: &Edge, args: &EdgeRunArgs, of_policy: Option<&str>) {
    let address = edge.address();
    anstream::eprintln!("cloudfront  http://{address}");
    if let Some(behind) = edge.behind_address() {
        anstream::eprintln!(
            "behind it   http://{behind}   (what comes here went around CloudFront)"
        );
    }
    match (&args.origin, of_policy) {
        (Some(url), _) => anstream::eprintln!("origin      {url}"),
        (None, Some(url)) => {
            anstream::eprintln!("origin      built in   (the policy's: --origin {url})");
        }
        (None, None) => anstream::eprintln!("origin      built in"),
    }
    if args.speed > 1 {
        anstream::eprintln!("time        {} times as fast", args.speed);
    }
    anstream::eprintln!("Ctrl-C ends it, with a summary.");
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
