//! How long connecting to a node takes: an average that forgets.
//!
//! Exponentially weighted: each new measurement counts a fifth, as in the drivers of MongoDB
//! (<https://www.mongodb.com/docs/manual/core/read-preference-mechanics/>).

use std::time::{Duration, Instant};

/// A measurement older than this says little about the network of now.
const FRESH: Duration = Duration::from_secs(60);

/// The average time to connect, if it was ever measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latency {
    average: Option<Duration>,
    measured: Option<Instant>,
}

impl Latency {
    pub(crate) fn add(&mut self, sample: Duration, now: Instant) {
        self.average = Some(match self.average {
            None => sample,
            Some(average) => (average * 4 + sample) / 5,
        });
        self.measured = Some(now);
    }

    pub(crate) fn average(&self) -> Option<Duration> {
        self.average
    }

    /// Whether it is time to measure again.
    pub(crate) fn is_stale(&self, now: Instant) -> bool {
        self.measured
            .is_none_or(|at| now.saturating_duration_since(at) >= FRESH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_follows_and_ages() {
        let start = Instant::now();
        let mut latency = Latency::default();
        assert!(latency.is_stale(start));
        latency.add(Duration::from_millis(10), start);
        assert_eq!(latency.average(), Some(Duration::from_millis(10)));
        latency.add(Duration::from_millis(60), start);
        assert_eq!(latency.average(), Some(Duration::from_millis(20)));
        assert!(!latency.is_stale(start + Duration::from_secs(59)));
        assert!(latency.is_stale(start + Duration::from_secs(60)));
    }
}
