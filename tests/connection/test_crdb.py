"""CockroachDB's module, and what the low level says it can do."""

from __future__ import annotations

import pytest

import psycoxide
from psycoxide import crdb, pq
from psycoxide.adapt import PyFormat
from psycoxide.types.json import Json


async def test_is_crdb(twin):
    async with await twin.connect() as conn:
        assert not crdb.CrdbConnection.is_crdb(twin.unwrap(conn))
        assert not crdb.AsyncCrdbConnection.is_crdb(twin.unwrap(conn).pgconn)


async def test_connection(twin):
    class_ = crdb.AsyncCrdbConnection if twin.is_async else crdb.CrdbConnection
    conn = class_.connect(twin.dsn)
    conn = await conn if twin.is_async else conn
    assert isinstance(conn.info, crdb.CrdbConnectionInfo)
    assert conn.info.vendor == "CockroachDB"
    with pytest.raises(psycoxide.InternalError, match="crdb_version"):
        conn.info.server_version  # noqa: B018
    assert conn.adapters.get_dumper(Json, PyFormat.TEXT).oid == 3802
    done = conn.close()
    if twin.is_async:
        await done


@pytest.mark.parametrize(
    "text, number",
    [
        ("CockroachDB CCL v22.1.0 (x86_64)", 220100),
        ("CockroachDB CCL v26.10.33-dev", 261033),
        ("CockroachDB OSS v21.2.10-alpha.1", 210210),
        ("PostgreSQL 15", None),
    ],
)
def test_version(text, number):
    assert crdb.CrdbConnectionInfo.parse_crdb_version(text) == number


def test_types():
    types = crdb.adapters.types
    assert types["json"].oid == types["jsonb"].oid == 3802
    assert types["integer"].oid == types["int8"].oid == 20
    assert types.get("int4range") is None
    assert crdb.adapters.get_dumper(str, PyFormat.AUTO).oid == 25
    assert crdb.adapters.get_dumper(type(None), PyFormat.AUTO).oid == 705
    # The package's own are as they were.
    assert psycoxide.adapters.types["json"].oid == 114
    assert psycoxide.adapters.get_dumper(str, PyFormat.AUTO).oid == 0


FEATURES = [name for name in dir(psycoxide.Capabilities) if name.startswith("has_")]


@pytest.mark.parametrize("name", FEATURES)
def test_capabilities(name, monkeypatch):
    assert getattr(psycoxide.capabilities, name)(check=True)
    monkeypatch.setattr(pq, "version", lambda: 90600)
    assert getattr(psycoxide.capabilities, name)()
    assert not getattr(psycoxide.Capabilities(), name)()
    with pytest.raises(psycoxide.NotSupportedError, match=r"version .* is 9\.6\.0; .* or newer"):
        getattr(psycoxide.Capabilities(), name)(check=True)
    monkeypatch.setattr(pq, "version", lambda: 190000)
    monkeypatch.setattr(pq, "__build_version__", 90600)
    with pytest.raises(psycoxide.NotSupportedError, match=r"built with libpq version 9\.6\.0"):
        getattr(psycoxide.Capabilities(), name)(check=True)
