#![no_main]

#[path = "../../crates/engine/tests/replay/limits.rs"]
mod limits;

libfuzzer_sys::fuzz_target!(|data: &[u8]| limits::run(data));
