"""A PostgreSQL server in a temporary directory: made, started, stopped and removed.

Whatever happens, nothing is left behind: the server stops on leaving the context, on `stop()`, at
the interpreter's exit, and when this process is killed (see `_watchdog`).
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from ._binaries import Binaries, Preference, find_binaries
from ._certificates import Certificates, make_certificates
from ._errors import PortInUse
from ._installation import SETTINGS, Installation, free_port, quoted, require_free
from ._postmaster import Postmaster, StartProblem

HOST = "127.0.0.1"


class Server:
    """A running PostgreSQL server, as returned by `psycoxide.local.server()`.

    Stops when the context which it is entered with ends.
    """

    host: str = HOST
    """The address it listens on."""

    port: int
    """The TCP port it listens on."""

    user: str
    """A superuser's name."""

    password: str
    """The password of `user`, asked for over TCP (SCRAM-SHA-256)."""

    dbname: str
    """A database, empty at first."""

    tls: Certificates | None
    """The files of the server's certificates if it speaks TLS."""

    binaries: Binaries
    """The installation which it runs from."""

    directory: Path
    """Where all its files are; also the folder of its unix socket."""

    def __init__(
        self,
        binaries: Binaries,
        *,
        port: int | None,
        user: str,
        password: str,
        dbname: str,
        tls: bool,
        config: Mapping[str, object],
        hba: Iterable[str],
    ) -> None:
        """Make and start the server; use `psycoxide.local.server()`."""
        self.binaries = binaries
        self.user, self.password, self.dbname = user, password, dbname
        self.port = free_port(HOST) if port is None else port
        self._owner = os.getpid()
        self._postmaster: Postmaster | None = None
        self._installation = Installation(binaries, f".s.PGSQL.{self.port}")
        self.directory = self._installation.folder
        atexit.register(self.stop)
        try:
            self._installation.prepare()
            self.tls = self._make_certificates() if tls else None
            self._make_data(config, hba)
            self._postmaster = self._installation.postmaster(self._data, self.directory / "log")
            self._start(self._postmaster)
        except BaseException:
            self.stop()
            raise

    @property
    def conninfo(self) -> dict[str, str]:
        """The connection parameters, for `connect(**server.conninfo)`."""
        return {
            "host": self.host,
            "port": str(self.port),
            "user": self.user,
            "password": self.password,
            "dbname": self.dbname,
        }

    @property
    def dsn(self) -> str:
        """The connection parameters as a connection string."""
        return quoted(self.conninfo)

    @property
    def version(self) -> int:
        """The server's major version, such as 18."""
        return int((self._data / "PG_VERSION").read_text("ascii"))

    @property
    def log(self) -> str:
        """What the server has written to its log so far."""
        return (self.directory / "log").read_text("utf-8", errors="replace")

    def restart(self) -> None:
        """Stop the server and start it again on the same port and data.

        Open connections end with SQLSTATE 57P01 (admin_shutdown).
        """
        assert self._postmaster is not None
        self._postmaster.terminate(signal.SIGINT)
        self._start(self._postmaster)

    def stop(self) -> None:
        """Stop the server and remove its directory; nothing is done the second time."""
        if os.getpid() != self._owner:
            return  # A fork of the process that owns the server.
        atexit.unregister(self.stop)
        if self._postmaster is not None:
            self._postmaster.terminate(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        running = self._postmaster is not None and self._postmaster.running
        state = "running" if running else "stopped"
        return f"<{type(self).__name__} {state} on {self.host}:{self.port} in {self.directory}>"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _make_certificates(self) -> Certificates:
        folder = self.directory / "tls"
        folder.mkdir()
        certificates = make_certificates(folder, self.user)
        # The client's key stays the caller's: clients refuse a key of somebody else.
        self._installation.own(certificates.server_key)
        return certificates

    def _make_data(self, config: Mapping[str, object], hba: Iterable[str]) -> None:
        installation = self._installation
        installation.initdb(self._data, self.user, self.password, "--auth-host=scram-sha-256")
        settings = {
            **SETTINGS,
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": self.directory,
        }
        if self.tls is not None:
            settings |= {
                "ssl": True,
                "ssl_cert_file": self.tls.server,
                "ssl_key_file": self.tls.server_key,
                "ssl_ca_file": self.tls.authority,
            }
        settings |= config
        installation.configure(self._data, settings, hba)
        installation.create_database(self._data, self.dbname)

    def _start(self, postmaster: Postmaster) -> None:
        require_free(HOST, self.port)
        postmaster.spawn()
        try:
            postmaster.wait_ready()
        except StartProblem as problem:
            installation = self._installation
            raise installation.failure(str(problem), self.log, HOST, self.port) from None


def server(
    *,
    port: int | None = None,
    user: str = "yugabyte",
    password: str = "yugabyte",
    dbname: str = "yugabyte",
    tls: bool = False,
    config: Mapping[str, object] | None = None,
    hba: Iterable[str] = (),
    prefer: Preference = "embedded",
) -> Server:
    """Start a throw-away PostgreSQL server, which stands in for YugabyteDB.

    Args:
        port: the port to listen on, at 127.0.0.1; None takes a free one. YugabyteDB's is 5433.
        user: the name of the superuser to make.
        password: that user's password, needed over TCP but not over the unix socket.
        dbname: the database to make.
        tls: make certificates (see `Server.tls`) and accept TLS; needs a server built with it.
        config: settings for postgresql.conf, by name; they override those made here.
        hba: lines to put before the others of pg_hba.conf, to ask for other authentication.
        prefer: "full" to take the PyPI package's server (without TLS and contrib) only where no
            other is installed; "embedded" takes it first. See `find_binaries`.

    Raises:
        BinariesNotFound: no PostgreSQL is installed.
        PortInUse: something listens on `port`.
        StartFailed: PostgreSQL's programs failed; the message holds their output.
    """
    binaries = find_binaries("full" if tls else prefer)
    attempts = 3 if port is None else 1  # A free port may be taken before the server binds it.
    while True:
        attempts -= 1
        if port is not None:
            require_free(HOST, port)
        try:
            return Server(
                binaries,
                port=port,
                user=user,
                password=password,
                dbname=dbname,
                tls=tls,
                config=config or {},
                hba=hba,
            )
        except PortInUse:
            if not attempts:
                raise
