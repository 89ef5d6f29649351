"""Faults are told apart: of a node, of the moment, and of the client."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import psycoxide
from psycoxide import local
from support.cluster import GUARDED, Rig, wait_until

pytestmark = pytest.mark.cluster

#: A node that was down is left alone for as long as a test takes.
PATIENT = {"failed_host_reconnect_delay_secs": "60"}


def breakers(rig: Rig) -> list[str]:
    return [status.breaker for status in rig.known().nodes()]


def control_node(rig: Rig) -> int:
    return rig.cluster.control_connections().index(1) + 1


def test_hung_control_node_holds_nobody_up(rig: Rig) -> None:
    rig.use(3)
    parameters = {"connect_timeout": "3", "yb_servers_refresh_interval": "0", **PATIENT}
    rig.one(1, **parameters)
    number = control_node(rig)
    rig.close()
    rig.node(number).hang()
    times = []

    def connect(_: int) -> None:
        start = time.monotonic()
        rig.one(1, **parameters)
        times.append(time.monotonic() - start)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(connect, range(12)))
    # At most one attempt of 3 seconds; the refresh is waited for a quarter of one.
    assert max(times) < 3 + 1
    others = [node.connections() for node in rig.cluster.nodes if node.number != number]
    assert others == [6, 6]
    # Now that the node is known to be down, nobody waits.
    start = time.monotonic()
    rig.connect(12, 1, **parameters)
    assert time.monotonic() - start < 12 * 0.5
    others = [node.connections() for node in rig.cluster.nodes if node.number != number]
    assert others == [12, 12]


def connect_times(rig: Rig, parameters: dict[str, str]) -> list[float]:
    times = []
    for _ in range(100):
        start = time.monotonic()
        rig.one(**parameters).close()
        times.append(time.monotonic() - start)
    return times


def test_blackhole_costs_one_timeout(rig: Rig) -> None:
    parameters = {"connect_timeout": "6", **PATIENT}
    healthy = connect_times(rig, parameters)
    rig.connect(3, **PATIENT)
    rig.close()
    rig.node(2).blackhole()
    start = time.monotonic()
    rig.connect(6, **parameters)
    first_sweep = time.monotonic() - start
    assert 1 < first_sweep < 6, "one attempt on the dead node, with its share of the time"
    rig.expect(3, 0, 3)
    times = connect_times(rig, parameters)
    # As before, but for what else goes on on the machine.
    assert statistics.median(times) < 2 * statistics.median(healthy)
    p99, healthy_p99 = (statistics.quantiles(of, n=100)[98] for of in (times, healthy))
    assert p99 < 3 * healthy_p99 + 0.1, (p99, healthy_p99)


def test_rolling_restart_and_a_new_node(rig: Rig) -> None:
    parameters = {"failed_host_reconnect_delay_secs": "1", "yb_slow_start_secs": "0"}
    rig.connect(6, **parameters)
    for number in (1, 2, 3):
        rig.down(number)
        rig.connect(6, **parameters)  # As many that one of them meets the node that is down.
        rig.node(number).restart()
    rig.cluster.add("cloud.region.d")
    start = time.monotonic()
    wait_until(lambda: len(rig.known().nodes()) == 4, 5)
    assert time.monotonic() - start < 4
    rig.close()
    rig.wait_usable(1, 2, 3, 4)
    rig.connect(12, **parameters)
    rig.expect(3, 3, 3, 3)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({**GUARDED, "password": "wrong"}, "password authentication failed"),
        ({"options": "-c no_such_setting=1"}, "no_such_setting"),
        ({"options": "-c work_mem=nonsense"}, "work_mem"),
        ({"dbname": "nowhere"}, 'database "nowhere" does not exist'),
        ({"user": "nobody"}, 'role "nobody" does not exist'),
    ],
)
def test_faults_of_the_client(rig: Rig, parameters: dict[str, str], text: str) -> None:
    rig.connect(3)
    before = rig.attempts()
    with pytest.raises(psycoxide.OperationalError, match=text) as info:
        rig.one(**parameters)
    assert sum(rig.attempts()) - sum(before) == 1, "one attempt, on one node"
    assert str(info.value).count(text) == 1
    assert breakers(rig) == ["closed"] * 3
    rig.expect(1, 1, 1)
    rig.connect(9)
    rig.expect(4, 4, 4)


def test_wrong_password_at_the_very_first(rig: Rig) -> None:
    before = rig.attempts()
    with pytest.raises(psycoxide.OperationalError, match="password authentication failed"):
        rig.one(**{**GUARDED, "password": "wrong"})
    assert sum(rig.attempts()) - sum(before) == 1
    rig.one(**GUARDED)


@pytest.mark.parametrize(
    ("sqlstate", "message"),
    [("57P03", "the database system is starting up"), ("53300", "sorry, too many clients already")],
)
def test_passing_trouble_of_a_node(rig: Rig, sqlstate: str, message: str) -> None:
    parameters = {"failed_host_reconnect_delay_secs": "1", "yb_slow_start_secs": "0"}
    rig.connect(3, **parameters)
    rig.close()
    rig.node(2).refuse(sqlstate, message)
    rig.connect(12, **parameters)
    rig.expect(6, 0, 6)
    rig.close()
    rig.up(2)
    wait_until(lambda: psycoxide_hosts(rig, parameters) == {1, 2, 3}, 10)


def psycoxide_hosts(rig: Rig, parameters: dict[str, str]) -> set[int]:
    """Connect three times and tell which nodes were met."""
    conns = [psycoxide.connect(**rig.dsn(1, **parameters)) for _ in range(3)]
    numbers = {int(conn.info.host.rpartition(".")[2]) for conn in conns}
    for conn in conns:
        conn.close()
    return numbers


def test_all_nodes_in_trouble(rig: Rig) -> None:
    rig.connect(3)
    rig.close()
    for node in rig.cluster.nodes:
        node.refuse("53300", f"too many at {node.host}")
    with pytest.raises(psycoxide.OperationalError) as info:
        rig.one()
    for node in rig.cluster.nodes:
        assert f"too many at {node.host}" in str(info.value), "every attempt is told"


@pytest.mark.parametrize("value", ["any", "prefer-primary", "prefer-rr"])
def test_no_discovered_address_can_be_reached(
    rig: Rig, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As from outside of a private network: the contact answers, and is what there is."""
    unreachable(rig)
    with caplog.at_level(logging.WARNING, "psycoxide.cluster"):
        rig.connect(4, 1, load_balance=value)
        rig.known()
    assert rig.cluster.wait_connections([4, 0, 0]) == [4, 0, 0]
    warnings = [r for r in caplog.records if r.name.startswith("psycoxide.cluster")]
    contacts = [
        r for r in warnings if "contact" in r.getMessage() or "configured" in r.getMessage()
    ]
    assert len(contacts) == 1, [r.getMessage() for r in warnings]


