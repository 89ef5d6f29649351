"""psycoxide.local.cluster(): the stand-in for a cluster, its list of nodes, and its failures."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

import psycoxide
from psycoxide import local

PLAIN = {"load_balance": "false", "autocommit": True}


@pytest.fixture(scope="module")
def shared(start_cluster: Any) -> Iterator[local.Cluster]:
    with start_cluster(["c.r.a", "c.r.b", "c.s.c/read_replica"]) as running:
        yield running


@pytest.fixture
def rig(shared: local.Cluster) -> local.Cluster:
    shared.reset()
    return shared


def connect(node: local.Node, **parameters: Any) -> psycoxide.Connection[Any]:
    return psycoxide.connect(node.dsn, **PLAIN, **parameters)


def servers(node: local.Node) -> list[Any]:
    with connect(node) as conn:
        conn.row_factory = psycoxide.rows.dict_row
        return conn.execute("SELECT * FROM yb_servers()").fetchall()


def test_every_node_tells_of_all(rig: local.Cluster) -> None:
    for node in rig.nodes:
        rows = servers(node)
        assert [row["host"] for row in rows] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
        assert {row["port"] for row in rows} == {rig.port}
        placements = [(row["cloud"], row["region"], row["zone"]) for row in rows]
        assert placements == [("c", "r", "a"), ("c", "r", "b"), ("c", "s", "c")]
        assert [row["node_type"] for row in rows] == ["primary", "primary", "read_replica"]
        assert [row["uuid"] for row in rows] == [node.uuid for node in rig.nodes]
        assert len({row["universe_uuid"] for row in rows}) == 1
        assert [row["num_connections"] for row in rows] == [0, 0, 0]
        assert [row["public_ip"] for row in rows] == ["", "", ""]


def test_columns_have_yugabytedbs_types(rig: local.Cluster) -> None:
    with connect(rig.node(1)) as conn:
        description = conn.execute("SELECT * FROM yb_servers()").description
        assert description is not None
        assert [column.name for column in description] == [
            *("host", "port", "num_connections", "node_type", "cloud", "region", "zone"),
            *("public_ip", "uuid", "universe_uuid"),
        ]
        assert [column.type_code for column in description] == [25, 20, 20, *[25] * 7]


def test_node_knows_where_it_is(rig: local.Cluster) -> None:
    with connect(rig.node(3)) as conn:
        row = conn.execute(
            "SELECT yb_server_cloud(), yb_server_region(), yb_server_zone()"
        ).fetchone()
        assert row == ("c", "s", "c")


def test_functions_are_found_whatever_the_search_path(rig: local.Cluster) -> None:
    rig.node(1).execute("CREATE ROLE somebody LOGIN")
    try:
        with connect(rig.node(1), user="somebody", options="-c search_path=nowhere") as conn:
            row = conn.execute("SELECT count(*) FROM yb_servers()").fetchone()
            assert row == (3,)
    finally:
        rig.node(1).execute("DROP ROLE somebody")


def test_connections_are_counted_by_node(rig: local.Cluster) -> None:
    with ExitStack() as stack:
        for number in (1, 1, 3):
            stack.enter_context(connect(rig.node(number)))
        stack.enter_context(connect(rig.node(2), application_name="psycoxide-control"))
        assert rig.connections() == [2, 0, 1]
        assert rig.control_connections() == [0, 1, 0]
    assert rig.wait_connections([0, 0, 0]) == [0, 0, 0]


def test_terminated_connections(rig: local.Cluster) -> None:
    with closing(connect(rig.node(1))) as conn:
        rig.node(1).terminate_connections()
        with pytest.raises(psycoxide.errors.AdminShutdown):
            conn.execute("SELECT 1")
        assert rig.wait_connections([0, 0, 0]) == [0, 0, 0]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_ended_node_refuses_and_comes_back(rig: local.Cluster, how: str) -> None:
    node = rig.node(2)
    with closing(connect(node)) as conn:
        getattr(node, how)()
        assert node.state == "stopped"
        assert node.connections() == 0
        with pytest.raises(psycoxide.OperationalError, match="refused"):
            connect(node)
        with pytest.raises(psycoxide.OperationalError):
            conn.execute("SELECT 1")
    assert len(servers(rig.node(1))) == 3  # It is listed still.
    node.restart()
    assert node.state == "running"
    assert len(servers(node)) == 3


def test_hung_node_takes_connections_and_never_answers(rig: local.Cluster) -> None:
    node = rig.node(2)
    with connect(node) as conn:
        node.hang()
        assert node.state == "hung"
        with socket.create_connection((node.host, node.port), timeout=5):
            pass
        with pytest.raises(psycoxide.OperationalError, match="timeout"):
            connect(node, connect_timeout=2)
        with pytest.raises(local.LocalServerError, match="hangs"):
            rig.connections()
        node.resume()
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_hung_node_can_be_stopped(rig: local.Cluster) -> None:
    node = rig.node(2)
    node.hang()
    node.stop()
    assert node.state == "stopped"
    node.restart()
    node.hang()
    node.kill()
    node.restart()
    assert len(servers(node)) == 3


def test_blackhole_never_completes_a_connection(rig: local.Cluster) -> None:
    node = rig.node(2)
    node.blackhole()
    assert node.state == "blackhole"
    for _ in range(3):
        with socket.socket() as probe:
            probe.settimeout(0.2)
            with pytest.raises(TimeoutError):
                probe.connect((node.host, node.port))
    node.restart()
    assert len(servers(node)) == 3


def test_refusing_node_says_why(rig: local.Cluster) -> None:
    node = rig.node(2)
    before = node.attempts
    node.refuse("57P03", "the database system is starting up")
    assert node.state == "refusing"
    with pytest.raises(psycoxide.OperationalError, match="starting up"):
        connect(node, sslmode="disable")
    assert node.attempts == before + 1
    node.restart()
    assert len(servers(node)) == 3


def test_attempts_are_counted(rig: local.Cluster) -> None:
    node = rig.node(1)
    before = node.attempts
    connect(node, sslmode="disable").close()
    with pytest.raises(psycoxide.OperationalError):
        connect(node, sslmode="disable", dbname="nowhere")
    assert node.attempts == before + 2


def test_unlisted_node_runs_on(rig: local.Cluster) -> None:
    rig.node(3).unlist()
    assert [len(servers(node)) for node in rig.nodes] == [2, 2, 2]
    rig.node(3).relist()
    assert [len(servers(node)) for node in rig.nodes] == [3, 3, 3]


def test_add_and_remove(rig: local.Cluster) -> None:
    node = rig.add("c.r.d")
    assert node.number == 4
    assert [row["zone"] for row in servers(node)] == ["a", "b", "c", "d"]
    assert len(servers(rig.node(1))) == 4
    rig.remove(node)
    assert node.state == "stopped"
    assert len(servers(rig.node(1))) == 3


def test_reset_makes_another_cluster_of_it(rig: local.Cluster) -> None:
    before = [node.uuid for node in rig.nodes]
    rig.node(1).kill()
    rig.node(2).hang()
    rig.node(3).blackhole()
    rig.reset([local.NodeSpec(zone="x"), "y", "z", local.NodeSpec(zone="o", universe=2)])
    assert [node.state for node in rig.nodes] == ["running"] * 4
    assert not set(before) & {node.uuid for node in rig.nodes}
    assert [row["zone"] for row in servers(rig.node(1))] == ["x", "y", "z"]
    assert [row["zone"] for row in servers(rig.node(4))] == ["o"]
    with closing(connect(rig.node(1))):
        rig.reset(2)
        assert rig.connections() == [0, 0]


def test_published_rows_are_taken_as_they_are(rig: local.Cluster) -> None:
    rig.publish([{"host": "nowhere.invalid", "port": 99999999}])
    (row,) = servers(rig.node(1))
    assert (row["host"], row["port"], row["uuid"]) == ("nowhere.invalid", 99999999, None)


def test_contact_names_several_hosts(rig: local.Cluster) -> None:
    assert rig.contact(2, 3) == {
        **rig.conninfo,
        "host": "127.0.0.2,127.0.0.3",
        "port": f"{rig.port},{rig.port}",
    }
    with pytest.raises(local.LocalServerError, match="no node 4"):
        rig.contact(4)


def test_two_ports_on_one_host(start_cluster: Any) -> None:
    base = 15000 + os.getpid() % 9000
    specs = [
        local.NodeSpec(host="127.0.0.1", port=base),
        local.NodeSpec(host="127.0.0.1", port=base + 1),
    ]
    with start_cluster(specs, columns=8) as running:
        rows = servers(running.node(2))
        assert [(row["host"], row["port"]) for row in rows] == [
            ("127.0.0.1", base),
            ("127.0.0.1", base + 1),
        ]
        assert "uuid" not in rows[0]


def test_without_the_function_it_is_ordinary_postgresql(start_cluster: Any) -> None:
    with start_cluster(1, yb_servers=False, auth="scram-sha-256") as running:
        with connect(running.node(1)) as conn:
            with pytest.raises(psycoxide.errors.UndefinedFunction):
                conn.execute("SELECT * FROM yb_servers()")
        with pytest.raises(psycoxide.OperationalError, match="password authentication failed"):
            connect(running.node(1), password="wrong")
        directory = running.directory
    assert not directory.exists()


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "a..c", "a.b.c/replica"])
def test_bad_placement(text: str) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        local.NodeSpec.parse(text)


def test_cluster_needs_a_node() -> None:
    with pytest.raises(ValueError, match="at least one node"):
        local.cluster(0)
    with pytest.raises(ValueError, match="at least one node"):
        local.cluster([])


def test_address_that_is_not_the_machines() -> None:
    with pytest.raises(local.LocalServerError, match="is no address of this machine"):
        local.cluster([local.NodeSpec(host="192.0.2.1")])


def test_nodes_end_with_a_killed_process(start_cluster: Any) -> None:
    """Not even a suspended node outlives the process that started it."""
    program = (
        "from psycoxide import local; rig = local.cluster(2); rig.node(2).hang();"
        " print(rig.directory, rig.port, flush=True); input()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    directory, port = child.stdout.readline().split()
    assert Path(directory).is_dir()
    child.kill()
    child.communicate()
    deadline = time.monotonic() + 20
    while Path(directory).exists() or not (
        is_free("127.0.0.1", int(port)) and is_free("127.0.0.2", int(port))
    ):
        assert time.monotonic() < deadline, "something was left behind"
        time.sleep(0.05)


def is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) != 0


def test_fixtures(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        'import pytest\npytest_plugins = ["psycoxide.local.pytest_plugin"]\n'
        "@pytest.fixture(scope='session')\n"
        "def psycoxide_cluster_options():\n    return {'nodes': 2}\n"
    )
    (tmp_path / "test_it.py").write_text(
        "def test_one(psycoxide_cluster):\n    psycoxide_cluster.node(1).kill()\n"
        "def test_two(psycoxide_cluster):\n"
        "    assert [node.state for node in psycoxide_cluster.nodes] == ['running'] * 2\n"
        "    assert psycoxide_cluster.connections() == [0, 0]\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "2 passed" in result.stdout, result.stdout + result.stderr
