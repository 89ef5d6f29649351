//! Host names to addresses, through the system's resolver.
//!
//! A blocking call: the synchronous driver makes it with the interpreter's lock released, the
//! asynchronous one asks its event loop instead and never comes here.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// All addresses of `name`, in the order the system prefers them, without repetition.
///
/// # Errors
/// What `getaddrinfo` reports, with the name; [`io::ErrorKind::NotFound`] when there is none.
pub fn resolve(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    // A bracketed IPv6 address is a form of URIs, which conninfo has already undone.
    let found = (name, port).to_socket_addrs().map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("could not resolve host name \"{name}\": {error}"),
        )
    })?;
    let mut addresses = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        let message = format!("could not resolve host name \"{name}\": it has no address");
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    Ok(addresses)
}

/// The same within a time, in a thread of its own; `None` when the time is over.
pub fn resolve_within(
    name: &str,
    port: u16,
    limit: Duration,
) -> Option<io::Result<Vec<SocketAddr>>> {
    let (sender, receiver) = channel();
    let name = name.to_owned();
    let resolver = std::thread::Builder::new().name("psycoxide-resolve".to_owned());
    let spawned = resolver.spawn(move || {
        // Nobody may be waiting any more.
        let _ = sender.send(resolve(&name, port));
    });
    if let Err(error) = spawned {
        return Some(Err(error));
    }
    match receiver.recv_timeout(limit) {
        Ok(answer) => Some(answer),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(Err(io::Error::other("the resolver failed"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_addresses_need_no_resolver() {
        assert_eq!(
            resolve("127.0.0.1", 5433).unwrap(),
            ["127.0.0.1:5433".parse().unwrap()]
        );
        assert_eq!(resolve("::1", 1).unwrap(), ["[::1]:1".parse().unwrap()]);
    }

    #[test]
    fn localhost_is_a_loopback_address_once() {
        let addresses = resolve("localhost", 5433).unwrap();
        assert!(addresses.iter().all(|address| address.ip().is_loopback()));
        let mut unique = addresses.clone();
        unique.dedup();
        assert_eq!(unique, addresses);
    }

    #[test]
    fn within_a_time() {
        let limit = Duration::from_secs(20);
        let addresses = resolve_within("127.0.0.1", 5, limit).unwrap().unwrap();
        assert_eq!(addresses, ["127.0.0.1:5".parse().unwrap()]);
        assert!(resolve_within("127.0.0.1", 5, Duration::ZERO).is_none_or(|it| it.is_ok()));
    }

    #[test]
    fn an_unknown_name_is_named_in_the_error() {
        let error = resolve("no-such-host.invalid", 5433).unwrap_err();
        assert!(
            error.to_string().contains("\"no-such-host.invalid\""),
            "{error}"
        );
    }
}
