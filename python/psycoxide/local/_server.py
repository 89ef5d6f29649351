"""A PostgreSQL server in a temporary directory: made, started, stopped and removed.

`postgres` runs as a child of this process, so that its end is noticed at once. Whatever happens,
nothing is left behind: the server stops on leaving the context, on `stop()`, at the interpreter's
exit, and when this process is killed (see `_watchdog`).
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ._account import reachable, unprivileged
from ._binaries import Binaries, Preference, find_binaries
from ._certificates import Certificates, make_certificates
from ._errors import LocalServerError, PortInUse, StartFailed
from ._watchdog import Watchdog

HOST = "127.0.0.1"

START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
POLL_INTERVAL = 0.01

# A socket's path has to fit into sun_path: 104 bytes on macOS, 108 on Linux.
LONGEST_SOCKET_PATH = 103

SETTINGS: dict[str, object] = {
    "timezone": "UTC",
    "max_connections": 200,
    # The data is thrown away, so it need not survive a crash of the machine.
    "fsync": False,
    "synchronous_commit": False,
    "full_page_writes": False,
}


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
        self.port = _free_port() if port is None else port
        self._owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: Watchdog | None = None
        self._account = unprivileged()
        self.directory = self._make_directory()
        atexit.register(self.stop)
        try:
            bin_folder = binaries.bin
            if self._account is not None:
                bin_folder = reachable(binaries, self._account, self.directory)
            self._initdb, self._postgres = bin_folder / "initdb", bin_folder / "postgres"
            self.tls = self._make_certificates() if tls else None
            self._make_cluster(config, hba)
            self._start()
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
        return " ".join(f"{keyword}={_quoted(value)}" for keyword, value in self.conninfo.items())

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
        self._terminate(signal.SIGINT)
        self._start()

    def stop(self) -> None:
        """Stop the server and remove its directory; nothing is done the second time."""
        if os.getpid() != self._owner:
            return  # A fork of the process that owns the server.
        atexit.unregister(self.stop)
        self._terminate(signal.SIGQUIT)
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
        state = "stopped" if self._process is None else "running"
        return f"<{type(self).__name__} {state} on {self.host}:{self.port} in {self.directory}>"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _make_directory(self) -> Path:
        for parent in (tempfile.gettempdir(), "/tmp"):
            directory = Path(tempfile.mkdtemp(prefix="psycoxide-", dir=parent))
            if self._account is not None:
                os.chown(directory, self._account.uid, self._account.gid)
            socket_path = directory / f".s.PGSQL.{self.port}"
            if len(os.fsencode(socket_path)) <= LONGEST_SOCKET_PATH and (
                self._account is None or self._account.can_reach(directory)
            ):
                return directory
            directory.rmdir()
        raise LocalServerError(f"the server's account cannot reach {tempfile.gettempdir()} or /tmp")

    def _make_certificates(self) -> Certificates:
        folder = self.directory / "tls"
        folder.mkdir()
        certificates = make_certificates(folder, self.user)
        if self._account is not None:
            # The client's key stays the caller's: clients refuse a key of somebody else.
            os.chown(certificates.server_key, self._account.uid, self._account.gid)
        return certificates

    def _make_cluster(self, config: Mapping[str, object], hba: Iterable[str]) -> None:
        password_file = self.directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password + "\n", "utf-8")
        if self._account is not None:
            os.chown(password_file, self._account.uid, self._account.gid)
        # Without a locale text is ordered by code point, as YugabyteDB does by default.
        self._run(
            [self._initdb, "--pgdata", self._data, "--username", self.user],
            ["--pwfile", password_file, "--auth-host=scram-sha-256", "--auth-local=trust"],
            ["--encoding=UTF8", "--no-locale", "--no-sync"],
        )
        password_file.unlink()

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
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = {_setting(value)}\n" for name, value in settings.items())
        rules = self._data / "pg_hba.conf"
        rules.write_text("".join(f"{line}\n" for line in hba) + rules.read_text("utf-8"), "utf-8")

        if self.dbname not in ("postgres", "template1"):
            name = self.dbname.replace('"', '""')
            self._run(
                [self._postgres, "--single", "-D", self._data, "postgres"],
                stdin=f'CREATE DATABASE "{name}"\n',
            )

    def _run(self, *arguments: list[str | Path], stdin: str = "") -> None:
        command = [str(argument) for part in arguments for argument in part]
        result = subprocess.run(
            command, input=stdin, capture_output=True, text=True, **self._process_options()
        )
        if result.returncode != 0:
            raise self._failure(f"{command[0]} failed", result.stdout + result.stderr)

    def _process_options(self) -> dict[str, Any]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        options: dict[str, Any] = {"cwd": self.directory, "env": {**environment, "LC_ALL": "C"}}
        if self._account is not None:
            options |= {
                "user": self._account.uid,
                "group": self._account.gid,
                "extra_groups": [],
            }
        return options

    def _start(self) -> None:
        _require_free(self.port)
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._postgres), "-D", str(self._data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process, not for the server.
                **self._process_options(),
            )
        self._watchdog = Watchdog(self._process.pid, self.directory)
        deadline = time.monotonic() + START_TIMEOUT
        while not self._is_ready():
            if self._process.poll() is not None:
                raise self._failure("postgres ended at its start", self.log)
            if time.monotonic() > deadline:
                raise self._failure(f"postgres is not ready after {START_TIMEOUT:.0f} s", self.log)
            time.sleep(POLL_INTERVAL)

    def _is_ready(self) -> bool:
        # The eighth line of this file is the state; its first the process which wrote it.
        try:
            lines = (self._data / "postmaster.pid").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return False
        assert self._process is not None
        return (
            len(lines) >= 8 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready"
        )

    def _terminate(self, kind: signal.Signals) -> None:
        if self._watchdog is not None:
            self._watchdog.dismiss()
            self._watchdog = None
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(kind)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _failure(self, what: str, output: str) -> LocalServerError:
        if "SSL is not supported by this build" in output:
            return StartFailed(
                f"{self.binaries} was built without TLS: install another PostgreSQL"
                " (on Debian: `apt-get install postgresql`)"
            )
        if "could not bind" in output and "in use" in output:
            return _port_in_use(self.port)
        tail = "\n".join(output.strip().splitlines()[-20:])
        return StartFailed(f"{what}, with {self.binaries}:\n{tail}")


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
            _require_free(port)
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise _port_in_use(port) from error


def _port_in_use(port: int) -> PortInUse:
    return PortInUse(
        f"port {port} on {HOST} is in use: stop what listens there, or give another port"
        " (port=None takes a free one)"
    )


def _setting(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    text = str(value).replace("\\", "\\\\").replace("'", "''")
    return f"'{text}'"


def _quoted(value: str) -> str:
    if value and not any(character.isspace() or character in "'\\" for character in value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
