"""`target_session_attrs` with several hosts, and with the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import psycoxide
from support.cluster import Rig, wait_until

pytestmark = pytest.mark.cluster

READ_ONLY = 2
"""The node whose sessions only read. None is a standby."""


@pytest.fixture
def mixed(rig: Rig) -> Iterator[Rig]:
    set_read_only(rig, "on")
    yield rig
    set_read_only(rig, "off")


def set_read_only(rig: Rig, value: str) -> None:
    node = rig.node(READ_ONLY)
    node.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
    node.execute("SELECT pg_reload_conf()")
    wait_until(lambda: node.execute("SHOW default_transaction_read_only") == [(value,)])


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        ("any", (2, 2, 2)),
        ("read-write", (3, 0, 3)),
        ("read-only", (0, 6, 0)),
        ("primary", (2, 2, 2)),
        ("prefer-standby", (2, 2, 2)),
    ],
)
def test_nodes_of_the_kind_share_the_connections(
    mixed: Rig, attrs: str, expected: tuple[int, ...]
) -> None:
    mixed.connect(6, 1, target_session_attrs=attrs)
    mixed.expect(*expected)
    # Who is of another kind is well, and nobody was sent to the contact for it.
    assert [status.breaker for status in mixed.known().nodes()] == ["closed"] * 3
    assert mixed.known().metrics()["contact_fallbacks"] == 0


def test_no_node_of_the_kind(mixed: Rig) -> None:
    mixed.one(1)
    before = sum(mixed.attempts())
    with pytest.raises(psycoxide.OperationalError, match="not in hot standby mode") as info:
        mixed.one(1, target_session_attrs="standby")
    for node in mixed.cluster.nodes:
        assert f'"{node.host}"' in str(info.value), "every attempt is told"
    assert sum(mixed.attempts()) - before == 3, "each node was asked once"


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        ("any", 1),
        ("read-write", 1),
        ("read-only", READ_ONLY),
        ("primary", 1),
        ("prefer-standby", 1),
        ("standby", None),
    ],
)
def test_hosts_are_tried_in_order(mixed: Rig, attrs: str, expected: int | None) -> None:
    parameters = mixed.dsn(1, 2, 3, target_session_attrs=attrs, load_balance="false")
    if expected is None:
        with pytest.raises(psycoxide.OperationalError) as info:
            psycoxide.connect(**parameters)
        assert str(info.value).count("server is not in hot standby mode") >= 3
        return
    with psycoxide.connect(**parameters) as conn:
        assert conn.info.host == mixed.node(expected).host
