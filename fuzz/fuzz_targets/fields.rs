#![no_main]

#[path = "../../crates/identity/tests/replay/fields.rs"]
mod fields;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fields::run(data));
