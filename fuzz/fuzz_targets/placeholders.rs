//! Hands libFuzzer's bytes to [`psycoxide_fuzz::placeholders`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| psycoxide_fuzz::placeholders(data));
