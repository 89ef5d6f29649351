//! Hands libFuzzer's bytes to [`psycoxide_fuzz::copy`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| psycoxide_fuzz::copy(data));
