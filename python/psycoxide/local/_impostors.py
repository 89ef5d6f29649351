"""What listens in the place of a node that is not there: nothing answers, or only refusals do.

Neither needs rights of any kind: the address is the node's own while its server is stopped.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104

# The kernel completes this many handshakes nobody accepts, and drops what comes after them.
BACKLOG = 0
FILLERS = 16
SETTLE = 0.05


class Blackhole:
    """A port whose connection attempts are never answered: neither taken nor refused.

    It is a listening socket whose queue is full, so that the system drops every further attempt.
    """

    def __init__(self, host: str, port: int) -> None:
        """Take the port."""
        self._listener = _listen(host, port, BACKLOG)
        self._fillers: list[socket.socket] = []
        for _ in range(FILLERS):
            filler = socket.socket()
            filler.setblocking(False)
            self._fillers.append(filler)
            filler.connect_ex((host, port))
            with contextlib.suppress(OSError):
                filler.settimeout(SETTLE)
                filler.send(b"")
                filler.getpeername()
                continue
            break  # This one hangs: the queue is full.

    def close(self) -> None:
        """Free the port."""
        for filler in self._fillers:
            filler.close()
        self._listener.close()


class Refuser:
    """A port where every connection attempt is answered with one error, as a server does it.

    `attempts` counts the startup packets that were answered.
    """

    def __init__(self, host: str, port: int, sqlstate: str, message: str) -> None:
        """Take the port and answer in a thread."""
        self.attempts = 0
        fields = {"S": "FATAL", "V": "FATAL", "C": sqlstate, "M": message}
        body = b"".join(code.encode() + text.encode() + b"\0" for code, text in fields.items())
        self._answer = b"E" + struct.pack("!i", len(body) + 5) + body + b"\0"
        self._listener = _listen(host, port, 128)
        self._listener.settimeout(0.1)
        self._closing = threading.Event()
        name = f"psycoxide-refuser-{host}:{port}"
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Free the port."""
        self._closing.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with client, contextlib.suppress(OSError, struct.error):
                client.settimeout(1.0)
                self._refuse(client)

    def _refuse(self, client: socket.socket) -> None:
        while True:
            length, code = struct.unpack("!ii", _read(client, 8))
            _read(client, length - 8)
            if code not in (SSL_REQUEST, GSS_REQUEST):
                break
            client.sendall(b"N")
        self.attempts += 1
        client.sendall(self._answer)


def _listen(host: str, port: int, backlog: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(backlog)
    return listener


def _read(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = client.recv(size - len(data))
        if not part:
            raise ConnectionError("the client left")
        data += part
    return data
