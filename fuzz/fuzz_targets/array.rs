//! Hands libFuzzer's bytes to [`psycoxide_fuzz::array`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| psycoxide_fuzz::array(data));
