"""Threads and tasks connect and query while nodes die and return.

No connect may fail, because two nodes of four are always there; no query may fail but on a
connection to a node which was cut off meanwhile; and in the end the counts are the servers.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from collections import defaultdict
from typing import Any

import pytest

import psycoxide
from psycoxide import local
from support.cluster import Rig, wait_until

pytestmark = pytest.mark.cluster

THREADS = 24
TASKS = 200
NODES = 4
QUERIES = 3

PARAMETERS = {
    "connect_timeout": "60",
    "failed_host_reconnect_delay_secs": "1",
    "yb_servers_refresh_interval": "2",
    "yb_slow_start_secs": "1",
}


class Journal:
    """When each node was cut off, and what the workers met."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self.cuts: dict[str, list[float]] = defaultdict(list)
        self.failures: list[str] = []
        self.queries = itertools.count()
        self.lost = itertools.count()

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.end and not self.failures

    def judge(self, host: str, opened: float, error: Exception) -> None:
        """Take an error of a query: it is right if the node was cut off since `opened`."""
        if any(cut >= opened for cut in self.cuts[host]):
            next(self.lost)
        else:
            self.failures.append(f"query at {host}: {error!r}")


def thread_body(parameters: dict[str, Any], journal: Journal) -> None:
    while journal.goes_on:
        opened = time.monotonic()
        try:
            conn = psycoxide.connect(**parameters)
        except Exception as error:
            journal.failures.append(f"connect: {error!r}")
            return
        try:
            for _ in range(QUERIES):
                assert conn.execute("SELECT 42").fetchone() == (42,)
                next(journal.queries)
            conn.commit()
        except psycoxide.Error as error:
            journal.judge(conn.info.node.host, opened, error)
        finally:
            conn.close()


async def task_body(parameters: dict[str, Any], journal: Journal) -> None:
    while journal.goes_on:
        opened = time.monotonic()
        try:
            conn = await psycoxide.AsyncConnection.connect(**parameters)
        except Exception as error:
            journal.failures.append(f"connect: {error!r}")
            return
        try:
            for _ in range(QUERIES):
                cur = await conn.execute("SELECT 42")
                assert await cur.fetchone() == (42,)
                next(journal.queries)
            await conn.commit()
        except psycoxide.Error as error:
            journal.judge(conn.info.node.host, opened, error)
        finally:
            await conn.close()


def run_tasks(parameters: dict[str, Any], journal: Journal) -> None:
    async def main() -> None:
        await asyncio.gather(*(task_body(parameters, journal) for _ in range(TASKS)))

    asyncio.run(main())


def torment(cluster: local.Cluster, journal: Journal) -> int:
    """Cut nodes off and let them return, two of four at a time at most; return how often."""
    rounds = 0
    while journal.goes_on:
        for node in random.sample(cluster.nodes, random.choice([1, 2])):
            journal.cuts[node.host].append(float("inf"))  # Until it is back.
            random.choice([node.stop, node.kill, node.terminate_connections])()
            rounds += 1
        time.sleep(random.uniform(0.2, 0.8))
        for node in cluster.nodes:
            if node.state != "running":
                node.restart()
            journal.cuts[node.host] = [
                min(cut, time.monotonic()) for cut in journal.cuts[node.host]
            ]
        time.sleep(random.uniform(0.5, 1.5))
    return rounds


def test_nodes_die_and_return(rig: Rig, pytestconfig: pytest.Config) -> None:
    seconds: float = pytestconfig.getoption("--stress-seconds")
    rig.use(NODES)
    parameters = rig.dsn(1, 2, 3, 4, **PARAMETERS)
    psycoxide.connect(**parameters).close()
    journal = Journal(seconds)
    threads = [
        threading.Thread(target=thread_body, args=(parameters, journal)) for _ in range(THREADS)
    ]
    threads.append(threading.Thread(target=run_tasks, args=(parameters, journal)))
    for thread in threads:
        thread.start()
    rounds = torment(rig.cluster, journal)
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a worker hangs"

    assert journal.failures == []
    queries, lost = next(journal.queries), next(journal.lost)
    print(f"{seconds:.0f} s: {rounds} cuts, {queries} queries, {lost} connections lost")
    assert queries > 100

    rig.expect(*[0] * NODES)
    rig.wait_usable(1, 2, 3, 4)
    time.sleep(float(PARAMETERS["yb_slow_start_secs"]))
    rig.made += [psycoxide.connect(**parameters) for _ in range(40)]
    rig.expect(10, 10, 10, 10)
    rig.close()
    wait_until(lambda: rig.believed() == [0] * NODES)
    rig.expect(*[0] * NODES)
