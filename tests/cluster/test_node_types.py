"""Primaries and read replicas: the six values of load_balance, with keys and without."""

from __future__ import annotations

import pytest

import psycoxide
from support.cluster import Rig, key

pytestmark = pytest.mark.cluster

KEYS = key("a:1", "b:2")


@pytest.fixture
def six(rig: Rig) -> Rig:
    """Primaries 1 to 3 in the zones a, b, c; replicas 4 to 6 in b, c, d."""
    primaries = [f"cloud.region.{zone}" for zone in "abc"]
    rig.use([*primaries, *(f"cloud.region.{zone}/read_replica" for zone in "bcd")])
    return rig


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("true", (2, 2, 2, 2, 2, 2)),
        ("any", (2, 2, 2, 2, 2, 2)),
        ("only-primary", (4, 4, 4, 0, 0, 0)),
        ("only-rr", (0, 0, 0, 4, 4, 4)),
        ("prefer-primary", (4, 4, 4, 0, 0, 0)),
        ("prefer-rr", (0, 0, 0, 4, 4, 4)),
    ],
)
def test_values(six: Rig, value: str, expected: tuple[int, ...]) -> None:
    six.connect(12, load_balance=value)
    six.expect(*expected)


def test_replicas_down(six: Rig) -> None:
    six.down(4, 5, 6)
    with pytest.raises(psycoxide.OperationalError):
        six.one(load_balance="only-rr")
    six.connect(12, load_balance="prefer-rr")
    six.expect(4, 4, 4, 0, 0, 0)


def test_primaries_down(six: Rig) -> None:
    six.down(1, 2, 3)
    with pytest.raises(psycoxide.OperationalError):
        six.one(4, load_balance="only-primary")
    six.connect(12, 4, load_balance="prefer-primary")
    six.expect(0, 0, 0, 4, 4, 4)


def test_keys_with_all_types(six: Rig) -> None:
    six.connect(12, 5, topology_keys=KEYS)
    six.expect(12, 0, 0, 0, 0, 0)
    six.close()
    six.down(1)
    six.connect(12, 5, topology_keys=KEYS)
    six.expect(0, 6, 0, 6, 0, 0)
    six.close()
    six.down(2, 4)
    six.connect(12, 5, topology_keys=KEYS)
    six.expect(0, 0, 4, 0, 4, 4)


def test_keys_with_replicas_only(six: Rig) -> None:
    only = {"topology_keys": KEYS, "load_balance": "only-rr"}
    six.connect(12, 1, **only)
    six.expect(0, 0, 0, 12, 0, 0)
    six.close()
    six.down(4)
    six.connect(12, 1, **only)
    six.expect(0, 0, 0, 0, 6, 6)
    with pytest.raises(psycoxide.OperationalError):
        six.one(1, **only, fallback_to_topology_keys_only="true")


def test_keys_with_replicas_preferred(six: Rig) -> None:
    prefer = {"topology_keys": KEYS, "load_balance": "prefer-rr"}
    six.connect(12, 1, **prefer)
    six.expect(0, 0, 0, 12, 0, 0)
    six.close()
    six.down(4)
    six.connect(12, 1, **prefer)
    six.expect(0, 0, 0, 0, 6, 6)
    six.close()
    six.down(5, 6)
    six.connect(12, 1, **prefer)
    six.expect(4, 4, 4, 0, 0, 0)
