//! Every line of the module's table.

use super::*;

fn seconds(count: f64) -> Duration {
    Duration::from_secs_f64(count)
}

struct Rig {
    schedule: Schedule,
    random: Random,
    now: Instant,
}

impl Rig {
    fn new(interval: u64) -> Self {
        let mut schedule = Schedule::default();
        schedule.note(&Options {
            refresh_interval: Duration::from_secs(interval),
            ..Options::default()
        });
        Self {
            schedule,
            random: Random::new(1),
            now: Instant::now(),
        }
    }

    fn refresh(&mut self, succeeds: bool) {
        assert!(self.schedule.begin(self.now));
        if succeeds {
            self.schedule.succeed(self.now, &mut self.random);
        } else {
            self.schedule.fail(self.now, &mut self.random);
        }
    }

    /// In how many seconds a refresh is due, and why.
    fn due(&self, any_down: bool) -> Option<(f64, Reason)> {
        let due = self.schedule.due(any_down)?;
        let pause = due.at.saturating_duration_since(self.now);
        Some((pause.as_secs_f64(), due.reason))
    }
}

#[test]
fn the_interval_is_kept_about() {
    let mut rig = Rig::new(300);
    assert_eq!(rig.due(false), None);
    let mut pauses = Vec::new();
    for _ in 0..100 {
        rig.refresh(true);
        let (pause, reason) = rig.due(false).unwrap();
        assert_eq!(reason, Reason::Interval);
        pauses.push(pause);
    }
    assert!(pauses.iter().all(|pause| (270.0..=330.0).contains(pause)));
    assert!(pauses.iter().any(|pause| *pause < 285.0));
    assert!(pauses.iter().any(|pause| *pause > 315.0));
}

#[test]
fn the_shortest_interval_of_all_callers_counts() {
    let mut rig = Rig::new(300);
    rig.refresh(true);
    assert!(rig.schedule.note(&Options {
        refresh_interval: seconds(10.0),
        ..Options::default()
    }));
    assert!(rig.due(false).unwrap().0 <= 11.0);
    assert!(!rig.schedule.note(&Options::default()));
}

#[test]
fn a_zero_interval_refreshes_only_when_asked() {
    let mut rig = Rig::new(0);
    rig.refresh(true);
    assert_eq!(rig.due(false), None);
    let ticket = rig.schedule.ticket();
    assert!(rig.schedule.request(Reason::Connect, rig.now));
    assert_eq!(rig.due(false), Some((0.0, Reason::Connect)));
    assert!(rig.schedule.ended() < ticket);
    rig.refresh(true);
    assert!(rig.schedule.ended() >= ticket);
}

#[test]
fn a_fault_brings_one_refresh_a_second() {
    let mut rig = Rig::new(300);
    rig.refresh(true);
    rig.now += seconds(5.0);
    assert!(rig.schedule.request(Reason::NodeFault, rig.now));
    assert!(!rig.schedule.request(Reason::NodeFault, rig.now));
    assert_eq!(rig.due(true), Some((0.0, Reason::NodeFault)));
    rig.refresh(true);
    rig.schedule.request(Reason::ConnectionLost, rig.now);
    assert_eq!(rig.due(true), Some((1.0, Reason::ConnectionLost)));
    rig.schedule.request(Reason::Asked, rig.now);
    assert_eq!(rig.due(true), Some((0.0, Reason::Asked)));
}

#[test]
fn while_a_node_is_down_the_list_is_polled() {
    let mut rig = Rig::new(300);
    rig.refresh(true);
    assert_eq!(rig.due(true), Some((5.0, Reason::NodesDown)));
}

#[test]
fn one_at_a_time_and_a_fault_meanwhile_is_not_forgotten() {
    let mut rig = Rig::new(300);
    assert!(rig.schedule.begin(rig.now));
    assert!(!rig.schedule.begin(rig.now));
    assert_eq!(rig.due(true), None);
    assert!(!rig.schedule.request(Reason::Connect, rig.now));
    assert!(rig.schedule.request(Reason::NodeFault, rig.now));
    rig.schedule.succeed(rig.now, &mut rig.random);
    assert_eq!(rig.due(true), Some((1.0, Reason::NodeFault)));
}

#[test]
fn failures_back_off_and_a_connection_ends_that() {
    let mut rig = Rig::new(300);
    rig.refresh(true);
    for nominal in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        rig.refresh(false);
        rig.schedule.request(Reason::NodeFault, rig.now);
        let (pause, reason) = rig.due(true).unwrap();
        assert_eq!(reason, Reason::Retry);
        assert!((nominal * 0.8..=60_f64.min(nominal * 1.2)).contains(&pause));
    }
    rig.refresh(false);
    rig.now += seconds(2.0);
    assert!(rig.schedule.request(Reason::Recovered, rig.now));
    assert_eq!(rig.due(true), Some((0.0, Reason::Recovered)));
    rig.refresh(true);
    assert!(!rig.schedule.request(Reason::Recovered, rig.now));
}

#[test]
fn one_given_up_is_made_up_for() {
    let mut rig = Rig::new(0);
    assert!(rig.schedule.begin(rig.now));
    rig.schedule.cancel();
    assert_eq!(rig.due(false), Some((0.0, Reason::Asked)));
}
