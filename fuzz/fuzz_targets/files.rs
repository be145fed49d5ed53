#![no_main]

#[path = "../../crates/identity/tests/replay/files.rs"]
mod files;

libfuzzer_sys::fuzz_target!(|data: &[u8]| files::run(data));
