//! Hands libFuzzer's bytes to [`psycoxide_fuzz::numeric`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| psycoxide_fuzz::numeric(data));
