//! Hands libFuzzer's bytes to [`psycoxide_fuzz::backend_message`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| psycoxide_fuzz::backend_message(data));
