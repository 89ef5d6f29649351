//! A simulated world: servers that live and die, clients that connect at the same time, a
//! background task per cluster, and a clock that jumps from one event to the next.
//!
//! It does what the crate's documentation asks of a caller, nothing else, so a scenario that passes
//! here passes wherever the calling order is kept.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "a module of test programs")]

mod background;
mod task;

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

pub use background::Background;

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
            random: Random::new(
                seed + std::env::var("SEED").map_or(0, |s| s.parse::<u64>().unwrap() * 1000),
            ),
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
