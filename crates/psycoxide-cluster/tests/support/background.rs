//! The background task of each cluster: refreshes when they are due, trials of nodes that were down.

use std::sync::Arc;
use std::time::Instant;

use psycoxide_cluster::*;

use super::{CONTROL_TIMEOUT, Mood, World, millis};

/// The background task of a cluster: what it is doing, until when.
pub struct Background {
    pub(super) cluster: Arc<Cluster>,
    pub(super) options: Arc<Options>,
    /// The server of the control connection, and its life.
    pub(super) control: Option<(usize, u32)>,
    pub(super) refresh: Option<(RefreshTurn, Option<usize>, Instant)>,
    pub(super) probe: Option<(Attempt, Mood, Instant)>,
}

impl World {
    pub(super) fn background_times(&self) -> impl Iterator<Item = Instant> + '_ {
        self.background.iter().flat_map(|task| {
            let refresh = match &task.refresh {
                Some((_, _, until)) => Some(*until),
                None => task.cluster.next_refresh().map(|due| due.at),
            };
            let probe = match &task.probe {
                Some((_, _, until)) => Some(*until),
                None => task.cluster.next_probe(),
            };
            refresh.into_iter().chain(probe)
        })
    }

    pub(super) fn run_background(&mut self) {
        let mut tasks = std::mem::take(&mut self.background);
        for task in &mut tasks {
            self.run_refresh(task);
            self.run_probe(task);
        }
        self.background = tasks;
    }

    pub(super) fn run_refresh(&mut self, task: &mut Background) {
        if let Some((turn, server, _)) = task.refresh.take_if(|(_, _, until)| *until <= self.now) {
            match server.filter(|server| self.servers[*server].mood == Mood::Up) {
                Some(server) => {
                    task.control = Some((server, self.servers[server].life));
                    let snapshot = self.snapshot(server, None);
                    turn.succeed(&snapshot, self.now, &mut self.random).unwrap();
                }
                None => turn.fail(self.now, &mut self.random),
            }
        }
        if task.refresh.is_some() {
            return;
        }
        let Some(turn) = task.cluster.begin_refresh(self.now) else {
            return;
        };
        let mut took = millis(3);
        let mut answer = None;
        if let Some((server, life)) = task.control {
            let state = &self.servers[server];
            match state.mood {
                Mood::Up if state.life == life => answer = Some(server),
                Mood::Hung => took += CONTROL_TIMEOUT,
                _ => {}
            }
        }
        if answer.is_none() {
            task.control = None;
            for target in turn.targets(&task.options, &mut self.random) {
                let (server, mood) = self.mood_at(&target.endpoint);
                if mood == Mood::Up {
                    answer = server;
                    break;
                }
                took += if mood == Mood::Hung {
                    CONTROL_TIMEOUT
                } else {
                    millis(1)
                };
                let options = &task.options;
                turn.target_failed(&target, Fault::Node, options, self.now, &mut self.random);
            }
        }
        task.refresh = Some((turn, answer, self.now + took));
    }

    pub(super) fn run_probe(&mut self, task: &mut Background) {
        if let Some((attempt, mood, _)) = task.probe.take_if(|(_, _, until)| *until <= self.now) {
            match mood {
                Mood::Up => drop(attempt.connected(self.now)),
                Mood::Says(state) => {
                    attempt.failed(classify(state), self.now, &mut self.random);
                }
                _ => attempt.failed(Fault::Node, self.now, &mut self.random),
            }
        }
        if task.probe.is_none()
            && let Some(attempt) = task.cluster.probe(&task.options, self.now)
        {
            let (_, mood) = self.mood_at(attempt.endpoint());
            let took = self.answer_time(mood, Some(CONTROL_TIMEOUT));
            task.probe = Some((attempt, mood, self.now + took));
        }
    }
}
