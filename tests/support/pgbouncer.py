"""PgBouncer in front of the tests' server, in transaction mode.

Two sessions of the server, given out in turns: every transaction of a client runs in another
session than the one before. Debian's package will do; PSYCOXIDE_TEST_PGBOUNCER names another
program. Tests that need it are left out, and said to be, where there is none; those that need it to
follow prepared statements (`max_prepared_statements`) where it is older than 1.21.

<https://www.pgbouncer.org/config.html>
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

import psycoxide
from psycoxide import local
from psycoxide.conninfo import make_conninfo
from psycoxide.local._account import unprivileged

VARIABLE = "PSYCOXIDE_TEST_PGBOUNCER"
PATIENCE = 15.0
FOLLOWS_STATEMENTS = (1, 21)

left_out = pytest.StashKey[dict[str, list[str]]]()


@cache
def program() -> tuple[str, tuple[int, int]] | None:
    """Return the program and its version, if there is one."""
    path = os.environ.get(VARIABLE) or shutil.which(
        "pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    )
    if path is None:
        return None
    output = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    version = re.search(r"PgBouncer (\d+)\.(\d+)", output)
    return None if version is None else (path, (int(version[1]), int(version[2])))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[left_out] = out = {}
    for item in list(items):
        marker = item.get_closest_marker("pgbouncer")
        if marker is None:
            continue
        found = program()
        if found is None:
            reason = "PgBouncer, which is not here"
        elif "follows_statements" in marker.args and found[1] < FOLLOWS_STATEMENTS:
            reason = f"PgBouncer 1.21 or newer, and here is {found[1][0]}.{found[1][1]}"
        else:
            continue
        items.remove(item)
        config.hook.pytest_deselected(items=[item])
        out.setdefault(reason, []).append(item.nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason, names in terminalreporter.config.stash[left_out].items():
        terminalreporter.section("left out")
        terminalreporter.line(f"{len(names)} tests need {reason}:")
        for function, count in Counter(name.partition("[")[0] for name in names).items():
            terminalreporter.line(f"  {function}: {count}")


class PgBouncer:
    """A running PgBouncer."""

    def __init__(self, server: local.Server, *, max_prepared_statements: int, sessions: int):
        found = program()
        assert found is not None
        path, version = found
        self.directory = Path(tempfile.mkdtemp(prefix="psycoxide-pgbouncer-"))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "transaction",
            "default_pool_size": sessions,
            "min_pool_size": sessions,
            "server_round_robin": 1,
            "max_client_conn": 100,
        }
        if version >= FOLLOWS_STATEMENTS:
            settings["max_prepared_statements"] = max_prepared_statements
        lines = ["[databases]", f"pooled = {server.dsn}", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in settings.items()]
        configuration = self.directory / "pgbouncer.ini"
        configuration.write_text("\n".join(lines) + "\n", "utf-8")
        options = {}
        account = unprivileged()
        if account is not None:
            # It refuses to run as root, as the server does.
            os.chown(self.directory, account.uid, account.gid)
            os.chown(configuration, account.uid, account.gid)
            options = {"user": account.uid, "group": account.gid, "extra_groups": []}
        with (self.directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [path, str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **options,
            )
        self.dsn = make_conninfo(
            server.dsn, host="127.0.0.1", port=self.port, dbname="pooled", sslmode="disable"
        )
        """The connection string of a client."""
        self._wait()
        self._open_sessions(sessions)

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                ended = self._process.poll() is not None
                assert not ended and time.monotonic() < deadline, self.log
                time.sleep(0.01)

    def _open_sessions(self, count: int) -> None:
        """Have it connect to the server, so that all sessions are there from the beginning."""
        with contextlib.ExitStack() as stack:
            for _ in range(count):
                stack.enter_context(psycoxide.connect(self.dsn)).execute("SELECT 1")

    @property
    def log(self) -> str:
        """What it has written."""
        return (self.directory / "log").read_text("utf-8", errors="replace")

    def stop(self) -> None:
        """Stop it, and remove its files."""
        self._process.terminate()
        self._process.wait(PATIENCE)
        shutil.rmtree(self.directory)


@pytest.fixture(scope="module")
def start_pgbouncer(server: local.Server) -> Iterator[Callable[..., PgBouncer]]:
    """A function that starts a PgBouncer; for tests marked `pgbouncer`."""
    running: list[PgBouncer] = []

    def start(*, max_prepared_statements: int = 0, sessions: int = 2) -> PgBouncer:
        running.append(
            PgBouncer(server, max_prepared_statements=max_prepared_statements, sessions=sessions)
        )
        return running[-1]

    yield start
    for pooler in running:
        pooler.stop()


@pytest.fixture
def pgbouncer(start_pgbouncer: Callable[..., PgBouncer]) -> PgBouncer:
    """A PgBouncer that knows nothing of prepared statements, with sessions nobody has used."""
    return start_pgbouncer()


@pytest.fixture(scope="module")
def used_pgbouncer(start_pgbouncer: Callable[..., PgBouncer]) -> PgBouncer:
    """A PgBouncer that knows nothing of prepared statements, which tests share."""
    return start_pgbouncer()


@pytest.fixture(scope="module")
def following_pgbouncer(start_pgbouncer: Callable[..., PgBouncer]) -> PgBouncer:
    """A PgBouncer that follows prepared statements, which tests share."""
    return start_pgbouncer(max_prepared_statements=20)
