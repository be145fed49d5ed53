//! The layer beside `tower_governor`: nanoseconds a call around a service that is ready, on one thread.
//!
//! Everything is in one process, in turn; what is measured is the call, its answer and their end, not the making
//! of requests. `tower_governor` knows no tokens: its key is a field that a client may write as it likes, or an
//! address.

mod contenders;

use std::time::Instant;

use http::Request;
use tokio::runtime::Runtime;

use self::contenders::{Contender, contenders};
use crate::error::BenchError;

/// Different callers, each with a token and an address.
const KEYS: usize = 1_000;
/// Calls that are timed together: few, so that requests lie in the cache as if they had just been read.
const BATCH: usize = 50;
/// Batches in a round: 500 calls of every caller. A batch that was interrupted is no median.
const BATCHES: usize = 10_000;
/// The prime by which the walk over the callers steps, so that neighbours in memory are none in time.
const STEP: usize = 619;

/// Measures all of them, or `only` those whose name contains one of these words and the service alone, for so
/// many rounds, and puts the figures beside each other, as Markdown.
///
/// # Errors
/// When a layer cannot be made, or refuses what it should let pass.
pub(crate) fn run(rounds: u32, only: &[String]) -> Result<String, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| BenchError::Layers(error.to_string()))?;
    let mut contenders = contenders().map_err(BenchError::Layers)?;
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| name.contains(word));
    let mut place = 0..;
    contenders.retain(|contender| place.next() == Some(0) || wanted(contender.name));
    let mut figures: Vec<Vec<f64>> = vec![Vec::new(); contenders.len()];
    // The first round fills caches and tables.
    for round in 0..=rounds {
        for (contender, figures) in contenders.iter_mut().zip(&mut figures) {
            let ns = measured(contender, &runtime)?;
            if round > 0 {
                figures.push(ns);
            }
        }
    }
    let mut text = format!(
        "{KEYS} callers, {} calls a round, {rounds} rounds in turn\n\n\
         | layer | ns/call | spread | above the service | does |\n|---|---:|---:|---:|---|\n",
        BATCH * BATCHES
    );
    let mut floor = 0.0;
    for (place, (contender, mut figures)) in contenders.iter().zip(figures).enumerate() {
        figures.sort_by(f64::total_cmp);
        let median = figures[figures.len() / 2];
        if place == 0 {
            floor = median;
        }
        text.push_str(&format!(
            "| {} | {median:.0} | {:.0}–{:.0} | {:.0} | {} |\n",
            contender.name,
            figures[0],
            figures[figures.len() - 1],
            median - floor,
            contender.does
        ));
    }
    Ok(text)
}

/// The request as a server's parser hands it over: hyper makes room for as many fields as it has read.
fn as_read(request: &Request<()>) -> Request<()> {
    let mut read = Request::new(());
    *read.uri_mut() = request.uri().clone();
    *read.extensions_mut() = request.extensions().clone();
    read.headers_mut().reserve(request.headers().len());
    for (name, value) in request.headers() {
        read.headers_mut().append(name.clone(), value.clone());
    }
    read
}

/// Nanoseconds a call, in one round: the median of its batches.
#[expect(
    clippy::cast_precision_loss,
    reason = "figures for people; far below 2^53"
)]
fn measured(contender: &mut Contender, runtime: &Runtime) -> Result<f64, BenchError> {
    let mut batches_ns = Vec::with_capacity(BATCHES);
    for batch in 0..BATCHES {
        let places = (batch * BATCH..).map(|place| place * STEP % KEYS);
        let requests: Vec<Request<()>> = places
            .take(BATCH)
            .map(|place| as_read(&contender.requests[place]))
            .collect();
        let began = Instant::now();
        let passed = runtime.block_on((contender.call)(requests));
        batches_ns.push(began.elapsed().as_nanos());
        if passed != BATCH {
            let (name, refused) = (contender.name, BATCH - passed);
            return Err(BenchError::Layers(format!(
                "{name} refused {refused} calls"
            )));
        }
    }
    batches_ns.sort_unstable();
    Ok(batches_ns[BATCHES / 2] as f64 / BATCH as f64)
}
