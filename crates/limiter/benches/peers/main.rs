//! Tollgate beside the limiters that one would take instead: nanoseconds a decision, bytes a key.
//!
//! `cargo bench -p tollgate-limiter --bench peers`. Prints what it measured; asserts nothing. Every
//! figure comes from a process of its own, so that no contender sees another's memory; contenders
//! take turns within a round, and the table shows the median of the rounds.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a measuring program"
)]

mod contender;
#[path = "../../tests/memory/mod.rs"]
mod memory;

use std::process::Command;
use std::time::{Duration, Instant};

use contender::{BATCH, CONTENDERS, Contender, Requests, made};
use memory::resident_bytes;

const KEYS: [usize; 3] = [1_000, 1_000_000, 10_000_000];
const THREADS: [usize; 2] = [1, 2];
const ROUNDS: usize = 3;
/// Decisions of one measurement, over all threads.
const DECISIONS: usize = 8_000_000;

/// What one process measured.
#[derive(Clone, Copy)]
struct Figure {
    ns: f64,
    bytes: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, name, keys, threads, ..] = &arguments[..]
        && word == "one"
    {
        let figure = measure(name, keys.parse().unwrap(), threads.parse().unwrap());
        println!("{} {}", figure.ns, figure.bytes);
        return;
    }
    println!("bytes are of resident memory, which comes in pages: of 1,000 keys they say little");
    println!("{DECISIONS} decisions a measurement over keys in random order, all of them live;");
    println!("the time is given; median of {ROUNDS} rounds (least–most)\n");
    println!("| keys | threads | limiter | ns/decision | spread | × tollgate | bytes/key |");
    println!("|---:|---:|---|---:|---:|---:|---:|");
    for keys in KEYS {
        for threads in THREADS {
            let mut rounds = vec![Vec::new(); CONTENDERS.len()];
            for _ in 0..ROUNDS {
                for (name, figures) in CONTENDERS.iter().zip(&mut rounds) {
                    figures.push(in_own_process(name, keys, threads));
                }
            }
            for figures in &mut rounds {
                figures.sort_by(|a, b| a.ns.total_cmp(&b.ns));
            }
            let ours = rounds[0][ROUNDS / 2].ns;
            for (name, figures) in CONTENDERS.iter().zip(&rounds) {
                let middle = figures[ROUNDS / 2];
                println!(
                    "| {keys} | {threads} | {name} | {:.0} | {:.0}–{:.0} | {:.2} | {:.1} |",
                    middle.ns,
                    figures[0].ns,
                    figures[ROUNDS - 1].ns,
                    middle.ns / ours,
                    middle.bytes
                );
            }
        }
    }
}

fn in_own_process(name: &str, keys: usize, threads: usize) -> Figure {
    let exe = std::env::current_exe().unwrap();
    let output = Command::new(exe)
        .args(["one", name, &keys.to_string(), &threads.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (ns, bytes) = text.trim().split_once(' ').unwrap();
    Figure {
        ns: ns.parse().unwrap(),
        bytes: bytes.parse().unwrap(),
    }
}

fn measure(name: &str, keys: usize, threads: usize) -> Figure {
    let requests = Requests::of(name, &shuffled(keys));
    let before = resident_bytes();
    let contender = made(name, requests);
    for n in 0..keys {
        contender.decide(n);
    }
    let bytes = resident_bytes().saturating_sub(before) as f64 / keys as f64;
    let took = run(&*contender, keys, threads);
    Figure {
        ns: took.as_nanos() as f64 * threads as f64 / DECISIONS as f64,
        bytes,
    }
}

/// Every thread decides its share, each from another place in the order. Returns the longest.
fn run(contender: &dyn Contender, keys: usize, threads: usize) -> Duration {
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let from = keys / threads * worker / BATCH * BATCH;
                    let batches = (0..keys / BATCH * BATCH).step_by(BATCH).cycle();
                    let batches = batches.skip(from / BATCH).take(DECISIONS / threads / BATCH);
                    let started = Instant::now();
                    let admitted: usize = batches.map(|n| contender.decide_batch(n)).sum();
                    let took = started.elapsed();
                    std::hint::black_box(admitted);
                    took
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .max()
            .unwrap()
    })
}

/// Keys in a random order (Fisher–Yates over a fixed sequence, the same in every process).
fn shuffled(keys: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..u32::try_from(keys).unwrap()).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for last in (1..order.len()).rev() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let other = usize::try_from(random % (last as u64 + 1)).unwrap();
        order.swap(last, other);
    }
    order
}
