"""Connections are spread evenly, and counted exactly, however they are made and ended."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import psycoxide
from psycoxide import cluster, local
from support.cluster import Rig, gather_connections

pytestmark = pytest.mark.cluster

WORKERS = Path(__file__).with_name("forked_workers.py")


def test_one_after_the_other(rig: Rig) -> None:
    rig.connect(12)
    rig.expect(4, 4, 4)


def test_the_odd_one_lands_anywhere(rig: Rig) -> None:
    """Thirteen connections, three hundred times: ties are broken by chance."""
    extra: Counter[str] = Counter()
    parameters = rig.dsn()
    for _ in range(300):
        conns = [psycoxide.connect(**parameters) for _ in range(13)]
        hosts = Counter(conn.info.host for conn in conns)
        assert sorted(hosts.values()) == [4, 4, 5]
        extra[hosts.most_common(1)[0][0]] += 1
        for conn in conns:
            conn.close()
    assert all(70 <= count <= 130 for count in extra.values()), extra
    assert len(extra) == 3


def test_threads_from_a_cold_start(rig: Rig) -> None:
    before = sum(rig.attempts())
    rig.connect_at_once(30)
    rig.expect(10, 10, 10)
    assert sum(rig.attempts()) - before == 30 + 1, "one connection fetches the list for all"
    assert sum(rig.cluster.control_connections()) == 1


def test_tasks_from_a_cold_start(rig: Rig) -> None:
    before = sum(rig.attempts())

    async def main() -> None:
        conns = await gather_connections(30, rig.dsn())
        rig.expect(10, 10, 10)
        for conn in conns:
            await conn.close()

    asyncio.run(main())
    assert sum(rig.attempts()) - before == 30 + 1
    rig.expect(0, 0, 0)


def test_both_interfaces_share_the_counts(rig: Rig) -> None:
    async def main() -> None:
        conns = []
        for _ in range(6):
            rig.one()
            conns.append(await psycoxide.AsyncConnection.connect(**rig.dsn()))
        rig.expect(4, 4, 4)
        for conn in conns:
            await conn.close()

    asyncio.run(main())


def test_closing_is_counted(rig: Rig) -> None:
    rig.connect(12)
    rig.close()
    rig.expect(0, 0, 0)


def test_contexts_and_errors_are_counted(rig: Rig) -> None:
    with psycoxide.connect(**rig.dsn()) as conn:
        assert sum(rig.believed()) == 1
        with pytest.raises(psycoxide.errors.DivisionByZero):
            conn.execute("SELECT 1/0")
    assert rig.believed() == [0, 0, 0]


def test_connections_ended_by_the_server(rig: Rig) -> None:
    rig.connect(12)
    rig.node(2).terminate_connections()
    assert rig.cluster.wait_connections([4, 0, 4]) == [4, 0, 4]
    rig.close()
    rig.expect(0, 0, 0)
    rig.connect(12)
    rig.expect(4, 4, 4)


def test_lost_connections_count_no_longer_once_noticed(rig: Rig) -> None:
    conns = rig.connect(12)
    rig.node(2).terminate_connections()
    for conn in conns:
        try:
            conn.execute("SELECT 1")
        except psycoxide.errors.AdminShutdown:
            assert conn.broken
    rig.expect(4, 0, 4)


def test_connections_left_to_the_garbage_collector(rig: Rig) -> None:
    conns = [psycoxide.connect(**rig.dsn()) for _ in range(6)]
    rig.expect(2, 2, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del conns
        gc.collect()
    rig.expect(0, 0, 0)


def test_cancelled_connects_are_not_counted(rig: Rig) -> None:
    rig.one()

    async def main() -> None:
        tasks = [
            asyncio.ensure_future(psycoxide.AsyncConnection.connect(**rig.dsn())) for _ in range(12)
        ]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, psycoxide.AsyncConnection):
                await result.close()
            else:
                assert isinstance(result, asyncio.CancelledError)

    asyncio.run(main())
    rig.close()
    rig.expect(0, 0, 0)


def test_two_clusters_in_one_process(rig: Rig) -> None:
    rig.use([local.NodeSpec(zone=zone, universe=1 + n // 3) for n, zone in enumerate("abcabc")])
    for _ in range(9):
        rig.one(1)
        rig.one(4)
    rig.expect(3, 3, 3, 3, 3, 3)
    assert len(cluster.clusters()) == 2


def test_one_cluster_by_two_names(rig: Rig) -> None:
    for _ in range(6):
        rig.one(1)
        rig.one(2, 3)
    rig.expect(4, 4, 4)
    assert len(cluster.clusters()) == 1


def test_two_ports_on_one_host(start_cluster: Any) -> None:
    port = 16200
    nodes = [
        local.NodeSpec(zone="a", port=port),
        local.NodeSpec(zone="b", port=port + 1, host="127.0.0.1"),
        local.NodeSpec(zone="c", port=port, host="127.0.0.2"),
    ]
    with start_cluster(nodes) as running:
        rig = Rig(running)
        rig.connect(12)
        rig.expect(4, 4, 4)
        rig.close()
        cluster.forget()


def test_forked_workers_begin_anew(rig: Rig) -> None:
    """Eight of them connect six times each; the parent had connected before."""
    result = subprocess.run(
        [sys.executable, str(WORKERS), json.dumps(rig.dsn())],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["workers"] == [{"127.0.0.1": 2, "127.0.0.2": 2, "127.0.0.3": 2}] * 8
    # One of each worker, and the parent's.
    assert report["control"] == 9
    assert report["parent_still_works"]
