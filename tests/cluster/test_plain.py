"""Plain PostgreSQL, no load balancing at all, and the many ways to write the parameters."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

import psycoxide
from psycoxide import cluster
from psycoxide.conninfo import conninfo_to_dict, make_conninfo
from psycoxide.local import Node
from support.cluster import Rig, key

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def plain_servers(start_cluster: Any) -> Any:
    with start_cluster(3, yb_servers=False) as running:
        yield running


@pytest.fixture
def plain(plain_servers: Any) -> Any:
    rig = Rig(plain_servers)
    rig.use(3)
    yield rig
    rig.close()
    cluster.forget()


def test_one_plain_server(plain: Rig) -> None:
    plain.connect(12, 1)
    plain.expect(12, 0, 0)
    assert plain.known().is_static


def test_several_plain_servers(plain: Rig, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "psycoxide.cluster"):
        plain.connect(12, 1, 2, 3)
        plain.expect(4, 4, 4)
        plain.known()
    assert len(caplog.records) == 1, [record.getMessage() for record in caplog.records]


def test_plain_servers_go_and_return(plain: Rig) -> None:
    parameters = {"failed_host_reconnect_delay_secs": "1", "yb_slow_start_secs": "0"}
    plain.connect(3, 1, 2, 3, **parameters)
    plain.close()
    plain.down(2)
    plain.connect(12, 1, 2, 3, **parameters)
    plain.expect(6, 0, 6)
    plain.close()
    plain.up(2)
    plain.connect(12, 1, 2, 3, **parameters)
    plain.expect(4, 4, 4)


def test_a_function_that_somebody_has_made_is_not_called(plain: Rig) -> None:
    """It would run with the rights of who connects, and say where connections go."""
    node = plain.node(1)
    make_function(node, "public", of=plain.node(2))
    node.execute("CREATE ROLE somebody")
    node.execute("ALTER FUNCTION public.yb_servers() OWNER TO somebody")
    try:
        plain.connect(3, 1)
        plain.expect(3, 0, 0)
        assert plain.known().is_static
        assert node.execute("SELECT * FROM public.called") == []
    finally:
        node.execute("DROP TABLE public.called")
        node.execute("DROP FUNCTION public.yb_servers()")
        node.execute("DROP ROLE somebody")


def test_a_function_of_a_superuser_makes_a_cluster(plain: Rig) -> None:
    """Also in a schema whose name has to be quoted, if it is in the search path."""
    node = plain.node(1)
    node.execute('CREATE SCHEMA "a ""b"')
    make_function(node, '"a ""b"', of=plain.node(2))
    node.execute('ALTER DATABASE yugabyte SET search_path = "a ""b", public')
    try:
        plain.connect(3, 1)
        plain.expect(0, 3, 0)
        assert not plain.known().is_static
    finally:
        node.execute("ALTER DATABASE yugabyte RESET search_path")
        node.execute("DROP TABLE public.called")
        node.execute('DROP SCHEMA "a ""b" CASCADE')


def make_function(node: Node, schema: str, *, of: Node) -> None:
    """A ``yb_servers()`` in this schema, which tells of one node and notes who has called it."""
    node.execute("CREATE TABLE public.called (by name)")
    node.execute(
        f"CREATE FUNCTION {schema}.yb_servers() RETURNS TABLE (host text, port int8)"
        " LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.called VALUES (current_user);"
        f" RETURN QUERY SELECT '{of.host}'::text, {of.port}::int8; END $$"
    )


@pytest.mark.parametrize("value", [None, "false"])
def test_without_load_balance_nothing_happens(rig: Rig, value: str | None) -> None:
    parameters = rig.dsn(2)
    del parameters["load_balance"]
    if value is not None:
        parameters["load_balance"] = value
    before = rig.attempts()
    with psycoxide.connect(**parameters) as conn:
        assert conn.info.node is None
        assert conn.info.cluster is None
        assert conn.info.host == rig.node(2).host
    assert cluster.clusters() == []
    assert [now - then for now, then in zip(rig.attempts(), before)] == [0, 1, 0]
    assert rig.cluster.control_connections() == [0, 0, 0]


def first_bytes(**parameters: str) -> bytes:
    """What a server is sent at first by who connects with these."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        base = {"host": "127.0.0.1", "port": port, "user": "u", "dbname": "d"}
        settings = {**base, "sslmode": "disable", "connect_timeout": "5", **parameters}
        with ThreadPoolExecutor(1) as pool:
            failing = pool.submit(psycoxide.connect, **settings)
            with server.accept()[0] as client:
                sent = client.recv(4096)
            assert isinstance(failing.exception(), psycoxide.OperationalError)
    return sent


def test_without_load_balance_the_same_is_sent() -> None:
    """Byte by byte what psycopg sends for these parameters."""
    body = b"\0\3\0\0user\0u\0database\0d\0application_name\0x\0\0"
    expected = struct.pack("!i", len(body) + 4) + body
    assert first_bytes(application_name="x") == expected
    settings = {"load_balance": "false", "topology_keys": "a.b.c", "yb_policy": "p2c"}
    assert first_bytes(application_name="x", **settings) == expected


