"""Nodes go, come back and join, while connections are made.

Nodes that come back are taken gently for a while (`yb_slow_start_secs`); that is switched off where
exact numbers are expected of the first connections.
"""

from __future__ import annotations

import pytest

import psycoxide
from support.cluster import Rig, key, wait_until

pytestmark = pytest.mark.cluster

#: Every connect asks for the list anew, and nodes that were down are soon tried again.
EAGER = {
    "yb_servers_refresh_interval": "0",
    "failed_host_reconnect_delay_secs": "1",
    "yb_slow_start_secs": "0",
}

REGIONS = [
    *("cloud.us-west.a", "cloud.us-west.b", "cloud.us-west.c"),
    *("cloud.us-east.a", "cloud.us-east.b", "cloud.eu-north.a"),
    *("cloud.eu-west.a", "cloud.eu-west.b", "cloud.eu-north.b"),
]
REGION_KEYS = {
    **EAGER,
    "topology_keys": "cloud.us-west.*:1,cloud.us-east.*:2,cloud.eu-west.*:3,cloud.eu-north.*:4",
}


def test_regions_go_one_by_one(rig: Rig) -> None:
    rig.use(REGIONS)

    def expect(**counts: int) -> None:
        rig.connect(12, 6, **REGION_KEYS)
        rig.expect(*(counts.get(f"n{number}", 0) for number in range(1, 10)))
        rig.close()

    expect(n1=4, n2=4, n3=4)
    rig.down(1, 3)
    expect(n2=12)
    rig.down(2)
    expect(n4=6, n5=6)
    rig.down(4)
    expect(n5=12)
    rig.down(5)
    expect(n7=6, n8=6)
    rig.down(7, 8)
    expect(n6=6, n9=6)
    rig.down(9)
    expect(n6=12)
    rig.up(2)
    expect(n2=12)


def test_regions_go_and_connections_stay(rig: Rig) -> None:
    rig.use(REGIONS)

    def expect(**counts: int) -> None:
        rig.connect(18, 6, **REGION_KEYS)
        expected = [counts.get(f"n{number}", 0) for number in range(1, 10)]
        assert rig.cluster.wait_connections(expected) == expected

    expect(n1=6, n2=6, n3=6)
    rig.down(1, 2, 3, 4, 5, 7, 8)
    expect(n6=9, n9=9)
    rig.down(9)
    expect(n6=27)
    rig.up(2)
    expect(n6=27, n2=18)
    rig.down(2)
    expect(n6=45)
    rig.up(5)
    expect(n6=45, n5=18)
    rig.down(5)
    expect(n6=63)


def test_node_returns_and_catches_up(rig: Rig) -> None:
    rig.use(["cloud.region.a"] * 3)
    rig.connect(18, 3, **EAGER)
    rig.expect(6, 6, 6)
    rig.down(1)
    rig.connect(18, 3, **EAGER)
    assert rig.cluster.wait_connections([0, 15, 15]) == [0, 15, 15]
    rig.up(1)
    rig.connect(18, 3, **EAGER)
    assert rig.cluster.wait_connections([16, 16, 16]) == [16, 16, 16]


def test_node_joins_between_two_crowds_of_threads(rig: Rig) -> None:
    rig.connect_at_once(24, **EAGER)
    rig.expect(8, 8, 8)
    rig.cluster.add("cloud.region.d")
    rig.connect_at_once(24, **EAGER)
    rig.expect(12, 12, 12, 12)


def test_node_joins(rig: Rig) -> None:
    rig.connect(9, **EAGER)
    rig.expect(3, 3, 3)
    rig.cluster.add("cloud.region.d")
    rig.connect(9, **EAGER)
    rig.expect_sorted(4, 4, 5, 5)


def test_node_joins_and_the_contact_goes(rig: Rig) -> None:
    """The very first connects find the new node, by another node than the one asked so far."""
    rig.connect(12, **EAGER)
    rig.expect(4, 4, 4)
    rig.cluster.add("cloud.region.d")
    control = rig.cluster.control_connections().index(1) + 1
    rig.down(control)
    rig.connect(12, **EAGER)
    rig.expect_sorted(0, 6, 7, 7)
    assert rig.cluster.connections()[control - 1] == 0


def test_nodes_join_inside_the_keys_and_outside(rig: Rig) -> None:
    nodes = ["cloud.region.a", "cloud.region.a", "cloud.region.b"]
    keys = {**EAGER, "topology_keys": key("a")}

    rig.use(nodes)
    rig.connect(12, 3, **keys)
    rig.expect(6, 6, 0)
    rig.down(1)
    rig.connect(6, 3, **keys)
    assert rig.cluster.wait_connections([0, 12, 0]) == [0, 12, 0]
    rig.up(1)
    rig.connect(12, 3, **keys)
    assert rig.cluster.wait_connections([12, 12, 0]) == [12, 12, 0]

    rig.use(nodes)
    rig.one(3, **keys).close()
    rig.cluster.add("cloud.region.a")
    rig.connect(9, 3, **keys)
    rig.expect(3, 3, 0, 3)

    rig.use(nodes)
    rig.one(3, **keys).close()
    rig.cluster.add("cloud.region.b")
    rig.connect(6, 3, **keys)
    rig.expect(3, 3, 0, 0)


def test_node_leaves(rig: Rig) -> None:
    """A node that is not listed any more gets no connections, even if it is still there."""
    rig.connect(6, **EAGER)
    rig.node(3).unlist()
    rig.connect(6, **EAGER)
    rig.expect(5, 5, 2)


def test_new_list_arrives_without_connects(rig: Rig) -> None:
    rig.one(**{**EAGER, "yb_servers_refresh_interval": "1"})
    rig.cluster.add("cloud.region.d")
    wait_until(lambda: len(rig.known().nodes()) == 4, 5)


def test_drained_node_gets_no_connections(rig: Rig) -> None:
    rig.connect(6)
    known = rig.known()
    known.drain((rig.node(2).host, rig.node(2).port))
    rig.connect(6)
    rig.expect(5, 2, 5)
    known.undrain((rig.node(2).host, rig.node(2).port))
    rig.connect(3)
    rig.expect(5, 5, 5)


def test_drained_contact_gets_no_connections_either(rig: Rig) -> None:
    """Not even when the other nodes are down, or there is none that is not drained."""
    rig.one(1, **EAGER).close()
    known = rig.known()
    before = rig.attempts()[0]
    known.drain((rig.node(1).host, rig.node(1).port))
    rig.down(2, 3)
    with pytest.raises(psycoxide.OperationalError, match="refused"):
        rig.one(1, **EAGER)
    rig.up(2, 3)
    for number in (2, 3):
        known.drain((rig.node(number).host, rig.node(number).port))
    with pytest.raises(psycoxide.OperationalError, match="3 of which are set aside"):
        rig.one(1, **EAGER)
    # The list may be asked for there: that is no connection of the program's.
    assert rig.cluster.connections() == [0, 0, 0]
    assert rig.attempts()[0] - before <= 2
    known.undrain((rig.node(1).host, rig.node(1).port))
    rig.one(1, **EAGER)
    rig.expect(1, 0, 0)


def test_events_tell_what_happened(rig: Rig) -> None:
    rig.connect(3, **EAGER)
    first = rig.known().events()
    assert [event.kind for event in first.events].count("joined") == 3
    rig.down(2)
    rig.connect(6, **EAGER)
    rig.up(2)
    later = rig.known().events(first.next)
    kinds = [(event.kind, event.node.host) for event in later.events]
    assert ("down", "127.0.0.2") in kinds
    assert kinds[-1] == ("up", "127.0.0.2")
