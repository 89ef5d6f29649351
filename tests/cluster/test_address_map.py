"""`yb_address_map` as a function: who asks it, in which thread, and what may go wrong in it."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import psycoxide
from psycoxide import cluster
from psycoxide.conninfo import conninfo_to_dict, make_conninfo
from support.cluster import Rig, gather_connections

pytestmark = pytest.mark.cluster

#: Addresses at which nobody is; the last number is the node's.
INSIDE = "10.255.255."


class Forwarding:
    """What a program behind port forwarding would write."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.asked: list[tuple[str, int]] = []
        self.threads: set[int] = set()

    def __call__(self, host: str, port: int) -> tuple[str, int] | None:
        self.asked.append((host, port))
        self.threads.add(threading.get_ident())
        time.sleep(0.001)  # The interpreter goes to another thread.
        node = self.rig.node(int(host.removeprefix(INSIDE)))
        return node.host, node.port


@pytest.fixture
def forwarding(rig: Rig) -> Forwarding:
    """A cluster that announces addresses of the inside, and what to make of them."""
    universe = rig.node(1).universe_uuid
    rig.cluster.publish(
        {
            **rig.node(number)._row(),
            "host": f"{INSIDE}{number}",
            "port": 5433,
            "universe_uuid": universe,
        }
        for number in (1, 2, 3)
    )
    return Forwarding(rig)


def test_connections_go_where_the_function_says(rig: Rig, forwarding: Forwarding) -> None:
    conns = rig.connect(12, 1, yb_address_map=forwarding)
    assert rig.cluster.wait_connections([4, 4, 4]) == [4, 4, 4]
    assert sorted(forwarding.asked[:3]) == [(f"{INSIDE}{n}", 5433) for n in (1, 2, 3)]
    for conn in conns:
        node = conn.info.node
        assert node is not None
        assert node.host.startswith(INSIDE)
        assert conn.info.host == rig.node(int(node.host.removeprefix(INSIDE))).host
        assert "yb_address_map" not in conn.info.get_parameters()
        assert "yb_address_map" not in conn.info.dsn


def test_the_thread_behind_asks_it_too(rig: Rig, forwarding: Forwarding) -> None:
    rig.connect(3, 1, yb_address_map=forwarding)
    assert forwarding.threads == {threading.get_ident()}
    before = len(forwarding.asked)
    rig.known().refresh()
    assert len(forwarding.asked) == before + 3
    assert len(forwarding.threads) == 2
    rig.connect(3, 1, yb_address_map=forwarding)
    assert rig.cluster.wait_connections([2, 2, 2]) == [2, 2, 2]


def test_on_an_event_loop(rig: Rig, forwarding: Forwarding) -> None:
    async def main() -> None:
        conns = await gather_connections(6, rig.dsn(1, yb_address_map=forwarding))
        assert rig.cluster.wait_connections([2, 2, 2]) == [2, 2, 2]
        await rig.known().arefresh()
        assert len(forwarding.threads) == 2
        for conn in conns:
            await conn.close()

    asyncio.run(main())


def test_many_threads_at_once(rig: Rig, forwarding: Forwarding) -> None:
    """The list is fetched anew for each connection, so the thread behind is always asking."""
    rig.connect_at_once(12, 1, yb_address_map=forwarding, yb_servers_refresh_interval="0")
    assert rig.cluster.wait_connections([4, 4, 4]) == [4, 4, 4]


def test_clusters_are_found_with_it(rig: Rig, forwarding: Forwarding) -> None:
    found = cluster.get(**rig.dsn(1), yb_address_map=forwarding)
    assert [status.host for status in found.nodes()] == [f"{INSIDE}{n}" for n in (1, 2, 3)]
    assert len(forwarding.asked) == 3
    cluster.forget()
    asyncio.run(cluster.aget(**rig.dsn(1), yb_address_map=forwarding))
    assert len(forwarding.asked) == 6


