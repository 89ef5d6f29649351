"""psycoxide.cluster: what a program sees of the nodes it connects to, and can do with them."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

import psycoxide
from psycoxide import cluster, local


@pytest.fixture(scope="module")
def rig(start_cluster: Any) -> Iterator[local.Cluster]:
    with start_cluster(["c.r.a", "c.r.b", "c.s.c/read_replica"]) as running:
        yield running


def balanced(rig: local.Cluster, **parameters: Any) -> psycoxide.Connection[Any]:
    parameters = {"load_balance": "true", **parameters}
    return psycoxide.connect(rig.dsn, autocommit=True, **parameters)


def test_node_and_cluster_of_a_connection(rig: local.Cluster) -> None:
    with balanced(rig) as conn:
        node = conn.info.node
        assert node is not None
        host = f"127.0.0.{'abc'.index(node.zone) + 1}"
        assert (node.host, node.port) == (host, rig.port) == (conn.info.host, conn.info.port)
        assert conn.execute("SELECT host(inet_server_addr())").fetchone() == (host,)
        assert node.placement in ("c.r.a", "c.r.b", "c.s.c")
        assert node.node_type == ("read_replica" if node.zone == "c" else "primary")
        assert node.uuid in [known.uuid for known in rig.nodes]
        assert str(node) == f"{host}:{rig.port} ({node.placement})"
        assert conn.info.password == "yugabyte"
        found = conn.info.cluster
        assert found == cluster.get(rig.dsn)
        assert found in cluster.clusters()
    # It is known still, and the same.
    assert conn.info.node == node


def test_connections_that_are_not_spread_have_none(rig: local.Cluster) -> None:
    with psycoxide.connect(rig.node(1).dsn, load_balance="false") as conn:
        assert conn.info.node is None
        assert conn.info.cluster is None
        assert not conn.info.is_node_doubtful
    assert not conn.info.is_node_doubtful


def test_connections_of_a_drained_node_are_doubtful(rig: local.Cluster) -> None:
    with balanced(rig) as conn, balanced(rig) as other:
        assert not conn.info.is_node_doubtful
        node, found = conn.info.node, conn.info.cluster
        assert node is not None and found is not None
        found.drain(node)
        try:
            assert conn.info.is_node_doubtful
            assert not other.info.is_node_doubtful
            assert conn.execute("SELECT 1").fetchone() == (1,)
        finally:
            found.undrain(node)
        # What has passed meanwhile is not known.
        assert conn.info.is_node_doubtful
        with balanced(rig, topology_keys=node.placement) as later:
            assert later.info.node == node
            assert not later.info.is_node_doubtful
    assert conn.info.is_node_doubtful and other.info.is_node_doubtful


def test_nodes_and_what_we_have_with_them(rig: local.Cluster) -> None:
    found = cluster.get(rig.dsn)
    assert not found.is_static
    assert ("127.0.0.1", rig.port) in found.contacts
    assert [status.zone for status in found.nodes()] == ["a", "b", "c"]
    conns = [balanced(rig) for _ in range(6)]
    nodes = found.nodes()
    assert [status.live for status in nodes] == [2, 2, 2] == rig.connections()
    for status in nodes:
        assert (status.breaker, status.retry_in) == ("closed", None)
        assert status.is_listed and not status.is_drained
        assert status.latency is not None and 0 < status.latency < 5
        assert status.connects >= 2 and not status.connecting
        assert type(status.node) is cluster.Node
        assert status.address == f"{status.host}:{rig.port}"
    for conn in conns:
        conn.close()
    assert [status.live for status in found.nodes()] == [0, 0, 0]


def test_a_cluster_is_found_by_any_of_its_nodes(rig: local.Cluster) -> None:
    found = {cluster.get(node.dsn) for node in rig.nodes}
    assert found == {asyncio.run(cluster.aget(rig.dsn))}
    assert cluster.get(rig.dsn, load_balance="only-rr") in found
    assert repr(found.pop()).startswith("<psycoxide.cluster.Cluster ")


def test_who_cannot_be_reached_is_no_cluster(rig: local.Cluster) -> None:
    with pytest.raises(psycoxide.OperationalError, match="127.0.0.9"):
        cluster.get("host=127.0.0.9 port=1")
    with pytest.raises(psycoxide.ProgrammingError, match="topology_keys"):
        cluster.get(rig.dsn, topology_keys="nonsense")
    with pytest.raises(psycoxide.OperationalError, match="127.0.0.9"):
        asyncio.run(cluster.aget("host=127.0.0.9 port=1"))


def test_refresh(rig: local.Cluster) -> None:
    found = cluster.get(rig.dsn)
    before = found.metrics()["refreshes"]
    found.refresh()
    assert found.metrics()["refreshes"] == before + 1

    async def refresh() -> None:
        await found.arefresh()
        assert found.metrics()["refreshes"] == before + 2

    asyncio.run(refresh())
    for node in rig.nodes:
        node.hang()
    try:
        with pytest.raises(psycoxide.OperationalError, match=r"be fetched within 0\.2 seconds"):
            found.refresh(timeout=0.2)
    finally:
        for node in rig.nodes:
            node.resume()
    found.refresh()
    assert found.metrics()["refresh_age"] < 10


def test_drain(rig: local.Cluster) -> None:
    found = cluster.get(rig.dsn)
    first = found.nodes()[0]
    position = found.events().next
    for wanted in (first, first.node, first.uuid, first.address, (first.host, first.port)):
        assert wanted is not None
        found.drain(wanted)
        found.drain(wanted)
        assert found.nodes()[0].is_drained
        conns = [balanced(rig) for _ in range(4)]
        assert [status.live for status in found.nodes()] == [0, 2, 2]
        for conn in conns:
            conn.close()
        found.undrain(wanted)
        assert not found.nodes()[0].is_drained
    events = found.events(position)
    assert [event.kind for event in events.events] == ["drained", "undrained"] * 5
    assert [event.number for event in events.events] == list(range(position, events.next))
    assert all(event.node == first.node for event in events.events)
    assert all(0 <= time.time() - event.time < 60 for event in events.events)
    assert events.missed == 0
    assert found.events(events.next).events == []
    with pytest.raises(ValueError, match=f"no node elsewhere:1: .*{re.escape(first.address)}"):
        found.drain("elsewhere:1")


def test_a_node_goes_and_comes(rig: local.Cluster, caplog: pytest.LogCaptureFixture) -> None:
    found = cluster.get(rig.dsn)
    position = found.events().next
    parameters = {"failed_host_reconnect_delay_secs": "1", "topology_keys": "c.r.a:1,c.r.b:2"}
    balanced(rig, **parameters).close()
    with caplog.at_level(logging.DEBUG, "psycoxide.cluster"):
        rig.node(1).stop()
        with balanced(rig, **parameters) as conn:
            assert conn.info.node is not None and conn.info.node.zone == "b"
        assert found.nodes()[0].breaker != "closed"
        rig.node(1).restart()
        end = time.monotonic() + 20
        # Nobody connects: the thread behind finds out.
        while found.nodes()[0].breaker != "closed":
            assert time.monotonic() < end
            time.sleep(0.05)
    kinds = [(event.kind, event.node.zone) for event in found.events(position).events]
    assert kinds == [("down", "a"), ("up", "a")]
    address = re.escape(f"127.0.0.1:{rig.port}")
    records = [(record.levelname, record.getMessage()) for record in caplog.records]
    for level, pattern in (
        ("DEBUG", rf"node {address}: .*port {rig.port} failed: .*"),
        ("WARNING", rf"node {address} \(c\.r\.a\) is down.*"),
        ("INFO", rf"node {address} \(c\.r\.a\) is up again.*"),
    ):
        assert any(of == level and re.fullmatch(pattern, text) for of, text in records), records


def test_a_cancelled_connect_is_counted_no_more(rig: local.Cluster) -> None:
    found = cluster.get(rig.dsn)
    for node in rig.nodes:
        node.hang()

    async def main() -> None:
        connecting = psycoxide.AsyncConnection.connect(rig.dsn, load_balance="true")
        task = asyncio.create_task(connecting)
        while not any(status.connecting for status in found.nodes()):
            await asyncio.sleep(0.01)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as ex:
            # With the traceback, everything on the way is still there.
            assert ex.__traceback__ is not None
            assert [status.connecting for status in found.nodes()] == [0, 0, 0]

    try:
        asyncio.run(main())
    finally:
        for node in rig.nodes:
            node.resume()
    assert all(status.breaker == "closed" for status in found.nodes())


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="reads Linux's /proc")
def test_who_has_waited_leaves_nothing_behind(rig: local.Cluster) -> None:
    """Connects wait for the list, and for room at a node; each does so at a descriptor."""

    async def main() -> None:
        connecting = [
            psycoxide.AsyncConnection.connect(
                rig.dsn, load_balance="true", yb_max_connecting_per_node="1"
            )
            for _ in range(40)
        ]
        tasks = [asyncio.create_task(one) for one in connecting]
        await asyncio.sleep(0.02)
        for task in tasks[::2]:
            task.cancel()
        for made in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(made, psycoxide.AsyncConnection):
                await made.close()

    cluster.forget()
    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(main())
    asyncio.run(main())
    # One is the control connection's.
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_metrics(rig: local.Cluster) -> None:
    found = cluster.get(rig.dsn)
    with balanced(rig):
        metrics = found.metrics()
        assert metrics["nodes"] in [of["nodes"] for of in cluster.metrics()]
    assert metrics["cluster"] == found.key
    assert sum(node["live"] for node in metrics["nodes"]) == 1
    assert metrics["connects"] >= sum(node["connects"] for node in metrics["nodes"]) > 0


def test_repeated_transactions_are_counted(rig: local.Cluster) -> None:
    calls: list[int] = []

    def body(conn: psycoxide.Connection[Any]) -> None:
        calls.append(1)
        if len(calls) < 3:
            conn.execute("DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '40001'; END $$")

    with balanced(rig) as conn:
        before = cluster.get(rig.dsn).metrics()["retries"]
        conn.run_transaction(body, base=0)
        assert cluster.get(rig.dsn).metrics()["retries"] - before == 2
    assert "psycoxide_cluster_retries_total{" in cluster.prometheus()


def test_each_subject_has_its_logger(start_cluster: Any, caplog: pytest.LogCaptureFixture) -> None:
    with start_cluster(2) as running, caplog.at_level(logging.DEBUG, "psycoxide.cluster"):
        running.publish([*(node._row() for node in running.nodes), {"host": "a/b"}])
        running.node(2).stop()
        # One of two meets the node that is down.
        for conn in [balanced(running) for _ in range(2)]:
            conn.close()
        cluster.forget()
    names = {record.name: record.getMessage() for record in reversed(caplog.records)}
    assert names.keys() == {f"psycoxide.cluster.{n}" for n in ("connect", "nodes", "refresh")}
    assert "has joined" in names["psycoxide.cluster.nodes"]
    assert "make no sense" in names["psycoxide.cluster.refresh"]
    assert "refused" in names["psycoxide.cluster.connect"]


SAMPLE = re.compile(r'[a-z_]+(\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)*\}) [0-9.e+-]+')


def test_prometheus_text(rig: local.Cluster) -> None:
    found = cluster.get(rig.dsn)
    with balanced(rig):
        lines = cluster.prometheus().splitlines()
    names = set()
    for line in lines:
        if line.startswith("# TYPE "):
            names.add(line.split()[2])
        elif not line.startswith("# HELP "):
            assert SAMPLE.fullmatch(line), line
            assert line.split("{")[0] in names
    of_nodes = f'psycoxide_node_connections{{cluster="{found.key}"'
    assert [line.split()[-1] for line in lines if line.startswith(of_nodes)].count("1") == 1


def test_prometheus_has_no_sample_twice(rig: local.Cluster) -> None:
    """A node that was replaced at its address has connections for a while yet."""
    try:
        with balanced(rig):
            found = cluster.get(rig.dsn)
            rows = [dict(node._row()) for node in rig.nodes]
            for number, row in enumerate(rows):
                row["uuid"], row["zone"] = f"{number:032x}", 'a"b\\c\u00fc'
            rig.publish(rows)
            found.refresh()
            text = cluster.prometheus()
    finally:
        rig.publish()
        cluster.forget()
    samples = [line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"]
    assert len(samples) == len(set(samples))
    assert any('placement="c.r.a\\"b\\\\c\u00fc"' in sample for sample in samples)
    assert all(SAMPLE.fullmatch(line) for line in text.splitlines() if line[0] != "#")


def test_parameters_are_told_and_secrets_are_not(rig: local.Cluster) -> None:
    with pytest.warns(UserWarning, match="yb_failover_yba_api_token"):
        conn = psycoxide.connect(
            rig.dsn,
            load_balance="true",
            topology_keys="cloud.region.a",
            yb_failover_yba_api_token="geheim",
        )
    with conn:
        told = conn.info.get_parameters()
        assert told["topology_keys"] == "cloud.region.a"
        assert "geheim" not in repr(told) + conn.info.dsn + repr(conn)
        assert "password" not in told


AMONG_GREEN_THREADS = """
import gevent.monkey
gevent.monkey.patch_all()
import gevent, sys
import psycoxide
from psycoxide import cluster

