//! Hands libFuzzer's bytes to [`psycoxide_fuzz::data_row`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| psycoxide_fuzz::data_row(data));
