//! Hands libFuzzer's bytes to [`psycoxide_fuzz::timestamp`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| psycoxide_fuzz::timestamp(data));
