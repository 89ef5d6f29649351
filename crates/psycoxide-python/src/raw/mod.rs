//! The only unsafe code of the workspace: CPython's C API where PyO3's safe calls cost too much.
//!
//! Everything here is small and safe to call. Each function says under **Benefit** what it saves
//! (figures: client CPU per value on CPython 3.13, from the prototype that the bench repeats) and
//! under **Soundness** why no caller can break memory safety with it.

#![expect(
    unsafe_code,
    reason = "the calls of CPython's C API that have no safe equivalent of the same speed"
)]

pub mod gc;
pub mod instance;
pub mod sequence;
pub mod string;
