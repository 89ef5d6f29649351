"""Topology keys: which nodes they name, in which order, and what is no such key."""

from __future__ import annotations

from typing import Any

import pytest

import psycoxide
from support.cluster import Rig, key

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (key("a", "c"), (6, 0, 6)),
        (key("a", "b:1", "c:2"), (6, 6, 0)),
        (key("a:1", "b:2", "c:3"), (12, 0, 0)),
        (key("*", "b:1", "c:2"), (4, 4, 4)),
        (key("*:1", "b:2", "c:3"), (4, 4, 4)),
        (key("BAD:1", "b:2", "c:3"), (0, 12, 0)),
        (key("BAD:1", "b:2", "c:2"), (0, 6, 6)),
        (key("a:1", "BAD:2", "c:3"), (12, 0, 0)),
        (key("BAD:1", "BAD:2", "c:3"), (0, 0, 12)),
        (key("BAD:1", "BAD:2", "*:3"), (4, 4, 4)),
        (key("A:1", "C:2"), (12, 0, 0)),
        ("cloud.region", (4, 4, 4)),
        ("cloud.*.*", (4, 4, 4)),
        ("cloud.region.b:1,*.*.*:2", (0, 12, 0)),
    ],
)
def test_levels(rig: Rig, keys: str, expected: tuple[int, ...]) -> None:
    rig.connect(12, topology_keys=keys)
    rig.expect(*expected)


def test_gap_in_the_priorities(rig: Rig) -> None:
    rig.down(1)
    rig.connect(12, 2, topology_keys=key("a:1", "c:5"))
    rig.expect(0, 0, 12)


def test_the_rest_of_the_cluster_comes_last(rig: Rig) -> None:
    rig.connect(12, topology_keys=key("BAD"))
    rig.expect(4, 4, 4)


def test_topology_keys_only(rig: Rig) -> None:
    before = rig.attempts()
    with pytest.raises(psycoxide.OperationalError, match="no eligible node"):
        rig.one(1, topology_keys=key("BAD"), fallback_to_topology_keys_only="true")
    after = rig.attempts()
    assert after[1:] == before[1:], "no other node was asked"
    assert after[0] - before[0] == 1, "the contact was asked for the list, once"


def test_topology_keys_only_when_those_are_down(rig: Rig) -> None:
    keys = {"topology_keys": key("a"), "fallback_to_topology_keys_only": "true"}
    rig.one(2, **keys)
    rig.down(1)
    before = rig.attempts()
    with pytest.raises(psycoxide.OperationalError):
        rig.one(2, **keys)
    after = rig.attempts()
    # Node 2, the contact, may be asked for the list again, and for nothing else.
    assert after[2] == before[2]
    assert rig.cluster.connections() == [0, 0, 0]


@pytest.mark.parametrize(
    "keys",
    [
        *("cloud.region.a:", "cloud.region.a:0", "cloud.region.a:11", "cloud.region.a:-1"),
        *("cloud.region.a:x", "a", "*.region.zone", "cloud.*.zone", "cloud.region.a,,", ","),
    ],
)
def test_bad_keys_are_refused_before_anything_is_sent(rig: Rig, keys: str) -> None:
    before = rig.attempts()
    with pytest.raises(psycoxide.ProgrammingError, match="topology_keys"):
        rig.one(1, topology_keys=keys)
    assert rig.attempts() == before


@pytest.mark.parametrize(
    "parameters",
    [
        {"load_balance": "sometimes"},
        {"load_balance": "true", "load_balance_hosts": "random"},
        {"yb_policy": "best"},
        {"yb_servers_refresh_interval": "often"},
        {"fallback_to_topology_keys_only": "perhaps"},
    ],
)
def test_bad_values_are_refused_before_anything_is_sent(
    rig: Rig, parameters: dict[str, Any]
) -> None:
    before = rig.attempts()
    with pytest.raises(psycoxide.ProgrammingError):
        rig.one(1, **parameters)
    assert rig.attempts() == before