def test_no_discovered_address_and_no_fallback(rig: Rig) -> None:
    unreachable(rig)
    with pytest.raises(psycoxide.OperationalError):
        rig.one(1, load_balance="only-primary")
    with pytest.raises(psycoxide.OperationalError):
        rig.one(1, yb_bootstrap_fallback="false")


def unreachable(rig: Rig) -> None:
    """Have yb_servers() tell of addresses where nothing listens."""
    universe = rig.node(1).universe_uuid
    rig.cluster.publish(
        {
            **rig.node(number)._row(),
            "host": f"127.0.1.{number}",
            "universe_uuid": universe,
        }
        for number in (1, 2, 3)
    )


def test_list_full_of_nonsense(rig: Rig) -> None:
    """What cannot be is left out, and what works goes on working."""
    good = rig.node(2)._row()
    rig.cluster.publish(
        [
            {**good, "uuid": "1" * 32, "port": 0},
            {**good, "uuid": "2" * 32, "port": 99999},
            {**good, "uuid": "3" * 32, "port": -1},
            {**good, "uuid": "4" * 32, "host": None},
            {**good, "uuid": "5" * 32, "host": ""},
            {**good, "uuid": "6" * 32, "host": "no such host.invalid"},
            {**good, "uuid": "7" * 32, "node_type": "witness", "host": "127.0.1.1"},
            good,
            good,
            {"host": rig.node(3).host, "port": rig.node(3).port},
        ]
    )
    rig.connect(6, 1, **PATIENT)
    counts = rig.cluster.connections()
    assert sum(counts) == 6
    assert counts[1] >= 2 and counts[2] >= 2


