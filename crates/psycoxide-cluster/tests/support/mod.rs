//! A simulated world: servers that live and die, clients that connect at the same time, a
//! background task per cluster, and a clock that jumps from one event to the next.
//!
//! It does what the crate's documentation asks of a caller, nothing else, so a scenario that passes
//! here passes wherever the calling order is kept.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "a module of test programs")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use psycoxide_cluster::*;
use psycoxide_conninfo::topology;

/// How a server meets a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Up,
    /// Refuses at once.
    Down,
    /// Never answers.
    Hung,
    /// Answers with this SQLSTATE.
    Says(&'static str),
}

#[derive(Clone, Debug)]
pub struct Server {
    pub endpoint: Endpoint,
    pub mood: Mood,
    pub listed: bool,
    pub row: ServerRow,
    /// Whether the private address leads here; the others always do.
    pub reachable_by_row: bool,
    /// Grows with each restart; connections of before are dead.
    pub life: u32,
    pub cluster: u32,
}

/// A connection string.
#[derive(Clone, Debug)]
pub struct Client {
    pub contacts: Vec<Endpoint>,
    pub options: Arc<Options>,
    pub connect_timeout: Option<Duration>,
    /// What every server says to it.
    pub refused_with: Option<&'static str>,
}

#[derive(Debug)]
pub struct Connection {
    pub server: usize,
    pub life: u32,
    pub lease: Option<Lease>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    Cluster(Error),
    /// Raised at once.
    Client(&'static str),
    /// No configured host either.
    Contacts,
}

pub struct World {
    pub servers: Vec<Server>,
    pub registry: Registry,
    pub now: Instant,
    pub random: Random,
    /// Which server each attempt went to, bootstrap and control not counted.
    pub attempts: Vec<usize>,
    pub bootstraps: u32,
    pub contact_warnings: u32,
    /// Whether `yb_servers()` exists.
    pub is_yugabyte: bool,
    pub background: Vec<Background>,
}

/// The background task of a cluster: what it is doing, until when.
pub struct Background {
    cluster: Arc<Cluster>,
    options: Arc<Options>,
    /// The server of the control connection, and its life.
    control: Option<(usize, u32)>,
    refresh: Option<(RefreshTurn, Option<usize>, Instant)>,
    probe: Option<(Attempt, Mood, Instant)>,
}

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

const CONTROL_TIMEOUT: Duration = Duration::from_secs(5);

pub fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub fn place(number: usize) -> Endpoint {
    Endpoint::new(format!("127.0.0.{number}"), 5433)
}

pub fn topology_keys(text: &str) -> TopologyKeys {
    match topology::TopologyKeys::parse(text).unwrap() {
        topology::TopologyKeys::None => TopologyKeys::None,
        topology::TopologyKeys::Auto => TopologyKeys::Auto,
        topology::TopologyKeys::Keys(keys) => {
            let key = |key: topology::TopologyKey| TopologyKey {
                cloud: key.cloud,
                region: key.region,
                zone: key.zone,
                priority: key.priority,
            };
            TopologyKeys::Keys(keys.into_iter().map(key).collect())
        }
    }
}

impl Client {
    /// By the first of these hosts and the others, with keys of zones in `c.r`.
    pub fn at(hosts: &[usize]) -> Self {
        Self {
            contacts: hosts.iter().map(|number| place(*number)).collect(),
            options: Arc::new(Options::default()),
            connect_timeout: None,
            refused_with: None,
        }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }

    pub fn keys(self, text: &str) -> Self {
        self.with(|options| options.topology_keys = topology_keys(text))
    }

    pub fn balancing(self, load_balance: LoadBalance) -> Self {
        self.with(|options| options.load_balance = load_balance)
    }
}

impl World {
    /// Nodes 1, 2, … in these zones of `c.r`; `zone/r` is a read replica, `region.zone` elsewhere.
    pub fn new(zones: &[&str], seed: u64) -> Self {
        let mut world = Self {
            servers: Vec::new(),
            registry: Registry::new(process),
            now: Instant::now(),
            random: Random::new(seed),
            attempts: Vec::new(),
            bootstraps: 0,
            contact_warnings: 0,
            is_yugabyte: true,
            background: Vec::new(),
        };
        for zone in zones {
            world.add(zone);
        }
        world
    }

    pub fn add(&mut self, zone: &str) {
        let number = self.servers.len() + 1;
        self.add_at(place(number), zone, 1);
    }

    pub fn add_at(&mut self, endpoint: Endpoint, zone: &str, cluster: u32) {
        let (zone, node_type) = match zone.strip_suffix("/r") {
            Some(zone) => (zone, "read_replica"),
            None => (zone, "primary"),
        };
        let (region, zone) = zone.split_once('.').unwrap_or(("r", zone));
        let number = self.servers.len() + 1;
        let row = ServerRow {
            host: Some(endpoint.host.to_string()),
            port: Some(endpoint.port.into()),
            node_type: Some(node_type.to_owned()),
            cloud: Some("c".to_owned()),
            region: Some(region.to_owned()),
            zone: Some(zone.to_owned()),
            public_ip: None,
            uuid: Some(format!("{number:032x}")),
            universe_uuid: Some(format!("universe-{cluster}")),
            mapped: None,
        };
        self.servers.push(Server {
            endpoint,
            mood: Mood::Up,
            listed: true,
            row,
            reachable_by_row: true,
            life: 0,
            cluster,
        });
    }

