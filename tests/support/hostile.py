"""A server that breaks the rules: a script in Python speaks for it, on a real socket.

    async def test_x(twin, hostile):
        def script(peer):
            peer.greet()                         # up to the first ReadyForQuery
            peer.read_query()                    # up to Query or Sync
            peer.send(b"D\\0\\0\\0\\x03")           # what a server must not do
            peer.wait_closed()

        server = hostile(script)
        conn = await twin.connect(server.dsn)

Every connection runs the script anew, in a thread of its own, but for cancel requests: those are
kept in `server.cancels`. A script ends when it returns; the socket is closed then. Nothing here
waits for longer than `PATIENCE` seconds.

Messages: <https://www.postgresql.org/docs/current/protocol-message-formats.html>
"""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

PATIENCE = 10.0
SSL_REQUEST, CANCEL_REQUEST = 80877103, 80877102
PID, SECRET = 4711, b"\x01\x02\x03\x04"

Script: TypeAlias = "Callable[[Peer], object]"


def message(tag: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    """A message; `length`, of the body with the length word itself, may be a lie."""
    return (
        tag + struct.pack("!I", (len(body) + 4 if length is None else length) & 0xFFFFFFFF) + body
    )


def authentication(code: int, data: bytes = b"") -> bytes:
    """A request of the server to authenticate: 0 ok, 3 cleartext, 5 MD5, 10 SASL."""
    return message(b"R", struct.pack("!i", code) + data)


def parameter(name: bytes, value: bytes) -> bytes:
    """A setting that the server reports."""
    return message(b"S", name + b"\0" + value + b"\0")


def backend_key() -> bytes:
    """What a cancel request has to show."""
    return message(b"K", struct.pack("!I", PID) + SECRET)


def ready(status: bytes = b"I") -> bytes:
    """ReadyForQuery."""
    return message(b"Z", status)


def row_description(*columns: tuple[bytes, int], text: bool = True) -> bytes:
    """The columns of a result: names and types."""
    fields = b"".join(
        name + b"\0" + struct.pack("!IhIhih", 0, 0, oid, -1, -1, 0 if text else 1)
        for name, oid in columns
    )
    return message(b"T", struct.pack("!h", len(columns)) + fields)


def data_row(*cells: bytes | None) -> bytes:
    """A row."""
    body = b"".join(
        struct.pack("!i", -1) if cell is None else struct.pack("!i", len(cell)) + cell
        for cell in cells
    )
    return message(b"D", struct.pack("!h", len(cells)) + body)


def complete(tag: bytes = b"SELECT 1") -> bytes:
    """CommandComplete."""
    return message(b"C", tag + b"\0")


def report(
    text: bytes, sqlstate: bytes = b"XX000", severity: bytes = b"ERROR", tag: bytes = b"E"
) -> bytes:
    """ErrorResponse, or with the tag `N` NoticeResponse."""
    fields = [b"S" + severity, b"V" + severity, b"C" + sqlstate, b"M" + text]
    return message(tag, b"".join(field + b"\0" for field in fields) + b"\0")


#: What a server says to a client that it lets in.
WELCOME = (
    authentication(0)
    + parameter(b"client_encoding", b"UTF8")
    + parameter(b"server_version", b"18.0")
    + parameter(b"standard_conforming_strings", b"on")
    + parameter(b"DateStyle", b"ISO, MDY")
    + parameter(b"TimeZone", b"UTC")
    + backend_key()
    + ready()
)
#: What answers a query `SELECT` of one int4, `1`, in the simple protocol.
ONE = row_description((b"one", 23)) + data_row(b"1") + complete() + ready()


class Hangup(Exception):
    """The client has gone, or the test is over: ends the script."""


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.parameters: dict[bytes, bytes] = {}
        """The parameters of the startup packet."""
        sock.settimeout(PATIENCE)

    def send(self, data: bytes) -> None:
        """Send bytes, whatever they are."""
        try:
            self.socket.sendall(data)
        except OSError as ex:
            raise Hangup from ex

    def drip(self, data: bytes) -> None:
        """Send bytes one by one, each in a segment of its own."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for index in range(len(data)):
            self.send(data[index : index + 1])

    def read(self, count: int) -> bytes:
        """Read exactly so many bytes."""
        data = b""
        while len(data) < count:
            try:
                part = self.socket.recv(count - len(data))
            except OSError as ex:
                raise Hangup from ex
            if not part:
                raise Hangup
            data += part
        return data

    def read_packet(self) -> tuple[int, bytes]:
        """Read a packet without a type: its code and the rest."""
        (length,) = struct.unpack("!I", self.read(4))
        body = self.read(length - 4)
        return struct.unpack_from("!I", body)[0], body[4:]

    def read_startup(self, ssl_answer: bytes = b"N") -> None:
        """Read the startup packet; requests of encryption before it are answered."""
        code, rest = self.read_packet()
        if code == SSL_REQUEST:
            self.send(ssl_answer)
            code, rest = self.read_packet()
        self.take_startup(code, rest)

    def take_startup(self, code: int, rest: bytes) -> None:
        """Keep what a startup packet says; nothing more comes behind a cancel request."""
        if code == CANCEL_REQUEST:
            raise Hangup
        assert code >> 16 == 3, f"{code:#x} is not a startup packet"
        words = rest.split(b"\0")
        self.parameters = dict(zip(words[::2], words[1::2], strict=False))

    def greet(self, welcome: bytes = WELCOME) -> None:
        """Let the client in."""
        self.read_startup()
        self.send(welcome)

    def greet_encrypted(self, context: ssl.SSLContext) -> None:
        """Speak TLS, and let the client in."""
        self.read_packet()
        self.send(b"S")
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.take_startup(*self.read_packet())
        self.send(WELCOME)

    def read_message(self) -> tuple[bytes, bytes]:
        """Read a message: its type and body."""
        tag = self.read(1)
        (length,) = struct.unpack("!I", self.read(4))
        return tag, self.read(length - 4)

    def read_query(self) -> list[tuple[bytes, bytes]]:
        """Read all messages up to Query or Sync."""
        messages = []
        while not messages or messages[-1][0] not in (b"Q", b"S"):
            messages.append(self.read_message())
            if messages[-1][0] == b"X":
                raise Hangup
        return messages

    def answer(self, *answers: bytes) -> None:
        """Answer queries, one after the other, each with one of the answers."""
        for data in answers:
            self.read_query()
            self.send(data)

    def wait_closed(self) -> None:
        """Wait until the client hangs up."""
        while True:
            self.read(1)

    def reset(self) -> None:
        """Close so that the client gets a reset instead of an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        raise Hangup


class HostileServer:
    """A listening socket, and the script that answers it."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.cancels: queue.Queue[tuple[int, bytes]] = queue.Queue()
        """The cancel requests: process and secret."""
        self.failures: list[BaseException] = []
        """What scripts have raised."""
        self.accepted = 0
        """How many connections there were, cancel requests included."""
        self.on_cancel: Callable[[], object] = lambda: None
        """Called when a cancel request has come."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._peers: list[Peer] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def dsn(self) -> str:
        """The connection string. The driver asks for TLS unless a test says otherwise."""
        return f"host=127.0.0.1 port={self.port} user=tester password=PASSWORD dbname=test"

    def stop(self) -> None:
        """Close everything and wait for the threads."""
        # Wakes a thread that is in accept() or recv(), which close() does not.
        for sock in [self._listener, *(peer.socket for peer in self._peers)]:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # Without TLS's words.
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a script does not end"
        self._listener.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        # accept() takes a descriptor's number before it waits, and tests count those.
        waiting = select.poll()
        waiting.register(self._listener, select.POLLIN)
        while True:
            waiting.poll()
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._peers.append(Peer(sock))
            self._start(self._serve, self._peers[-1])

    def _serve(self, peer: Peer) -> None:
        try:
            if not self._take_cancel(peer.socket):
                self.script(peer)
        except (Hangup, ConnectionError, ssl.SSLError):
            pass
        except BaseException as ex:
            self.failures.append(ex)
        finally:
            peer.socket.close()

    def _take_cancel(self, sock: socket.socket) -> bool:
        """Take a cancel request, if the first packet is one."""
        first = sock.recv(16, socket.MSG_PEEK)
        if len(first) < 16 or struct.unpack_from("!I", first, 4)[0] != CANCEL_REQUEST:
            return False
        self.cancels.put((struct.unpack_from("!I", first, 8)[0], first[12:16]))
        self.on_cancel()
        return True


@pytest.fixture
def hostile(dsn: str) -> Iterator[Callable[[Script], HostileServer]]:
    """A function that starts a server with a script; it stops with the test."""
    servers: list[HostileServer] = []

    def start(script: Script) -> HostileServer:
        servers.append(HostileServer(script))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
    for server in servers:
        for failure in server.failures:
            raise failure