def test_empty_list(rig: Rig) -> None:
    rig.cluster.publish([])
    rig.connect(3, 1)
    assert rig.cluster.wait_connections([3, 0, 0]) == [3, 0, 0]


def test_list_cannot_be_had_any_more(rig: Rig) -> None:
    """The function fails; what is known serves on."""
    rig.connect(3)
    for node in rig.cluster.nodes:
        (node.directory / "data" / "yb_servers.json").unlink()
    with pytest.raises(psycoxide.OperationalError):
        rig.known().refresh(timeout=5)
    rig.connect(9)
    rig.expect(4, 4, 4)


@pytest.mark.parametrize("columns", [8, 9])
def test_function_of_old_releases(start_cluster: Any, columns: int) -> None:
    with start_cluster(3, columns=columns) as running:
        rig = Rig(running)
        rig.connect(12)
        rig.expect(4, 4, 4)
        rig.close()
        psycoxide.cluster.forget()


def test_revoked_credentials_of_the_control_connection(rig: Rig) -> None:
    for node in rig.cluster.nodes:
        node.execute("CREATE ROLE first_user LOGIN")
        node.execute("CREATE ROLE second_user LOGIN")
    try:
        rig.one(user="first_user").close()
        for node in rig.cluster.nodes:
            node.execute("ALTER ROLE first_user NOLOGIN")
        rig.one(user="second_user")
        node = rig.node(control_node(rig))
        node.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'psycoxide-control'"
        )
        rig.cluster.add("cloud.region.d")
        rig.known().refresh()
        assert len(rig.known().nodes()) == 4
        rows = [
            row
            for node in rig.cluster.nodes
            for row in node.execute(
                "SELECT usename::text FROM pg_stat_activity"
                " WHERE application_name = 'psycoxide-control'"
            )
        ]
        assert rows == [("second_user",)]
    finally:
        rig.close()
        psycoxide.cluster.forget()
        rig.cluster.reset(3)
        for node in rig.cluster.nodes:
            node.execute("DROP ROLE first_user")
            node.execute("DROP ROLE second_user")


def test_all_nodes_down(rig: Rig) -> None:
    rig.connect(3)
    rig.close()
    rig.down(1, 2, 3)
    start = time.monotonic()
    with pytest.raises(psycoxide.OperationalError) as info:
        rig.one()
    assert time.monotonic() - start < 5
    for node in rig.cluster.nodes:
        assert node.host in str(info.value)
    rig.node(2).restart()
    rig.one()
    assert rig.cluster.wait_connections([0, 1, 0]) == [0, 1, 0]


def test_lack_of_descriptors_is_no_sign_of_life(rig: Rig) -> None:
    """What goes wrong before a node is asked says nothing of the node."""
    rig.use(1)
    rig.one(**PATIENT).close()
    rig.down(1)
    with pytest.raises(psycoxide.OperationalError):
        rig.one(**PATIENT)
    position = rig.known().events().next
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(name) for name in os.listdir("/dev/fd")) + 1
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.dup(0))
        with pytest.raises(psycoxide.OperationalError, match="[Tt]oo many open files"):
            rig.one(**PATIENT)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in held:
            os.close(fd)
    assert breakers(rig) != ["closed"]
    assert rig.known().events(position).events == []


def test_contact_is_down_from_the_start(rig: Rig) -> None:
    rig.down(1)
    with pytest.raises(psycoxide.OperationalError):
        rig.one(1)
    rig.connect(4, 1, 2)
    rig.expect(0, 2, 2)


def test_specs_are_public(rig: Rig) -> None:
    """What `conn.info.node` tells is what the cluster says of the node."""
    rig.use([local.NodeSpec(cloud="aws", region="west", zone="a", public_ip="203.0.113.7")])
    conn = rig.one()
    node = conn.info.node
    assert node is not None
    assert (node.host, node.port) == (rig.node(1).host, rig.node(1).port)
    assert node.placement == "aws.west.a"
    assert (node.node_type, node.uuid) == ("primary", rig.node(1).uuid)
    assert node.public_ip == "203.0.113.7"
    assert conn.info.cluster == rig.known()
    conn.close()
    assert conn.info.node == node
