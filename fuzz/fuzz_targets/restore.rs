#![no_main]

#[path = "../../crates/limiter/tests/replay/restore.rs"]
mod restore;

libfuzzer_sys::fuzz_target!(|data: &[u8]| restore::run(data));
