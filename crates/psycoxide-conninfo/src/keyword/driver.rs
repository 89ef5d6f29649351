//! The keywords of this driver: what neither libpq nor the cluster layer has.

use super::{Family, Keyword};

pub(super) const KEYWORDS: &[Keyword] = &[Keyword {
    name: "prepare_mode",
    variable: None,
    default: Some("session"),
    label: "Prepare-Mode",
    display: "",
    width: 12,
    secret: false,
    family: Family::Driver,
}];