def test_it_goes_before_the_text(
    rig: Rig, forwarding: Forwarding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGYBADDRESSMAP", f"{INSIDE}1=127.0.1.1")
    conninfo = make_conninfo(**rig.dsn(1, yb_address_map=f"{INSIDE}2=127.0.1.1"))
    for _ in range(3):
        rig.made.append(psycoxide.connect(conninfo, yb_address_map=forwarding))
    assert rig.cluster.wait_connections([1, 1, 1]) == [1, 1, 1]


def test_none_leaves_an_address_alone(rig: Rig) -> None:
    asked = []

    def nothing(host: str, port: int) -> None:
        asked.append((host, port))

    rig.connect(6, 1, yb_address_map=nothing)
    rig.expect(2, 2, 2)
    assert asked == [(node.host, node.port) for node in map(rig.node, (1, 2, 3))]


def test_what_it_raises_is_told_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    def broken(host: str, port: int) -> None:
        raise LookupError("the table is lost")

    with caplog.at_level(logging.WARNING, "psycoxide.cluster"):
        rig.connect(12, 1, yb_address_map=broken, yb_servers_refresh_interval="0")
        rig.expect(4, 4, 4)
        rig.known().refresh()
    (record,) = caplog.records
    text = record.getMessage()
    assert "yb_address_map" in text and f"port {rig.node(1).port}" in text
    assert "LookupError: the table is lost" in text


@pytest.mark.parametrize(
    "answer",
    [5, "a:1", ("a",), ("a", "1"), (1, "a"), ("", 1), ("a\0", 1), ("a", 0), ("a", 65536)],
    ids=repr,
)
def test_answers_that_are_none(rig: Rig, answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "psycoxide.cluster"):
        rig.connect(3, 1, yb_address_map=lambda host, port: answer)
        rig.expect(1, 1, 1)
        rig.known()
    (record,) = caplog.records
    assert f"{answer!r} was returned, which is neither None nor a tuple" in record.getMessage()


def test_ctrl_c_in_it_is_not_lost(rig: Rig) -> None:
    def interrupted(host: str, port: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rig.one(1, yb_address_map=interrupted)
        pytest.fail("nobody was interrupted")


def test_ctrl_c_is_for_the_thread_that_connects(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The thread behind has nobody to raise it to: it is an error like others, and is over."""
    main = threading.get_ident()
    asked = []

    def interrupted(host: str, port: int) -> None:
        if threading.get_ident() != main:
            asked.append(host)
            raise KeyboardInterrupt("by itself")

    rig.one(1, yb_address_map=interrupted)
    with caplog.at_level(logging.WARNING, "psycoxide.cluster"):
        for _ in range(2):
            rig.known().refresh()
    assert len(asked) == 6
    (record,) = caplog.records
    assert "KeyboardInterrupt: by itself" in record.getMessage()


def test_what_is_neither_text_nor_function(rig: Rig) -> None:
    before = rig.attempts()
    with pytest.raises(psycoxide.ProgrammingError, match="yb_address_map"):
        psycoxide.connect(**rig.dsn(1, yb_address_map=5))
    assert rig.attempts() == before


def test_it_is_not_part_of_a_connection_string() -> None:
    def same(host: str, port: int) -> None:
        pass

    kwargs: dict[str, Any] = {"yb_address_map": same}
    assert conninfo_to_dict("host=a", **kwargs) == {"host": "a"}
    assert make_conninfo("host=a", **kwargs) == "host=a"
    kwargs = {"yb_address_map": "a=b"}
    assert conninfo_to_dict("host=a", **kwargs) == {"host": "a", "yb_address_map": "a=b"}


PROGRAM = """
import sys
import time

import psycoxide
from psycoxide import cluster


def slow(host, port):
    time.sleep(0.2)


conn = psycoxide.connect(sys.argv[1], yb_address_map=slow)
(known,) = cluster.clusters()
known._handle.request_refresh()
time.sleep(0.1)
conn.close()
"""


def test_a_process_that_ends_does_not_wait_for_it(rig: Rig) -> None:
    """The thread is in the function when the interpreter goes."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, make_conninfo(**rig.dsn(1))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
