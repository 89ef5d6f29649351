//! One outage, its length, its trials and its end.

use super::*;

const QUICK: Duration = Duration::from_millis(1);

fn seconds(count: f64) -> Duration {
    Duration::from_secs_f64(count)
}

#[test]
fn delays_double_up_to_the_cap_and_success_starts_over() {
    let (options, mut random) = (Options::default(), Random::new(1));
    let mut now = Instant::now();
    let mut breaker = Breaker::default();
    for (turn, nominal) in [5.0, 10.0, 20.0, 40.0, 60.0, 60.0].into_iter().enumerate() {
        breaker.begin_attempt(now);
        let epoch = breaker.epoch();
        assert_eq!(
            breaker.fault(epoch, QUICK, &options, now, &mut random),
            turn == 0
        );
        let pause = breaker.expiry().unwrap() - now;
        assert!(
            pause >= seconds(nominal * 0.8) && pause <= seconds(nominal * 1.2),
            "{pause:?}"
        );
        assert!(pause <= options.backoff_max);
        assert_eq!(breaker.admits(now, By::Caller), Admission::No);
        now += pause;
        assert_eq!(breaker.admits(now, By::Caller), Admission::Trial);
    }
    breaker.begin_attempt(now);
    assert!(breaker.success(now));
    assert!(!breaker.success(now));
    assert_eq!(breaker.admits(now, By::Caller), Admission::Yes);
    let epoch = breaker.epoch();
    assert!(breaker.fault(epoch, QUICK, &options, now, &mut random));
    assert!(breaker.expiry().unwrap() - now <= seconds(6.0));
}

#[test]
fn attempts_that_fail_together_are_one_outage() {
    let (options, mut random) = (Options::default(), Random::new(1));
    let now = Instant::now();
    let mut breaker = Breaker::default();
    let epoch = breaker.epoch();
    assert!(breaker.fault(epoch, QUICK, &options, now, &mut random));
    let until = breaker.expiry();
    assert!(!breaker.fault(epoch, QUICK, &options, now + QUICK, &mut random));
    assert_eq!(breaker.expiry(), until);
}

#[test]
fn an_old_failure_does_not_open_a_breaker_that_closed_since() {
    let (options, mut random) = (Options::default(), Random::new(1));
    let now = Instant::now();
    let mut breaker = Breaker::default();
    let slow_attempt = breaker.epoch();
    breaker.fault(slow_attempt, QUICK, &options, now, &mut random);
    breaker.begin_attempt(now);
    breaker.success(now + seconds(6.0));
    let later = now + seconds(10.0);
    assert!(!breaker.fault(slow_attempt, seconds(10.0), &options, later, &mut random));
    assert_eq!(breaker.state(later), BreakerState::Closed);
}

#[test]
fn one_trial_at_a_time_and_a_cancelled_one_makes_room() {
    let (options, mut random) = (Options::default(), Random::new(1));
    let now = Instant::now();
    let mut breaker = Breaker::default();
    breaker.fault(0, QUICK, &options, now, &mut random);
    breaker.relist();
    assert_eq!(breaker.state(now), BreakerState::HalfOpen);
    assert_eq!(breaker.admits(now, By::Caller), Admission::Trial);
    breaker.begin_attempt(now);
    assert_eq!(breaker.admits(now, By::Caller), Admission::No);
    breaker.cancelled(breaker.epoch());
    assert_eq!(breaker.admits(now, By::Caller), Admission::Trial);
}

#[test]
fn trials_in_despair_do_not_lengthen_the_pause() {
    let (options, mut random) = (Options::default(), Random::new(1));
    let mut now = Instant::now();
    let mut breaker = Breaker::default();
    breaker.fault(0, QUICK, &options, now, &mut random);
    let until = breaker.expiry();
    for _ in 0..20 {
        now += QUICK;
        breaker.begin_attempt(now);
        let epoch = breaker.epoch();
        breaker.fault(epoch, QUICK, &options, now, &mut random);
        assert_eq!(breaker.expiry(), until);
        breaker.begin_attempt(now);
        breaker.cancelled(breaker.epoch());
        assert_eq!(breaker.expiry(), until);
    }
}

#[test]
fn callers_leave_costly_trials_to_the_background_for_a_while() {
    let (options, mut random) = (Options::default(), Random::new(1));
    let now = Instant::now();
    let mut breaker = Breaker::default();
    breaker.fault(0, seconds(3.0), &options, now, &mut random);
    let until = breaker.expiry().unwrap();
    assert_eq!(breaker.admits(until, By::Caller), Admission::No);
    assert_eq!(breaker.admits(until, By::Probe), Admission::Trial);
    assert_eq!(breaker.admits(until + GRACE, By::Caller), Admission::Trial);
}

#[test]
fn a_soft_fault_is_a_short_pause_and_no_outage() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    breaker.soft_fault(0, now);
    assert_eq!(breaker.state(now), BreakerState::Closed);
    assert_eq!(breaker.admits(now, By::Caller), Admission::No);
    let after = now + SOFT_PENALTY;
    assert_eq!(breaker.admits(after, By::Caller), Admission::Yes);
}

#[test]
fn slow_start_fades() {
    let (options, mut random) = (Options::default(), Random::new(1));
    let now = Instant::now();
    let mut breaker = Breaker::default();
    let window = seconds(10.0);
    assert_eq!(breaker.slow_start_left(now, window), 0.0);
    breaker.fault(0, QUICK, &options, now, &mut random);
    breaker.success(now);
    assert_eq!(breaker.slow_start_left(now, window), 1.0);
    assert_eq!(breaker.slow_start_left(now + seconds(5.0), window), 0.5);
    assert_eq!(breaker.slow_start_left(now + window, window), 0.0);
    assert_eq!(breaker.slow_start_left(now, Duration::ZERO), 0.0);
}
