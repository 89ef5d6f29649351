//! What each fuzz target does with its bytes: a function a target.
//!
//! None may panic, whatever the bytes; and what is accepted must survive the way back: decoding what
//! was encoded from it gives it again. The targets in `fuzz_targets` hand libFuzzer's bytes to these
//! functions (`make fuzz`); `tests/smoke.rs` hands them made-up ones on any toolchain.

mod machine;
mod text;
mod values;

pub use machine::{backend_message, machine};
pub use text::{conninfo, placeholders};
pub use values::{array, copy, data_row, nested, numeric, scalar, timestamp};

/// Every target by its name.
pub const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("array", array),
    ("backend_message", backend_message),
    ("conninfo", conninfo),
    ("copy", copy),
    ("data_row", data_row),
    ("machine", machine),
    ("nested", nested),
    ("numeric", numeric),
    ("placeholders", placeholders),
    ("scalar", scalar),
    ("timestamp", timestamp),
];