found = cluster.get(sys.argv[1])
found.refresh()
print("hang", flush=True)
sys.stdin.readline()
ticks = []

def tick():
    while True:
        gevent.sleep(0.01)
        ticks.append(1)

gevent.spawn(tick)
try:
    found.refresh(timeout=0.5)
except psycoxide.OperationalError:
    print(len(ticks))
"""


def test_green_threads_go_on_during_a_refresh(start_cluster: Any) -> None:
    pytest.importorskip("gevent")
    command = [sys.executable, "-c", AMONG_GREEN_THREADS]
    with start_cluster(1) as running:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen([*command, running.dsn], text=True, **pipes) as process:
            assert process.stdout.readline() == "hang\n"
            running.node(1).hang()
            output, _ = process.communicate("go on\n", timeout=30)
        assert int(output) > 10, "the others had their turns"


IN_A_PROCESS_OF_ITS_OWN = """
import os, pathlib, sys
import psycoxide
from psycoxide import cluster

def threads():
    tasks = pathlib.Path("/proc/self/task")
    return sorted(path.read_text().strip() for path in tasks.glob("*/comm"))

def connect():
    return psycoxide.connect(sys.argv[1], load_balance="true")

assert cluster.clusters() == [] and cluster.prometheus() == ""
conns = [connect() for _ in range(3)]
assert "psycoxide-nodes" in threads(), threads()
found = cluster.get(sys.argv[1])
child = os.fork()
if child == 0:
    assert cluster.clusters() == []
    assert found.nodes() == []
    mine = [connect() for _ in range(3)]
    assert [status.live for status in cluster.get(sys.argv[1]).nodes()] == [1, 1, 1]
    # And ends without a word to the parent's servers.
    os._exit(0)
