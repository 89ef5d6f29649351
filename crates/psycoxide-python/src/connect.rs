//! Connecting, from Python: an object to run, or to step from an event loop.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use psycoxide_client::operations::connect::{Answer, Connect, ConnectStep, Steps};
use psycoxide_client::{BLOCKING_INTERVAL, ConnectOptions, Connection, Error, PgConn};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cluster::handle::ClusterHandle;
use crate::cluster::{address_map, log};
use crate::conninfo;
use crate::cooperative;
use crate::error;
use crate::pq::pgconn::PGconn;
use crate::shared::Shared;

/// An attempt to connect: `Connector(parameters, asynchronous, address_map)`.
#[pyclass(frozen, module = "psycoxide._core")]
#[derive(Debug)]
pub struct Connector {
    options: Arc<ConnectOptions>,
    asynchronous: bool,
    /// Whether to wait as [`cooperative`] does.
    cooperative: bool,
    connect: Mutex<Connect>,
}

impl Connector {
    fn with(py: Python<'_>, options: ConnectOptions, asynchronous: bool) -> PyResult<Connector> {
        let options = Arc::new(options);
        let order = options.order(random);
        let connect = Mutex::new(Connect::new(options.clone(), order));
        Ok(Connector {
            options,
            asynchronous,
            cooperative: !asynchronous && cooperative::is_wanted(py)?,
            connect,
        })
    }

    fn finish(&self, mut pgconn: PgConn) -> Result<PGconn, Error> {
        pgconn.set_blocking(!self.asynchronous && !self.cooperative)?;
        let mut connection = Connection::new(pgconn);
        connection.statements.set_mode(self.options.prepare_mode);
        let shared = if self.cooperative {
            Shared::cooperative(connection)
        } else {
            Shared::new(connection, self.asynchronous)
        };
        Ok(PGconn::new(shared, self.options.clone()))
    }

    /// The exception, with what was tried.
    fn failed(&self, py: Python<'_>, error: Error) -> PyErr {
        let pgconn = PGconn::not_made(self.options.clone(), &error);
        let raised = error::connecting(py, error);
        // It is the error that has to be told, with or without this.
        let _ = raised
            .value(py)
            .setattr(pyo3::intern!(py, "_pgconn"), pgconn);
        raised
    }

    fn step(&self, resolved: Answer) -> Result<ConnectStep, Error> {
        let mut connect = self.connect.lock().unwrap_or_else(PoisonError::into_inner);
        connect.step(Instant::now(), resolved)
    }
}

#[pymethods]
impl Connector {
    /// Checks the parameters (keyword to value) and completes them; nothing is connected yet.
    /// `address_map`: called in place of the text of `yb_address_map`.
    #[new]
    #[pyo3(signature = (parameters, asynchronous, address_map=None))]
    fn new(
        parameters: &Bound<'_, PyDict>,
        asynchronous: bool,
        address_map: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Connector> {
        let config = conninfo::resolve(parameters)?;
        let py = parameters.py();
        for warning in &config.warnings {
            conninfo::warn(py, &warning.to_string())?;
        }
        let options = ConnectOptions::new(&config).map_err(|error| error::connecting(py, error))?;
        let options = address_map::with_function(options, address_map)?;
        Connector::with(py, options, asynchronous)
    }

    /// An attempt to connect to one node, by its number in `cluster.nodes()`, as `load_balance`
    /// would connect to it.
    #[staticmethod]
    fn at_node(
        cluster: &ClusterHandle,
        node: u64,
        parameters: &Bound<'_, PyDict>,
    ) -> PyResult<Connector> {
        let config = conninfo::resolve(parameters)?;
        let py = parameters.py();
        let options = ConnectOptions::for_cluster(&config).and_then(|options| {
            let place = cluster.endpoint_of(node, options.search()?);
            options.at_node(&place.ok_or(Error::Misuse("the node is forgotten"))?)
        });
        let options = options.map_err(|error| error::connecting(py, error))?;
        Connector::with(py, options, false)
    }

    /// Connects in this thread, with the interpreter released while waiting.
    fn run(&self, py: Python<'_>) -> PyResult<PGconn> {
        let made = run(py, &self.connect)?
            .and_then(|pgconn| self.finish(*pgconn))
            .map_err(|error| self.failed(py, error));
        log::write(py);
        made
    }

    /// Gives up: what was begun ends now, not when the last reference goes.
    fn abandon(&self) {
        let nothing = Connect::new(self.options.clone(), []);
        let mut connect = self.connect.lock().unwrap_or_else(PoisonError::into_inner);
        *connect = nothing;
    }

    /// One step, for an event loop. Returns a `PGconn`; or `(fd, read, write, seconds)` to wait
    /// for; or `(host, port, seconds)` to resolve, whose answer (a list of addresses as `str`, or
    /// an `OSError`) goes into the next step.
    #[pyo3(signature = (resolved=None), name = "step")]
    fn step_from_python<'py>(
        &self,
        py: Python<'py>,
        resolved: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let resolved = resolved.map(addresses).transpose()?;
        let step = address_map::interruptible(|| self.step(resolved))?;
        log::write(py);
        let step = step.map_err(|error| self.failed(py, error))?;
        to_python(py, Ok(step), |pgconn| self.finish(*pgconn))
    }
}

