//! Hands libFuzzer's bytes to [`psycoxide_fuzz::conninfo`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| psycoxide_fuzz::conninfo(data));
