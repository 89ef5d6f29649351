"""The stand-in cluster of the scenario tests, and what they count.

    def test_x(rig):
        rig.use(3)
        conns = rig.connect(12)
        rig.expect(4, 4, 4)

Nine PostgreSQL servers are started once per session; `rig.use()` makes a new cluster of as many of
them as a test wants, and has the driver forget all others. What is expected is compared twice: with
what the servers say, and with what the driver believes.

The tests marked `yugabyte` run on the server of `--yugabyte-dsn`, and are skipped without it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import psycoxide
from psycoxide import cluster as driver
from psycoxide import local

NODES = 9
CLOUD = "cloud.region"

#: A user of the rig whose password is asked for.
GUARDED = {"user": "guarded", "password": "correct"}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("psycoxide", "clusters")
    group.addoption(
        "--yugabyte-dsn",
        metavar="DSN",
        help="run the tests marked `yugabyte` on this YugabyteDB cluster; they make tables in it",
    )
    group.addoption(
        "--stress-seconds",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="how long nodes die and return in the stress test (default: 10)",
    )
    group.addoption(
        "--timed",
        action="store_true",
        help="run the tests marked `timed` too, on a machine that does nothing else",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for marker, option, reason in (
        ("yugabyte", "--yugabyte-dsn", "needs a real YugabyteDB: give its DSN by --yugabyte-dsn"),
        ("timed", "--timed", "needs a machine that does nothing else: say so by --timed"),
    ):
        if config.getoption(option):
            continue
        skip = pytest.mark.skip(reason=reason)
        for item in items:
            if item.get_closest_marker(marker):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def yugabyte_dsn(pytestconfig: pytest.Config) -> str:
    """The connection string of a real YugabyteDB cluster."""
    dsn: str = pytestconfig.getoption("--yugabyte-dsn")
    return dsn


@pytest.fixture(scope="session")
def session_rig(start_cluster: Callable[..., local.Cluster]) -> Iterator[local.Cluster]:
    """The servers that all scenario tests share."""
    rules = [f"host all {GUARDED['user']} 127.0.0.0/8 scram-sha-256"]
    with start_cluster(NODES, hba=rules, config={"max_connections": 400}) as running:
        for node in running.nodes:
            node.execute(f"CREATE ROLE {GUARDED['user']} LOGIN PASSWORD '{GUARDED['password']}'")
        yield running


@pytest.fixture
def rig(session_rig: local.Cluster) -> Iterator[Rig]:
    """The stand-in cluster of a test, with three nodes unless it says otherwise."""
    rig = Rig(session_rig)
    rig.use(3)
    yield rig
    rig.close()
    driver.forget()


class Rig:
    """The cluster of a test, and the connections that it has made."""

    def __init__(self, cluster: local.Cluster) -> None:
        self.cluster = cluster
        self.node = cluster.node
        self.made: list[psycoxide.Connection[Any]] = []
        self._lock = threading.Lock()

    def use(self, nodes: int | Iterable[local.NodeSpec | str]) -> None:
        """Begin anew, with these nodes."""
        self.close()
        driver.forget()
        self.cluster.reset(nodes)

    def dsn(self, *contacts: int, **parameters: object) -> dict[str, Any]:
        """Connection parameters with `load_balance=true`, unless told otherwise."""
        return {
            **self.cluster.contact(*contacts),
            "load_balance": "true",
            # Nobody encrypts here, and a question less is a round trip less.
            "sslmode": "disable",
            **parameters,
        }

    def one(self, *contacts: int, **parameters: Any) -> psycoxide.Connection[Any]:
        """Connect once."""
        conn = psycoxide.connect(**self.dsn(*contacts, **parameters))
        with self._lock:
            self.made.append(conn)
        return conn

    def connect(
        self, count: int = 12, *contacts: int, **parameters: Any
    ) -> list[psycoxide.Connection[Any]]:
        """Connect so many times, one after the other."""
        return [self.one(*contacts, **parameters) for _ in range(count)]

    def connect_at_once(
        self, count: int, *contacts: int, **parameters: Any
    ) -> list[psycoxide.Connection[Any]]:
        """Connect in as many threads, all at the same time."""
        barrier = threading.Barrier(count)

        def connect(_: int) -> psycoxide.Connection[Any]:
            barrier.wait()
            return self.one(*contacts, **parameters)

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(connect, range(count)))

    def close(self) -> None:
        """Close every connection of the test."""
        for conn in self.made:
            conn.close()
        self.made.clear()

    def known(self) -> driver.Cluster:
        """The cluster as the driver knows it."""
        (known,) = driver.clusters()
        return known

    def believed(self) -> list[int]:
        """How many connections the driver believes to have to each node."""
        live = {
            (status.host, status.port): status.live
            for known in driver.clusters()
            for status in known.nodes()
        }
        return [live.get((node.host, node.port), 0) for node in self.cluster.nodes]

    def expect(self, *expected: int) -> None:
        """Check the number of connections of each node, with the servers and with the driver."""
        assert self.cluster.wait_connections(expected) == list(expected), "the servers' count"
        running = [node.state == "running" for node in self.cluster.nodes]
        # Connections whose node went away count until somebody notices: see `lost`.
        believed = [n for n, runs in zip(self.believed(), running) if runs]
        assert believed == [n for n, runs in zip(expected, running) if runs], "the driver's count"

    def expect_sorted(self, *expected: int) -> None:
        """Check the numbers, whichever node has which."""
        deadline = time.monotonic() + 5
        while sorted(counts := self.cluster.connections()) != sorted(expected):
            assert time.monotonic() < deadline, f"the servers count {counts}"
            time.sleep(0.02)

    def attempts(self) -> list[int]:
        """How many TCP connections each node was asked for so far, by its log."""
        return [node.attempts for node in self.cluster.nodes]

    def down(self, *numbers: int) -> None:
        """Stop these nodes; they stay listed."""
        for number in numbers:
            self.node(number).stop()

    def up(self, *numbers: int) -> None:
        """Start these nodes, and wait until the driver knows."""
        for number in numbers:
            self.node(number).restart()
        self.wait_usable(*numbers)

    def wait_usable(self, *numbers: int, timeout: float = 15.0) -> None:
        """Wait until the driver thinks well of these nodes."""
        wanted = {(self.node(number).host, self.node(number).port) for number in numbers}
        wait_until(
            lambda: (
                wanted
                <= {
                    (status.host, status.port)
                    for status in self.known().nodes()
                    if status.breaker == "closed"
                }
            ),
            timeout,
        )


def key(*zones: str) -> str:
    """Topology keys of `cloud.region`: `key("a:1", "b:2")`."""
    return ",".join(f"{CLOUD}.{zone}" for zone in zones)


def wait_until(condition: Callable[[], bool], timeout: float = 10.0) -> None:
    """Wait for something that happens elsewhere."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.02)


async def gather_connections(count: int, parameters: dict[str, Any]) -> list[Any]:
    """Connect so many times at once, on the running event loop."""
    connect = psycoxide.AsyncConnection.connect
    return await asyncio.gather(*(connect(**parameters) for _ in range(count)))
