//! How much of the time to connect one attempt may use.
//!
//! `connect_timeout` is for the whole search. An attempt gets an equal share of what is left, so
//! that a node that does not answer leaves time for the others, yet at least a second, because less
//! would fail on a slow network for no reason.

use std::time::Duration;

/// The least an attempt gets, as long as there is that much.
const FLOOR: Duration = Duration::from_secs(1);

/// The share of the next attempt, with `nodes` (this one included) still to try.
pub fn attempt_share(remaining: Duration, nodes: usize) -> Duration {
    let nodes = u32::try_from(nodes.max(1)).unwrap_or(u32::MAX);
    (remaining / nodes).max(FLOOR).min(remaining)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_equal_with_a_floor_and_never_more_than_there_is() {
        let share = |millis, nodes| attempt_share(Duration::from_millis(millis), nodes).as_millis();
        assert_eq!(share(9000, 3), 3000);
        assert_eq!(share(6000, 2), 3000);
        assert_eq!(share(3000, 3), 1000);
        assert_eq!(share(3000, 100), 1000);
        assert_eq!(share(400, 3), 400);
        assert_eq!(share(3000, 0), 3000);
        assert_eq!(share(0, 3), 0);
    }
}
