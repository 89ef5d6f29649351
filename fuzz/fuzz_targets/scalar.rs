//! Hands libFuzzer's bytes to [`psycoxide_fuzz::scalar`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| psycoxide_fuzz::scalar(data));
