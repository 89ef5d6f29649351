//! A connect, step by step as the crate's documentation has it, so that many can go on at once.

use std::sync::Arc;
use std::time::Instant;

use psycoxide_cluster::*;

use super::{Background, CONTROL_TIMEOUT, Client, Connection, Failure, Mood, World, millis};

enum Step {
    Start,
    Leading(BootstrapTurn, Option<usize>, Instant),
    AwaitBootstrap(Instant),
    AwaitRefresh(Arc<Cluster>, RefreshTicket, Instant),
    Search(Arc<Cluster>),
    Connecting(Arc<Cluster>, Attempt, usize, Mood, Instant),
    AwaitSlot(Arc<Cluster>, Instant),
    Contacts(Option<Arc<Cluster>>),
    Done,
}

struct Task {
    client: Client,
    search: Option<Search>,
    step: Step,
    result: Option<Result<Connection, Failure>>,
}

impl World {
    /// Connects all at the same time.
    pub fn connect_together(&mut self, clients: &[Client]) -> Vec<Result<Connection, Failure>> {
        let task = |client: &Client| Task {
            client: client.clone(),
            search: None,
            step: Step::Start,
            result: None,
        };
        let mut tasks: Vec<Task> = clients.iter().map(task).collect();
        loop {
            self.run_background();
            for task in &mut tasks {
                self.advance(task);
            }
            self.run_background();
            if tasks.iter().all(|task| task.result.is_some()) {
                return tasks.into_iter().filter_map(|task| task.result).collect();
            }
            let next = tasks.iter().filter_map(|task| match &task.step {
                Step::Leading(_, _, until)
                | Step::AwaitBootstrap(until)
                | Step::AwaitRefresh(_, _, until)
                | Step::Connecting(_, _, _, _, until)
                | Step::AwaitSlot(_, until) => Some(*until),
                _ => None,
            });
            let next = next.chain(self.background_times()).min().unwrap();
            assert!(
                next > self.now
                    || tasks
                        .iter()
                        .any(|task| matches!(task.step, Step::Search(_))),
                "the world stands still"
            );
            self.now = self.now.max(next);
        }
    }

    /// Takes a task as far as it goes without time passing.
    fn advance(&mut self, task: &mut Task) {
        loop {
            let now = self.now;
            let step = std::mem::replace(&mut task.step, Step::Done);
            task.step = match step {
                Step::Start | Step::AwaitBootstrap(_) => self.begin(task),
                Step::Leading(turn, server, until) if now >= until => {
                    self.finish_leading(task, turn, server)
                }
                Step::AwaitRefresh(cluster, ticket, until)
                    if now >= until || cluster.is_refreshed(ticket) =>
                {
                    Step::Search(cluster)
                }
                Step::AwaitSlot(cluster, _) => self.search(task, cluster),
                Step::Search(cluster) => self.search(task, cluster),
                Step::Connecting(cluster, attempt, server, mood, until) if now >= until => {
                    self.finish_attempt(task, cluster, attempt, server, mood)
                }
                Step::Contacts(cluster) => {
                    task.result = Some(self.connect_to_contact(&task.client, cluster));
                    Step::Done
                }
                waiting => {
                    task.step = waiting;
                    return;
                }
            };
            if matches!(
                task.step,
                Step::Done | Step::AwaitBootstrap(_) | Step::AwaitSlot(..)
            ) {
                return;
            }
        }
    }

    fn begin(&mut self, task: &mut Task) -> Step {
        let now = self.now;
        let entry = self.registry.entry(&task.client.contacts);
        match entry.begin(now, CONTROL_TIMEOUT) {
            Bootstrap::Ready(cluster) => self.with_cluster(task, cluster),
            Bootstrap::Wait { until } => Step::AwaitBootstrap(until),
            Bootstrap::Failed { .. } => Step::Contacts(None),
            Bootstrap::Lead(turn) => {
                self.bootstraps += 1;
                let mut took = millis(10);
                let mut answer = None;
                for contact in &task.client.contacts {
                    match self.mood_at(contact) {
                        (Some(server), Mood::Up) => {
                            answer = Some(server);
                            break;
                        }
                        (_, Mood::Hung) => took += CONTROL_TIMEOUT,
                        _ => took += millis(1),
                    }
                }
                Step::Leading(turn, answer, now + took)
            }
        }
    }