    pub fn server(&mut self, number: usize) -> &mut Server {
        &mut self.servers[number - 1]
    }

    /// Stops nodes; the others list them no more.
    pub fn stop(&mut self, numbers: &[usize]) {
        self.kill(numbers);
        numbers
            .iter()
            .for_each(|number| self.server(*number).listed = false);
    }

    /// Stops nodes, which stay listed.
    pub fn kill(&mut self, numbers: &[usize]) {
        for number in numbers {
            let server = self.server(*number);
            server.mood = Mood::Down;
            server.life += 1;
        }
    }

    pub fn start(&mut self, numbers: &[usize]) {
        for number in numbers {
            let server = self.server(*number);
            server.mood = Mood::Up;
            server.listed = true;
        }
    }

    /// Connects once.
    pub fn connect(&mut self, client: &Client) -> Result<Connection, Failure> {
        self.connect_together(&vec![client.clone(); 1]).remove(0)
    }

    /// Connects so many times, one after the other.
    pub fn connect_each(&mut self, client: &Client, count: usize) -> Vec<Connection> {
        (0..count).map(|_| self.connect(client).unwrap()).collect()
    }

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

    /// Lets time pass, with what the background does meanwhile.
    pub fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.run_background();
            match self.background_times().min().filter(|next| *next <= end) {
                Some(next) => self.now = self.now.max(next),
                None => break,
            }
        }
        self.now = end;
    }

    /// The connections that are open, by server, as the servers would count them.
    pub fn alive(&self, connections: &[Connection]) -> Vec<usize> {
        let mut counts = vec![0; self.servers.len()];
        for connection in connections {
            let server = &self.servers[connection.server];
            if server.life == connection.life {
                counts[connection.server] += 1;
            }
        }
        counts
    }

    /// The connections that are open, by server, as the driver counts them.
    pub fn counted(&self) -> Vec<usize> {
        let mut counts = vec![0; self.servers.len()];
        for cluster in self.registry.clusters() {
            for node in cluster.nodes(self.now) {
                assert_eq!(node.connecting, 0, "nobody is connecting");
                let server = self.find(&node.info.private).unwrap();
                counts[server] += node.live as usize;
            }
        }
        counts
    }

    /// Closes what is dead, as an application does that notices.
    pub fn drop_dead(&self, connections: &mut Vec<Connection>) {
        connections.retain(|connection| self.servers[connection.server].life == connection.life);
    }

    fn find(&self, endpoint: &Endpoint) -> Option<usize> {
        let mut servers = self.servers.iter();
        servers.position(|server| {
            let names = [&server.row.host, &server.row.public_ip];
            let is_named = names
                .iter()
                .any(|name| name.as_deref() == Some(&endpoint.host));
            server.endpoint.is_same_as(endpoint)
                || is_named && server.row.port == Some(endpoint.port.into())
        })
    }

    fn mood_at(&self, endpoint: &Endpoint) -> (Option<usize>, Mood) {
        let Some(index) = self.find(endpoint) else {
            return (None, Mood::Hung);
        };
        let server = &self.servers[index];
        if server.row.host.as_deref() == Some(&endpoint.host) && !server.reachable_by_row {
            return (Some(index), Mood::Hung);
        }
        (Some(index), server.mood)
    }

    fn snapshot(&self, server: usize, contact: Option<Endpoint>) -> Snapshot {
        let cluster = self.servers[server].cluster;
        let listed = self
            .servers
            .iter()
            .filter(|it| it.listed && it.cluster == cluster);
        Snapshot {
            rows: listed.map(|server| server.row.clone()).collect(),
            contact,
            peer: None,
        }
    }

    /// How long a server takes to answer so.
    fn answer_time(&mut self, mood: Mood, allowance: Option<Duration>) -> Duration {
        match mood {
            Mood::Down => millis(1),
            Mood::Hung => allowance.unwrap_or(Duration::from_secs(120)),
            Mood::Up | Mood::Says(_) => millis(3 + self.random.below(20) as u64),
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

    fn background_times(&self) -> impl Iterator<Item = Instant> + '_ {
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

    fn run_background(&mut self) {
        let mut tasks = std::mem::take(&mut self.background);
        for task in &mut tasks {
            self.run_refresh(task);
            self.run_probe(task);
        }
        self.background = tasks;
    }

    fn run_refresh(&mut self, task: &mut Background) {
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

    fn run_probe(&mut self, task: &mut Background) {
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

thread_local! {
    static PROCESS: std::cell::Cell<u32> = const { std::cell::Cell::new(1) };
}

/// The number of the simulated process.
pub fn process() -> u32 {
    PROCESS.with(std::cell::Cell::get)
}

/// What `fork` leaves in the child.
pub fn become_process(number: u32) {
    PROCESS.with(|process| process.set(number));
}

pub fn sorted(mut counts: Vec<usize>) -> Vec<usize> {
    counts.sort_unstable();
    counts
}