# A program that knows of no threads forks without any.
assert "psycoxide-nodes" not in threads(), threads()
assert os.waitpid(child, 0)[1] == 0
assert [status.live for status in found.nodes()] == [1, 1, 1]
conns[0].execute("SELECT 1")
found.refresh()
assert "psycoxide-nodes" in threads(), threads()
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    conns.append(connect())
found.refresh()
for conn in conns:
    conn.close()
assert [status.live for status in found.nodes()] == [0, 0, 0]
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="reads Linux's /proc")
def test_forks(rig: local.Cluster) -> None:
    command = [sys.executable, "-W", "error", "-c", IN_A_PROCESS_OF_ITS_OWN, rig.dsn]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def test_a_process_ends_whatever_goes_on_behind(rig: local.Cluster) -> None:
    """Its thread is in the middle of a refresh that hangs when the program is over."""
    program = """
import sys, psycoxide
from psycoxide import cluster
conn = psycoxide.connect(sys.argv[1], load_balance="true", yb_control_timeout=60)
found = cluster.get(sys.argv[1])
print("connected", flush=True)
input()
try:
    found.refresh(timeout=0.2)
except psycoxide.OperationalError:
    print("hangs")
"""
    command = [sys.executable, "-c", program, rig.dsn]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "connected\n"
        rig.node(1).hang()
        try:
            start = time.monotonic()
            out, _ = process.communicate("\n", timeout=20)
            assert (process.returncode, out) == (0, "hangs\n")
            assert time.monotonic() - start < 10
        finally:
            rig.node(1).resume()