    fn finish_leading(
        &mut self,
        task: &mut Task,
        turn: BootstrapTurn,
        server: Option<usize>,
    ) -> Step {
        if let Some(state) = task.client.refused_with {
            drop(turn);
            task.result = Some(Err(Failure::Client(state)));
            return Step::Done;
        }
        let Some(server) = server else {
            turn.fail(self.now, &mut self.random);
            return Step::Contacts(None);
        };
        let bootstrapped = if self.is_yugabyte {
            let mut contacts = task.client.contacts.iter();
            let contact = contacts.find(|it| self.find(it) == Some(server)).cloned();
            let snapshot = self.snapshot(server, contact);
            let outcome = self
                .registry
                .bootstrapped(turn, &snapshot, self.now, &mut self.random);
            outcome.unwrap()
        } else {
            self.registry.bootstrapped_static(turn)
        };
        if bootstrapped.is_new {
            self.background.push(Background {
                cluster: bootstrapped.cluster.clone(),
                options: task.client.options.clone(),
                control: self
                    .is_yugabyte
                    .then_some((server, self.servers[server].life)),
                refresh: None,
                probe: None,
            });
        }
        self.with_cluster(task, bootstrapped.cluster)
    }

    fn with_cluster(&mut self, task: &mut Task, cluster: Arc<Cluster>) -> Step {
        let client = &task.client;
        task.search = Some(Search::new(
            client.options.clone(),
            self.now,
            client.connect_timeout,
        ));
        if client.options.refresh_interval.is_zero() {
            let ticket = cluster.request_refresh(Reason::Connect, self.now);
            return Step::AwaitRefresh(cluster, ticket, self.now + REFRESH_PATIENCE);
        }
        Step::Search(cluster)
    }

    fn search(&mut self, task: &mut Task, cluster: Arc<Cluster>) -> Step {
        let search = task.search.as_mut().unwrap();
        match search.next(&cluster, self.now, &mut self.random) {
            Ok(Next::Attempt(attempt)) => {
                let (server, mut mood) = self.mood_at(attempt.endpoint());
                if let (Mood::Up, Some(state)) = (mood, task.client.refused_with) {
                    mood = Mood::Says(state);
                }
                let server = server.expect("all nodes are servers of this world");
                self.attempts.push(server + 1);
                let took = self.answer_time(mood, attempt.allowance());
                Step::Connecting(cluster, attempt, server, mood, self.now + took)
            }
            Ok(Next::Wait { until, .. }) => {
                assert!(until > self.now, "a wait ends later than now");
                Step::AwaitSlot(cluster, until)
            }
            Ok(Next::Contacts { is_first, .. }) => {
                self.contact_warnings += u32::from(is_first);
                Step::Contacts(Some(cluster))
            }
            Err(error) => {
                task.result = Some(Err(Failure::Cluster(error)));
                Step::Done
            }
        }
    }

    fn finish_attempt(
        &mut self,
        task: &mut Task,
        cluster: Arc<Cluster>,
        attempt: Attempt,
        server: usize,
        mood: Mood,
    ) -> Step {
        let fault = match mood {
            Mood::Up if self.servers[server].mood == Mood::Up => {
                task.result = Some(Ok(Connection {
                    server,
                    life: self.servers[server].life,
                    lease: Some(attempt.connected(self.now)),
                }));
                return Step::Done;
            }
            Mood::Says(state) => classify(state),
            _ => Fault::Node,
        };
        attempt.failed(fault, self.now, &mut self.random);
        if let (Mood::Says(state), false) = (mood, fault.tries_next()) {
            task.result = Some(Err(Failure::Client(state)));
            return Step::Done;
        }
        Step::Search(cluster)
    }

    fn connect_to_contact(
        &mut self,
        client: &Client,
        cluster: Option<Arc<Cluster>>,
    ) -> Result<Connection, Failure> {
        for contact in &client.contacts {
            if let (Some(server), Mood::Up) = self.mood_at(contact) {
                return Ok(Connection {
                    server,
                    life: self.servers[server].life,
                    lease: cluster.and_then(|cluster| cluster.lease_at(contact)),
                });
            }
        }
        Err(Failure::Contacts)
    }
}
