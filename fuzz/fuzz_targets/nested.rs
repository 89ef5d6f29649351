//! Hands libFuzzer's bytes to [`psycoxide_fuzz::nested`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| psycoxide_fuzz::nested(data));
