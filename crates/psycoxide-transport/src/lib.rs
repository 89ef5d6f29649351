//! Sockets, TLS, name resolution and polling: the only system calls of the driver.
//!
//! The crate moves bytes and knows nothing of their meaning: it does not speak the PostgreSQL
//! protocol, does not read connection strings, and never decides to retry. It never loops on a
//! call that would block and never swallows an interruption: a partial write, `WouldBlock` and
//! `Interrupted` are answers for the caller, who alone knows about deadlines and signals.
//!
//! In blocking mode a query costs one `send` and one `recv`: see [`Stream`].
//!
//! ```
//! use psycoxide_transport::{Stream, Target, SocketOptions, poll};
//! # use std::{net::TcpListener, io::{Read, Write}, time::Duration};
//! # let server = TcpListener::bind("127.0.0.1:0")?;
//! let target = Target::Tcp(server.local_addr()?);
//! let mut stream = Stream::connect_start(&target, &SocketOptions::default())?;
//! while !stream.connect_finish()? {
//!     poll::wait(&stream, false, true, Some(Duration::from_secs(1)))?;
//! }
//! stream.set_blocking(Some(Duration::from_millis(100)))?;
//! assert_eq!(stream.write(b"hello")?, 5);
//! # let (mut peer, _) = server.accept()?;
//! # let mut got = [0; 5];
//! # peer.read_exact(&mut got)?;
//! # peer.write_all(&got)?;
//! let mut buffer = [0; 16];
//! assert_eq!(stream.read(&mut buffer)?, 5);
//! # Ok::<(), std::io::Error>(())
//! ```

mod bell;
mod descriptor;
mod local;
pub mod poll;
pub mod resolve;
mod stream;
mod tcp;
pub mod tls;
mod unix;
pub mod verify;

pub use bell::Bell;
pub use descriptor::Descriptor;
pub use local::is_local;
pub use stream::{Stream, Target};
pub use tcp::SocketOptions;
pub use tls::{Handshake, TlsConfig, TlsConnector, TlsError, TlsInfo};