/// A step as Python waits for it: `(fd, read, write, seconds)`, `(host, port, seconds)` or what is
/// made of the output.
///
/// # Errors
/// What connecting fails with.
pub fn to_python<'py, T, C>(
    py: Python<'py>,
    step: Result<ConnectStep<T>, Error>,
    finish: impl FnOnce(T) -> Result<C, Error>,
) -> PyResult<Bound<'py, PyAny>>
where
    C: pyo3::PyClass + Into<PyClassInitializer<C>>,
{
    match step.map_err(|error| error::connecting(py, error))? {
        ConnectStep::Done(output) => {
            let made = finish(output).map_err(|error| error::connecting(py, error))?;
            Ok(Bound::new(py, made)?.into_any())
        }
        ConnectStep::Io(fd, wait, deadline) => {
            let left = until(deadline).map(|left| left.as_secs_f64());
            let wait = (fd, wait.read, wait.write, left);
            Ok(wait.into_pyobject(py)?.into_any())
        }
        ConnectStep::Resolve {
            host,
            port,
            deadline,
        } => {
            let left = until(deadline).map(|left| left.as_secs_f64());
            Ok((host, port, left).into_pyobject(py)?.into_any())
        }
    }
}

/// Connects in this thread, with the interpreter released while waiting.
///
/// # Errors
/// What a signal handler raises; the inner error tells why there is no connection.
pub fn run<S>(py: Python<'_>, connect: &Mutex<S>) -> PyResult<Result<S::Output, Error>>
where
    S: Steps + Send,
{
    let cooperative = cooperative::is_wanted(py)?;
    let lock = || connect.lock().unwrap_or_else(PoisonError::into_inner);
    let mut resolved = None;
    loop {
        let step =
            match address_map::interruptible(|| lock().step(Instant::now(), resolved.take()))? {
                Ok(step) => step,
                Err(error) => return Ok(Err(error)),
            };
        match step {
            ConnectStep::Done(output) => return Ok(Ok(output)),
            ConnectStep::Io(fd, wait, deadline) if cooperative => {
                cooperative::wait(py, fd, wait, until(deadline))?;
            }
            ConnectStep::Io(_, wait, deadline) => {
                let left = until(deadline).unwrap_or(BLOCKING_INTERVAL);
                let waited = py.detach(|| lock().wait(wait, Some(left.min(BLOCKING_INTERVAL))));
                if let Err(error) = waited {
                    return Ok(Err(error));
                }
            }
            ConnectStep::Resolve {
                host,
                port,
                deadline,
            } => {
                resolved = if cooperative {
                    Some(resolve_in_python(py, &host, port)?)
                } else {
                    resolve(py, host, port, deadline)?
                };
            }
        }
        py.check_signals()?;
    }
}

fn until(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

/// Numbers for a shuffle; the system's, or a worthless one where it gives none.
pub fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

/// Resolves a name in a thread of its own, so that neither the deadline nor Ctrl-C has to wait for
/// the resolver; `None` when the time is over.
pub fn resolve(
    py: Python<'_>,
    host: String,
    port: u16,
    deadline: Option<Instant>,
) -> PyResult<Answer> {
    let (sender, receiver) = channel();
    let receiver = Mutex::new(receiver);
    std::thread::spawn(move || {
        // Nobody may be waiting any more.
        let _ = sender.send(psycoxide_transport::resolve::resolve(&host, port));
    });
    loop {
        let left = until(deadline)
            .unwrap_or(BLOCKING_INTERVAL)
            .min(BLOCKING_INTERVAL);
        let answer = py.detach(|| {
            receiver
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv_timeout(left)
        });
        match answer {
            Ok(answer) => return Ok(Some(answer)),
            Err(RecvTimeoutError::Timeout) => {
                py.check_signals()?;
                if until(deadline).is_some_and(|left| left.is_zero()) {
                    return Ok(None);
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Ok(Some(Err(io::Error::other("the resolver failed"))));
            }
        }
    }
}

/// Resolves a name with Python's resolver, which has been replaced as `select` has.
fn resolve_in_python(
    py: Python<'_>,
    host: &str,
    port: u16,
) -> PyResult<io::Result<Vec<SocketAddr>>> {
    let socket = py.import("socket")?;
    let stream = socket.getattr("SOCK_STREAM")?;
    let found = match socket.call_method1("getaddrinfo", (host, port, 0, stream)) {
        Ok(found) => found,
        Err(error) => return Ok(Err(io::Error::other(error.value(py).to_string()))),
    };
    let mut places = Vec::new();
    for entry in found.try_iter()? {
        let place = entry?.get_item(4)?;
        places.push((place.get_item(0)?, place.get_item(1)?));
    }
    addresses(places.into_pyobject(py)?.as_any())
}

/// The answer of an event loop's resolver: `[(address, port), …]` or an exception.
///
/// # Errors
/// When it is neither.
pub fn addresses(answer: &Bound<'_, PyAny>) -> PyResult<io::Result<Vec<SocketAddr>>> {
    if answer.is_instance_of::<pyo3::exceptions::PyBaseException>() {
        return Ok(Err(io::Error::other(answer.str()?.to_string())));
    }
    let mut found = Vec::new();
    for item in answer.try_iter()? {
        let (address, port): (String, u16) = item?.extract()?;
        // A zone (`fe80::1%eth0`) is the business of the resolver; the socket wants its number.
        match address.split('%').next().unwrap_or_default().parse() {
            Ok(ip) => found.push(SocketAddr::new(ip, port)),
            Err(_) => return Ok(Err(io::Error::other(format!("bad address {address:?}")))),
        }
    }
    Ok(Ok(found))
}
