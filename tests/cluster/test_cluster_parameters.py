"""Every parameter of a cluster, in every spelling, by every way that Python has: the same settings.

What the values come to is shown in crates/psycoxide-conninfo/tests/cluster_parameters.rs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import psycoxide
from psycoxide.conninfo import conninfo_to_dict, make_conninfo
from support.cluster import Rig, key

pytestmark = pytest.mark.cluster

#: Values that are not the defaults, and such as make no sense.
PARAMETERS = {
    "load_balance": ("any", "sometimes"),
    "topology_keys": (key("a:1", "*:2"), "c.r.z:0"),
    "fallback_to_topology_keys_only": ("true", "perhaps"),
    "yb_servers_refresh_interval": ("77", "often"),
    "failed_host_reconnect_delay_secs": ("7", "long"),
    "yb_use_public_ip": ("false", "maybe"),
    "yb_policy": ("round-robin", "best"),
    "yb_latency_window_ms": ("20", "1.5"),
    "yb_control_timeout": ("6", "soon"),
    "yb_backoff_max_secs": ("50", "1h"),
    "yb_slow_start_secs": ("11", "slow"),
    "yb_max_connecting_per_node": ("9", "many"),
    "yb_bootstrap_fallback": ("false", "2"),
    "yb_rebalance": ("off", "busy"),
    "yb_rebalance_rate": ("2.5", "nan"),
    "yb_address_map": ("10.0.0.1:1=h:2,i=[::1]:3", "nowhere"),
    "yb_tls_host": ("contact", "neither"),
}
VALUES = {name: value for name, (value, _) in PARAMETERS.items()}
ALIASES = {
    "load_balance": "load_balance_hosts",
    "failed_host_reconnect_delay_secs": "failed_host_ttl_seconds",
}


def camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "underscores": str,
    "capitals": str.upper,
    "dashes": lambda name: name.replace("_", "-"),
    "camelCase": camel_case,
    "aliases": lambda name: ALIASES.get(name, name),
    "camelCase of aliases": lambda name: camel_case(ALIASES.get(name, name)),
}

#: What `psycoxide.connect()` is called with.
Call = tuple[str, dict[str, Any]]


def key_value(values: dict[str, str]) -> str:
    return " ".join(f"{name} = '{value}'" for name, value in values.items())


def uri(values: dict[str, str], encode: Callable[[str], str]) -> str:
    pairs = (f"{encode(name)}={encode(value)}" for name, value in values.items())
    return "postgresql://?" + "&".join(pairs)


def few_escapes(text: str) -> str:
    return quote(text, safe="*:,[]")


def all_escaped(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def from_service_file(values: dict[str, str], folder: Path, patch: pytest.MonkeyPatch) -> Call:
    lines = ["[s]", *(f"{name}={value}" for name, value in values.items())]
    (folder / "services").write_text("\n".join(lines) + "\n", "utf-8")
    patch.setenv("PGSERVICEFILE", str(folder / "services"))
    return "service=s", {}


Way = Callable[[dict[str, str], Path, pytest.MonkeyPatch], Call]
WAYS: dict[str, Way] = {
    "keywords": lambda values, *_: ("", values),
    "connection string": lambda values, *_: (key_value(values), {}),
    "URI": lambda values, *_: (uri(values, few_escapes), {}),
    "escaped URI": lambda values, *_: (uri(values, all_escaped), {}),
    "both": lambda values, *_: (
        uri(dict(list(values.items())[::2]), few_escapes),
        dict(list(values.items())[1::2]),
    ),
    "make_conninfo": lambda values, *_: (make_conninfo(**values), {}),
    "make_conninfo of a URI": lambda values, *_: (
        make_conninfo(uri(values, few_escapes), port="1"),
        {},
    ),
    "conninfo_to_dict": lambda values, *_: ("", conninfo_to_dict(uri(values, few_escapes))),
    "both ways": lambda values, *_: (
        make_conninfo(**conninfo_to_dict(key_value(values))),
        {},
    ),
    "service file": from_service_file,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_same_settings_result(
    rig: Rig, way: str, spelling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {SPELLINGS[spelling](name): value for name, value in VALUES.items()}
    conninfo, kwargs = WAYS[way](values, tmp_path, monkeypatch)
    kwargs = {**kwargs, **rig.cluster.contact(2), "sslmode": "disable"}
    expected = dict(VALUES)
    if "aliases" in spelling:
        # libpq has this one too, so it is kept as it is.
        expected["load_balance_hosts"] = expected.pop("load_balance")

    with psycoxide.connect(conninfo, **kwargs) as conn:
        check(conn, expected)

    async def main() -> None:
        async with await psycoxide.AsyncConnection.connect(conninfo, **kwargs) as conn:
            check(conn, expected)

    asyncio.run(main())


def check(conn: psycoxide.Connection | psycoxide.AsyncConnection, expected: dict[str, str]) -> None:
    parameters = conn.info.get_parameters()
    found = {name: parameters[name] for name in parameters.keys() & expected.keys()}
    assert found == expected
    assert conn.info.node is not None and conn.info.node.zone == "a"


@pytest.mark.parametrize("hosts", [False, True])
def test_the_same_settings_result_of_the_environment(
    rig: Rig, hosts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = dict(VALUES)
    if hosts:
        expected["load_balance_hosts"] = expected.pop("load_balance")
    for name, value in expected.items():
        monkeypatch.setenv("PG" + name.replace("_", "").upper(), value)
    with psycoxide.connect(**rig.cluster.contact(2), sslmode="disable") as conn:
        check(conn, expected)


@pytest.mark.parametrize("name", PARAMETERS)
def test_nonsense_is_noticed_before_anything_is_connected(
    rig: Rig, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rig.attempts()
    _, nonsense = PARAMETERS[name]
    for spelling in SPELLINGS.values():
        for way in WAYS.values():
            conninfo, kwargs = way({spelling(name): nonsense}, tmp_path, monkeypatch)
            with pytest.raises(psycoxide.ProgrammingError, match=name):
                psycoxide.connect(conninfo, **{**rig.cluster.contact(1), **kwargs})
    monkeypatch.setenv("PG" + name.replace("_", "").upper(), nonsense)
    with pytest.raises(psycoxide.ProgrammingError, match=name):
        psycoxide.connect(**rig.cluster.contact(1))
    assert rig.attempts() == before
