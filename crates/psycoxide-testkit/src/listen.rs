//! Places on the loopback where tests listen.
//!
//! The rule it guards: a port belongs to one test for as long as its process lives. What a client
//! does in the background goes on after the test that began it, and after its server has gone; were
//! the port given out again, it would come to the server of another test.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};

use socket2::{Domain, Socket, Type};

/// As many as a listener of the standard library takes.
const BACKLOG: i32 = 128;

/// What keeps the ports: sockets that are bound to them and never listen.
static KEPT: Mutex<Vec<Socket>> = Mutex::new(Vec::new());

/// Listens at a free port of the loopback. When the listener is dropped nobody listens there any more,
/// in this process or another, until this process has ended.
///
/// ```
/// use std::net::TcpStream;
///
/// let listener = psycoxide_testkit::listen();
/// let address = listener.local_addr()?;
/// TcpStream::connect(address)?;
/// drop(listener);
/// assert!(TcpStream::connect(address).is_err());
/// assert!(std::net::TcpListener::bind(address).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
///
/// When there is no free port.
pub fn listen() -> TcpListener {
    // Two sockets at one port: both must agree to it. A port that is looked for is one that nobody
    // has, whether he agrees or not.
    let bind = |port: u16| -> std::io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_port(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
        Ok(socket)
    };
    let keeper = bind(0).expect("the loopback has a free port");
    let address = keeper.local_addr().ok().and_then(|it| it.as_socket());
    let port = address.expect("what is bound has an address").port();
    let listener = bind(port).expect("the port is ours");
    listener.listen(BACKLOG).expect("one can listen there");
    KEPT.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(keeper);
    listener.into()
}