def test_libpqs_values_keep_libpqs_meaning(rig: Rig) -> None:
    for value in ("disable", "random"):
        parameters = rig.dsn(1, 2, load_balance_hosts=value)
        del parameters["load_balance"]
        with psycoxide.connect(**parameters) as conn:
            assert conn.info.node is None
    assert cluster.clusters() == []


def spellings(rig: Rig) -> dict[str, tuple[str, dict[str, Any]]]:
    """The same settings, written in every way: connection string, and keyword arguments."""
    base = {**rig.cluster.contact(1), "sslmode": "disable"}
    keys = key("a:1", "b:2")
    uri = (
        f"postgresql://{base['user']}:{base['password']}@{base['host']}:{base['port']}"
        f"/{base['dbname']}?sslmode=disable"
    )
    return {
        "keywords": ("", {**base, "load_balance": "true", "topology_keys": keys}),
        "dsn": (make_conninfo(**base) + f" load_balance=true topology_keys={keys}", {}),
        "dashes": (make_conninfo(**base) + f" load-balance=any topology-keys={keys}", {}),
        "hosts": (make_conninfo(**base) + f" load_balance_hosts=true topology_keys={keys}", {}),
        "uri": (f"{uri}&load_balance=true&topology_keys={keys}", {}),
        "escaped": (f"{uri}&load_balance=true&topology_keys={quote(keys, safe='')}", {}),
        "camel": (f"{uri}&loadBalance=true&topologyKeys={keys}", {}),
        "both": (f"{uri}&load_balance=true", {"topology_keys": keys}),
    }


SPELLINGS = ["keywords", "dsn", "dashes", "hosts", "uri", "escaped", "camel", "both"]


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(rig: Rig, name: str) -> None:
    conninfo, kwargs = spellings(rig)[name]
    for _ in range(4):
        rig.made.append(psycoxide.connect(conninfo, **kwargs))
    rig.expect(4, 0, 0)
    rig.close()

    async def main() -> None:
        async with await psycoxide.AsyncConnection.connect(conninfo, **kwargs) as conn:
            assert conn.info.node is not None
            assert conn.info.node.zone == "a"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("variable", "value"), [("PGLOADBALANCE", "any"), ("PGLOADBALANCEHOSTS", "true")]
)
def test_settings_of_the_environment(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("PGTOPOLOGYKEYS", key("a:1", "b:2"))
    base: dict[str, Any] = {**rig.cluster.contact(1), "sslmode": "disable"}
    for _ in range(4):
        rig.made.append(psycoxide.connect(**base))
    rig.expect(4, 0, 0)
    rig.close()

    async def main() -> None:
        async with await psycoxide.AsyncConnection.connect(**base) as conn:
            assert conn.info.node is not None
            assert conn.info.node.zone == "a"

    asyncio.run(main())
    # What is given goes before it.
    rig.made.append(psycoxide.connect(**base, topology_keys=key("b")))
    rig.expect(0, 1, 0)
    with psycoxide.connect(**base, load_balance="false") as conn:
        assert conn.info.node is None
    # It is not part of what a connection string says.
    assert set(conninfo_to_dict(make_conninfo(**base))) == set(base)


def test_nonsense_in_the_environment(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGTOPOLOGYKEYS", "nonsense")
    before = rig.attempts()
    with pytest.raises(psycoxide.ProgrammingError, match="topology_keys"):
        psycoxide.connect(**rig.dsn(1))
    assert rig.attempts() == before


def test_parameters_are_not_sent_to_the_server(rig: Rig) -> None:
    """The startup packet has none of them: a server would refuse what it does not know."""
    conn = rig.one(
        topology_keys=key("a"),
        fallback_to_topology_keys_only="true",
        yb_servers_refresh_interval="10",
        failed_host_reconnect_delay_secs="2",
        yb_policy="p2c",
        yb_use_public_ip="false",
    )
    assert "load_balance" in conn.info.dsn
    rig.expect(1, 0, 0)


@pytest.mark.parametrize(
    ("parameters", "spread"),
    [
        ({"yb_policy": "least-connections"}, 0),
        # All are nearly as fast as the fastest, with such a window.
        ({"yb_policy": "latency", "yb_latency_window_ms": "60000"}, 0),
        ({"yb_policy": "p2c"}, 7),
        ({"yb_policy": "round-robin"}, 0),
    ],
)
def test_policies(rig: Rig, parameters: dict[str, str], spread: int) -> None:
    rig.connect(12, **parameters)
    counts = rig.believed()
    assert sum(counts) == 12
    assert max(counts) - min(counts) <= spread


def test_random_policy(rig: Rig) -> None:
    """Each node gets about a third: a deviation of five sigma is not by chance."""
    rig.connect(90, yb_policy="random")
    assert sum(rig.believed()) == 90
    assert all(8 <= count <= 52 for count in rig.believed())


def test_near_placements(rig: Rig) -> None:
    """`auto` measures each node once, and then stays in the zone of the fastest."""
    rig.use(["cloud.near.a", "cloud.near.a", "cloud.far.b"])
    rig.connect(3, 1, topology_keys="auto")
    rig.expect(1, 1, 1)
    status = min(rig.known().nodes(), key=lambda status: status.latency or 1)
    conn = rig.one(1, topology_keys="auto")
    assert conn.info.node is not None
    assert conn.info.node.placement == status.placement
