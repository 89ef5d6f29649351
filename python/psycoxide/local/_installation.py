"""A PostgreSQL installation at work in one folder: data directories made and configured.

Everything is run as the account that PostgreSQL needs (see `_account`), and what a program says
when it fails is kept for the exception.
"""

from __future__ import annotations

import errno
import os
import random
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from ._account import reachable, unprivileged
from ._binaries import Binaries
from ._errors import LocalServerError, PortInUse, StartFailed
from ._postmaster import Postmaster, process_options

# A socket's path has to fit into sun_path: 104 bytes on macOS, 108 on Linux.
LONGEST_SOCKET_PATH = 103

# Where Linux keeps files in memory: a data directory of a thousand small files is copied ten times
# as fast there.
MEMORY = "/dev/shm"

SETTINGS: dict[str, object] = {
    "timezone": "UTC",
    "max_connections": 200,
    # The data is thrown away, so it need not survive a crash of the machine.
    "fsync": False,
    "synchronous_commit": False,
    "full_page_writes": False,
}


class Installation:
    """The programs of `binaries`, run in a temporary folder of their own."""

    def __init__(self, binaries: Binaries, longest_socket: str, in_memory: int = 0) -> None:
        """Make the folder.

        Args:
            binaries: whose programs to run.
            longest_socket: the longest path, below the folder, of a unix socket to come.
            in_memory: how many bytes have to be free for the folder to be made in the memory file
                system; 0 to make it on disk.

        Raises:
            LocalServerError: the programs' account cannot reach the folder or the programs.
        """
        self.binaries = binaries
        self.account = unprivileged()
        self.folder = self._make_folder(longest_socket, _parents(in_memory))
        self.bin = binaries.bin

    def prepare(self) -> None:
        """Copy the programs where the account cannot reach them."""
        if self.account is not None:
            self.bin = reachable(self.binaries, self.account, self.folder)

    def _make_folder(self, longest_socket: str, parents: list[str]) -> Path:
        for parent in parents:
            folder = Path(tempfile.mkdtemp(prefix="psycoxide-", dir=parent))
            self.own(folder)
            if len(os.fsencode(folder / longest_socket)) <= LONGEST_SOCKET_PATH and (
                self.account is None or self.account.can_reach(folder)
            ):
                return folder
            folder.rmdir()
        raise LocalServerError(f"the server's account cannot reach {tempfile.gettempdir()} or /tmp")

    def own(self, path: Path) -> None:
        """Give `path` to the account."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)

    def initdb(self, data: Path, user: str, password: str, *options: str) -> None:
        """Make the data directory `data` with the superuser `user`."""
        password_file = self.folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(password + "\n", "utf-8")
        self.own(password_file)
        # Without a locale text is ordered by code point, as YugabyteDB does by default.
        self.run(
            [self.bin / "initdb", "--pgdata", data, "--username", user],
            ["--pwfile", password_file, "--auth-local=trust"],
            ["--encoding=UTF8", "--no-locale", "--no-sync", *options],
        )
        password_file.unlink()

    def create_database(self, data: Path, dbname: str) -> None:
        """Make a database in a data directory which no server uses, unless initdb made it."""
        if dbname not in ("postgres", "template1"):
            name = dbname.replace('"', '""')
            self.execute(data, "postgres", f'CREATE DATABASE "{name}"\n')

    def execute(self, data: Path, dbname: str, statements: str, *options: str) -> None:
        """Run statements, one a line, in a data directory which no server uses."""
        command: list[str | Path] = [self.bin / "postgres", "--single", "-D", data]
        output = self.run(command, [*options, dbname], stdin=statements)
        # The single-user server goes on after an error, and ends as if there had been none.
        if "ERROR:" in output or "FATAL:" in output:
            raise self.failure("postgres --single failed", output)

    def configure(self, data: Path, settings: Mapping[str, object], hba: Iterable[str]) -> None:
        """Add to postgresql.conf, and put lines before the others of pg_hba.conf."""
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = {_setting(value)}\n" for name, value in settings.items())
        rules = data / "pg_hba.conf"
        rules.write_text("".join(f"{line}\n" for line in hba) + rules.read_text("utf-8"), "utf-8")

    def postmaster(self, data: Path, log: Path) -> Postmaster:
        """The server process of a data directory, not started yet."""
        return Postmaster(self.bin / "postgres", data, log, self.folder, self.account)

    def run(self, *arguments: list[str | Path], stdin: str = "") -> str:
        """Run a program and return what it said.

        Raises:
            StartFailed: its exit status is not zero.
        """
        command = [str(argument) for part in arguments for argument in part]
        options = process_options(self.account, self.folder)
        result = subprocess.run(command, input=stdin, capture_output=True, text=True, **options)
        output: str = result.stdout + result.stderr
        if result.returncode != 0:
            raise self.failure(f"{command[0]} failed", output)
        return output

    def failure(
        self, what: str, output: str, host: str = "", port: int | None = None
    ) -> LocalServerError:
        """Return the exception for a program's failure with this output."""
        if "SSL is not supported by this build" in output:
            return StartFailed(
                f"{self.binaries} was built without TLS: install another PostgreSQL"
                " (on Debian: `apt-get install postgresql`)"
            )
        if port is not None and "could not bind" in output and "in use" in output:
            return port_in_use(host, port)
        tail = "\n".join(output.strip().splitlines()[-20:])
        return StartFailed(f"{what}, with {self.binaries}:\n{tail}")


def _parents(in_memory: int) -> list[str]:
    """The folders to make a temporary folder in, best first."""
    parents = [tempfile.gettempdir(), "/tmp"]
    if in_memory:
        try:
            system = os.statvfs(MEMORY)
        except OSError:
            return parents
        # Programs may have to be copied there, see `reachable`.
        if system.f_bavail * system.f_frsize >= in_memory and not system.f_flag & os.ST_NOEXEC:
            return [MEMORY, *parents]
    return parents


def free_port(*hosts: str) -> int:
    """Return a port on which nothing listens at any of the addresses.

    Systems take the ports of outgoing connections from 32768 on (`ip_local_port_range`): a
    server that is to go and come back on its port is not to find one of those there.
    """
    ports = random.SystemRandom()
    for _ in range(100):
        port = ports.randrange(15000, 32000)
        if all(is_free(host, port) for host in hosts):
            return port
    raise PortInUse(f"no port is free on all of {', '.join(hosts)}")


def is_free(host: str, port: int) -> bool:
    """Tell whether nothing listens there."""
    try:
        require_free(host, port)
    except PortInUse:
        return False
    return True


def require_free(host: str, port: int) -> None:
    """Check that a server can listen there.

    Raises:
        PortInUse: something else does.
        LocalServerError: the address is none of this machine.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise LocalServerError(
                    f"{host} is no address of this machine: add it to the loopback interface"
                    f" (on macOS: `sudo ifconfig lo0 alias {host} up`), or give the nodes one host"
                    " and different ports"
                ) from error
            raise port_in_use(host, port) from error


def port_in_use(host: str, port: int) -> PortInUse:
    """Return the exception for a port that is taken."""
    return PortInUse(
        f"port {port} on {host} is in use: stop what listens there, or give another port"
        " (port=None takes a free one)"
    )


def quoted(parameters: Mapping[str, str]) -> str:
    """Return connection parameters as a connection string."""
    return " ".join(f"{keyword}={_quoted(value)}" for keyword, value in parameters.items())


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
