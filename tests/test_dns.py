"""SRV records and addresses, looked up before connecting."""

from __future__ import annotations

import asyncio
import random
import sys
from types import SimpleNamespace

import pytest

import psycoxide
from psycoxide import _dns

RECORDS = {
    "_pg._tcp.db.example": [(1, 0, 5432, "far.example."), (0, 0, 5433, "near.example.")],
    "db.example": [(0, 0, 5555, "only.example.")],
    "_off._tcp.db.example": [(0, 0, 1, ".")],
}


def record(priority, weight, port=1, target="x"):
    return SimpleNamespace(priority=priority, weight=weight, port=port, target=target)


class NoAnswer(Exception):
    """Stands for dnspython's errors."""


def answer(name, kind):
    assert kind == "SRV"
    if name not in RECORDS:
        raise NoAnswer(name)
    return [record(*values) for values in RECORDS[name]]


@pytest.fixture(params=["sync", "async"])
def resolve_srv(request, monkeypatch):
    """The function of either kind, with our records."""

    async def answer_async(name, kind):
        return answer(name, kind)

    monkeypatch.setattr(_dns, "_dns_exception", lambda: NoAnswer)
    patch = monkeypatch.setitem
    patch(vars(_dns), "resolver", SimpleNamespace(resolve=answer))
    patch(vars(_dns), "async_resolver", SimpleNamespace(resolve=answer_async))
    if request.param == "sync":
        return _dns.resolve_srv
    return lambda params: asyncio.run(_dns.resolve_srv_async(params))


NEAR_FAR = {"host": "near.example,far.example", "port": "5433,5432"}


@pytest.mark.parametrize(
    "host, port, want",
    [
        ("_pg._tcp.db.example", None, NEAR_FAR),
        ("_pg._tcp.db.example", 1234, NEAR_FAR),
        ("_pg._tcp.db.example", "srv", NEAR_FAR),
        ("db.example", "SRV", {"host": "only.example", "port": "5555"}),
        ("db.example,b", "SRV,5", {"host": "only.example,b", "port": "5555,5"}),
        ("db.example,none.example", "srv", {"host": "only.example", "port": "5555"}),
        ("_none._tcp.b.example", "7", {"host": "b.example", "port": "7"}),
        ("_none._tcp.b.example,c", None, {"host": "b.example,c", "port": ","}),
        (
            "/tmp,_pg._tcp.db.example",
            "1,",
            {"host": "/tmp,near.example,far.example", "port": "1,5433,5432"},
        ),
    ],
)
def test_hosts_are_replaced(resolve_srv, host, port, want):
    params = {"host": host, "dbname": "d"} | ({} if port is None else {"port": port})
    before = dict(params)
    assert resolve_srv(params) == {"dbname": "d"} | want
    assert params == before


def test_hosts_of_the_environment(resolve_srv, monkeypatch):
    monkeypatch.setenv("PGHOST", "db.example,b")
    monkeypatch.setenv("PGPORT", "SRV,7")
    assert resolve_srv({"user": "u"}) == {"user": "u", "host": "only.example,b", "port": "5555,7"}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"host": ""},
        {"host": "a,b", "port": "1"},
        {"host": "_a._b"},
        {"hostaddr": "1.2.3.4"},
        {"host": "_pg._tcp.db.example", "hostaddr": "1.2.3.4"},
    ],
)
def test_nothing_to_look_up(resolve_srv, params):
    assert resolve_srv(params) is params


@pytest.mark.parametrize(
    "params, match",
    [
        ({"host": "none.example", "port": "SRV"}, "no host found"),
        ({"host": "_off._tcp.db.example"}, "no host found"),
        ({"host": "a,b", "port": "SRV,1,2"}, "cannot match 2 hosts with 3 ports"),
    ],
)
def test_no_host_is_left(resolve_srv, params, match):
    with pytest.raises(psycoxide.OperationalError, match=match):
        resolve_srv(params)


def test_priority_then_weight():
    records = [record(5, 9, 1), record(0, 0, 2), record(0, 90, 3), record(0, 10, 4)]
    random.seed(4)
    first = {2: 0, 3: 0, 4: 0}
    for _ in range(1000):
        ports = [r.port for r in _dns.Rfc2782Resolver().sort_rfc2782(records)]
        assert sorted(ports[:3]) == [2, 3, 4]
        assert ports[3] == 1
        first[ports[0]] += 1
    assert 0 < first[2] < first[4] < first[3]


def test_needs_dnspython(monkeypatch):
    monkeypatch.setitem(sys.modules, "dns.resolver", None)
    monkeypatch.delitem(vars(_dns), "resolver", raising=False)
    with pytest.raises(ImportError, match="pip install 'dnspython"):
        _dns.resolve_srv({"host": "_a._b.c"})


@pytest.mark.parametrize(
    "params, want",
    [
        ({}, {}),
        ({"host": "127.0.0.1"}, {"host": "127.0.0.1", "hostaddr": "127.0.0.1"}),
        (
            {"host": "127.0.0.1,127.0.0.2", "port": 1},
            {"host": "127.0.0.1,127.0.0.2", "hostaddr": "127.0.0.1,127.0.0.2", "port": "1,1"},
        ),
        (
            {"host": "/tmp,127.0.0.1", "port": "5,6"},
            {"host": "/tmp,127.0.0.1", "hostaddr": ",127.0.0.1", "port": "5,6"},
        ),
        (
            {"host": "a,127.0.0.1", "hostaddr": "1.1.1.1,"},
            {"host": "a,127.0.0.1", "hostaddr": "1.1.1.1,127.0.0.1"},
        ),
        (
            {"host": "nope.invalid,127.0.0.1", "port": "1,2"},
            {"host": "127.0.0.1", "hostaddr": "127.0.0.1", "port": "2"},
        ),
    ],
)
def test_addresses(params, want):
    with pytest.warns(DeprecationWarning, match="not needed"):
        assert asyncio.run(_dns.resolve_hostaddr_async(params)) == want


@pytest.mark.parametrize(
    "params, match",
    [
        ({"host": "nope.invalid"}, "failed to resolve host 'nope.invalid'"),
        ({"host": "a,b", "hostaddr": "1.1.1.1"}, "cannot match 2 hosts with 1 addresses"),
    ],
)
def test_no_address(params, match):
    with (
        pytest.warns(DeprecationWarning),
        pytest.raises(psycoxide.OperationalError, match=match),
    ):
        asyncio.run(_dns.resolve_hostaddr_async(params))
