#![no_main]

#[path = "../../crates/limiter/tests/replay/decide.rs"]
mod decide;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decide::run(data));
