#![no_main]

#[path = "../../crates/identity/tests/replay/token.rs"]
mod token;

libfuzzer_sys::fuzz_target!(|data: &[u8]| token::run(data));
