"""A network that breaks: a proxy between the driver and a real server.

    async def test_x(twin, proxy):
        conn = await twin.connect(proxy.dsn)
        proxy.arm(Fault("cut", "to client", message=2))   # two more messages, then the end
        await conn.execute("SELECT 1")                    # raises

What passes is counted from the moment a fault is armed, over all connections. A fault strikes in
place of the message, or the byte, of that number, and takes all connections with it. With TLS
between driver and server only bytes can be counted.

    proxy.pace = Pace(piece=1)                            # every byte by itself
    proxy.pace = Pace(seconds=0.001)                      # and slowly

A blackhole leaves the connections open and passes nothing any more. After `PATIENCE` seconds it
ends in a cut, so that a driver which waits for ever fails a test instead of holding it up.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pytest

from psycoxide import local
from psycoxide.conninfo import make_conninfo

PATIENCE = 15.0
SSL_REQUEST, CANCEL_REQUEST = 80877103, 80877102

Direction: TypeAlias = Literal["to client", "to server"]
DIRECTIONS: tuple[Direction, Direction] = ("to client", "to server")


@dataclass(frozen=True)
class Fault:
    """What happens, and when: after so many messages, or bytes, in one direction."""

    kind: Literal["cut", "reset", "blackhole"]
    direction: Direction
    message: int | None = None
    byte: int | None = None


@dataclass(frozen=True)
class Pace:
    """How bytes travel: in pieces of so many bytes, with a pause after each read."""

    piece: int | None = None
    seconds: float = 0.0


@dataclass
class Count:
    """What has passed in one direction."""

    messages: int = 0
    bytes: int = 0


class Framing:
    """Finds the beginnings of messages in one direction of a connection in the clear."""

    def __init__(self, *, startup: bool) -> None:
        self._header = b""
        self._left = 0
        self._startup = startup

    def split(self, data: bytes) -> Iterator[tuple[bool, bytes]]:
        """Split what has come: whether a message begins with the piece, and the piece."""
        while data:
            begins = not self._left and not self._header
            if self._left:
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
            else:
                size = 4 if self._startup else 5
                take = size - len(self._header)
                piece, data = data[:take], data[take:]
                self._header += piece
                if len(self._header) == size:
                    (length,) = struct.unpack("!I", self._header[-4:])
                    self._left, self._header, self._startup = length - 4, b"", False
            yield begins, piece


class Link:
    """One connection through the proxy: two sockets and a thread for each direction."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self.proxy = proxy
        self.client = client
        self.exempt = False
        """Nothing happens to it, and nothing of it is counted."""
        self.server = socket.create_connection(proxy.target)
        for sock in (client, self.server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.framing = {
            "to server": Framing(startup=True),
            "to client": Framing(startup=False),
        }
        self.running = len(DIRECTIONS)
        self.threads = [
            threading.Thread(target=self._pump, args=(direction,), daemon=True)
            for direction in DIRECTIONS
        ]
        for thread in self.threads:
            thread.start()

    def _pump(self, direction: Direction) -> None:
        ends = (self.client, self.server)
        source, sink = ends if direction == "to server" else ends[::-1]
        try:
            while data := source.recv(65536):
                if not self._pass(direction, data, sink):
                    break
            # An end in good order, passed on as such.
            if self.exempt or not self.proxy.dark:
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.end()
        # Not before nobody uses them: the number of a closed socket is soon another one's.
        with self.proxy.lock:
            self.running -= 1
            last = not self.running
        if last:
            self.client.close()
            self.server.close()

    def _pass(self, direction: Direction, data: bytes, sink: socket.socket) -> bool:
        """Pass bytes on; whether more may follow."""
        proxy = self.proxy
        if proxy.pace.seconds:
            time.sleep(proxy.pace.seconds)
        with proxy.lock:
            allowed, struck = proxy.admit(direction, self, data)
        step = proxy.pace.piece or len(allowed) or 1
        for start in range(0, len(allowed), step):
            sink.sendall(allowed[start : start + step])
        if struck:
            proxy.strike()
        return self.exempt or not struck

    def end(self, *, reset: bool = False) -> None:
        """End both connections; the threads close the sockets."""
        if reset:
            linger = struct.pack("ii", 1, 0)
            with contextlib.suppress(OSError):
                self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        # To shut down the writing would end the connection in good order, which a reset must not.
        for sock, how in (
            (self.client, socket.SHUT_RD if reset else socket.SHUT_RDWR),
            (self.server, socket.SHUT_RDWR),
        ):
            with contextlib.suppress(OSError):
                sock.shutdown(how)

    def join(self) -> None:
        """Wait for the threads."""
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a thread of the proxy does not end"


class Proxy:
    """Listens, and passes every connection on to the server."""

    def __init__(self, host: str, port: int, dsn: str, *, framed: bool) -> None:
        self.target = (host, port)
        self.framed = framed
        """Whether messages can be told from one another."""
        self.lock = threading.Lock()
        self.pace = Pace()
        self.dark = False
        """Nothing passes any more."""
        self.struck = threading.Event()
        """The fault has happened."""
        self.counts = {direction: Count() for direction in DIRECTIONS}
        self._fault: Fault | None = None
        self._links: list[Link] = []
        self._timer: threading.Timer | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.dsn = make_conninfo(dsn, host="127.0.0.1", port=self.port)
        """The connection string: that of the server, through the proxy."""
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def arm(self, fault: Fault | None, *, fresh: bool = False) -> None:
        """Count from now on, and have the fault happen when its time has come.

        With `fresh` it is for the connections that are made from now on, and spares the others.
        """
        with self.lock:
            for link in self._links:
                link.exempt = fresh
            self.counts = {direction: Count() for direction in DIRECTIONS}
            self._fault = fault
            self.struck.clear()

    def admit(self, direction: Direction, link: Link, data: bytes) -> tuple[bytes, bool]:
        """Count what has come: what of it may pass, and whether the fault happens behind it."""
        if link.exempt:
            return data, False
        if self.dark:
            return b"", False
        count, fault = self.counts[direction], self._fault
        if fault is not None and fault.direction != direction:
            fault = None
        allowed = b""
        pieces = link.framing[direction].split(data) if self.framed else [(False, data)]
        for begins, piece in pieces:
            if begins:
                if fault is not None and count.messages == fault.message:
                    return allowed, True
                count.messages += 1
            if fault is not None and fault.byte is not None:
                room = fault.byte - count.bytes
                if room < len(piece):
                    return allowed + piece[:room], True
            count.bytes += len(piece)
            allowed += piece
        return allowed, False

    def strike(self) -> None:
        """Have the fault happen."""
        with self.lock:
            fault, self._fault = self._fault, None
            links = [link for link in self._links if not link.exempt]
        if fault is None:
            return  # The other direction was first.
        self.dark = fault.kind == "blackhole"
        self.struck.set()
        if self.dark:
            self.cut_later(PATIENCE)
            return
        for link in links:
            link.end(reset=fault.kind == "reset")

    def cut_later(self, seconds: float) -> None:
        """End all connections in so many seconds, unless that was asked for before."""
        with self.lock:
            if self._timer is None:
                self._timer = threading.Timer(seconds, self.cut)
                self._timer.start()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
            self._timer = None

    def settle(self) -> None:
        """Wait for the ends of all connections: their clients have closed them."""
        for link in self._links:
            link.join()
        self._links.clear()

    def cut(self) -> None:
        """End all connections."""
        for link in list(self._links):
            link.end()

    def stop(self) -> None:
        """Close everything and wait for the threads."""
        self._forget_timer()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._listener.close()
        self.cut()
        self.settle()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            link = Link(self, client)
            with self.lock:
                self._links.append(link)


@pytest.fixture
def new_proxy(server: local.Server) -> Iterator[Callable[..., Proxy]]:
    """A function that starts a proxy in front of a server; it stops with the test."""
    proxies: list[Proxy] = []

    def start(target: local.Server = server, sslmode: str = "disable") -> Proxy:
        dsn = make_conninfo(target.dsn, sslmode=sslmode)
        proxies.append(Proxy(target.host, target.port, dsn, framed=sslmode == "disable"))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.stop()


@pytest.fixture
def proxy(new_proxy: Callable[..., Proxy]) -> Proxy:
    """A proxy in front of the server which the tests share, in the clear."""
    return new_proxy()
