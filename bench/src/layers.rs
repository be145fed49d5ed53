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
/// Calls of every caller in a round.
const CALLS_EACH: usize = 500;
/// The prime by which the walk over the callers steps, so that neighbours in memory are none in time.
const STEP: usize = 619;

/// Measures all of them for so many rounds, and puts the figures beside each other, as Markdown.
///
/// # Errors
/// When a layer cannot be made, or refuses what it should let pass.
pub(crate) fn run(rounds: u32) -> Result<String, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| BenchError::Layers(error.to_string()))?;
    let mut contenders = contenders().map_err(BenchError::Layers)?;
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
        KEYS * CALLS_EACH
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

/// Nanoseconds a call, in one round.
#[expect(
    clippy::cast_precision_loss,
    reason = "figures for people; far below 2^53"
)]
fn measured(contender: &mut Contender, runtime: &Runtime) -> Result<f64, BenchError> {
    let mut took_ns = 0;
    for _ in 0..CALLS_EACH {
        let places = (0..KEYS).map(|place| place * STEP % KEYS);
        let requests: Vec<Request<()>> = places
            .map(|place| contender.requests[place].clone())
            .collect();
        let began = Instant::now();
        let passed = runtime.block_on((contender.call)(requests));
        took_ns += began.elapsed().as_nanos();
        if passed != KEYS {
            let refused = KEYS - passed;
            let name = contender.name;
            return Err(BenchError::Layers(format!(
                "{name} refused {refused} calls"
            )));
        }
    }
    Ok(took_ns as f64 / (KEYS * CALLS_EACH) as f64)
}
