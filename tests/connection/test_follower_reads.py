"""follower_reads(): what is sent, and what is left behind. No server here has follower reads."""

from __future__ import annotations

from typing import Any

import pytest

import psycoxide
from psycoxide._base.follower_reads import read_only
from support.hostile import WELCOME, complete, parameter, ready, report
from support.twin import Twin

VERSION = b"15.12-YB-2025.2.6.0-b0"
YUGABYTE = WELCOME.replace(
    parameter(b"server_version", b"18.0"), parameter(b"server_version", VERSION)
)


def recording(queries: list[bytes], failing: bytes = b"\0") -> Any:
    """A server that takes every command, and says that it is YugabyteDB."""

    def script(peer: Any) -> None:
        peer.greet(YUGABYTE)
        open_, failed = False, False
        while True:
            for tag, body in peer.read_query():
                if tag == b"Q":
                    text = body.rstrip(b"\0")
                elif tag == b"P":
                    text = body.split(b"\0")[1]
                else:
                    continue
                queries.append(text)
                open_ = text.startswith(b"BEGIN") or (
                    open_ and not text.startswith((b"COMMIT", b"ROLLBACK"))
                )
                failed = open_ and (failed or failing in text)
                answer = report(b"unknown setting", b"42704") if failed else complete(b"SET")
                # Commands that travel together have their answers one by one.
                peer.send(answer + ready(b"E" if failed else b"T" if open_ else b"I"))

    return script


async def test_settings_are_local_to_a_read_only_transaction(twin: Twin, hostile: Any) -> None:
    queries: list[bytes] = []
    conn = await twin.connect(hostile(recording(queries)).dsn)
    async with conn.follower_reads(5000):
        pass
    await conn.close()
    assert b"; ".join(queries).rstrip(b"; ").split(b"; ") == [
        b"BEGIN READ ONLY",
        b"SET LOCAL yb_read_from_followers = on",
        b"SET LOCAL yb_follower_read_staleness_ms = 5000",
        b"COMMIT",
    ]


async def test_staleness_is_the_servers_unless_given(twin: Twin, hostile: Any) -> None:
    queries: list[bytes] = []
    conn = await twin.connect(hostile(recording(queries)).dsn)
    async with conn.follower_reads():
        pass
    await conn.close()
    assert not any(b"staleness" in query for query in queries)


async def test_server_without_the_setting(twin: Twin, hostile: Any) -> None:
    queries: list[bytes] = []
    conn = await twin.connect(hostile(recording(queries, b"yb_read_from")).dsn)
    with pytest.raises(psycoxide.errors.UndefinedObject):
        async with conn.follower_reads():
            raise AssertionError("the block must not run")
    assert queries[-1] == b"ROLLBACK"
    assert conn.info.transaction_status == psycoxide.pq.TransactionStatus.IDLE
    await conn.close()


async def test_postgresql_gives_a_read_only_transaction(twin: Twin) -> None:
    async with await twin.connect() as conn:
        async with conn.follower_reads(1000):
            cur = await conn.execute("SHOW transaction_read_only")
            assert await cur.fetchone() == ("on",)
        with pytest.raises(psycoxide.errors.ReadOnlySqlTransaction):
            async with conn.follower_reads():
                await conn.execute("CREATE TABLE never (id int)")
        cur = await conn.execute("SHOW transaction_read_only")
        assert await cur.fetchone() == ("off",)


async def test_strict_refuses_postgresql(twin: Twin) -> None:
    async with await twin.connect() as conn:
        with pytest.raises(psycoxide.NotSupportedError, match="not YugabyteDB"):
            async with conn.follower_reads(strict=True):
                raise AssertionError("the block must not run")
        assert conn.info.transaction_status == psycoxide.pq.TransactionStatus.IDLE


async def test_open_transaction_is_refused(twin: Twin) -> None:
    async with await twin.connect() as conn:
        await conn.execute("SELECT 1")
        with pytest.raises(psycoxide.ProgrammingError, match="is open already"):
            async with conn.follower_reads():
                raise AssertionError("the block must not run")
        cur = await conn.execute("SELECT 2")
        assert await cur.fetchone() == (2,)


@pytest.mark.parametrize("staleness", [0, -1, 1.5, "1000", True])
async def test_bad_staleness(twin: Twin, staleness: Any) -> None:
    async with await twin.connect() as conn:
        with pytest.raises(psycoxide.ProgrammingError, match="staleness_ms"):
            conn.follower_reads(staleness)


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        (b"BEGIN", b"BEGIN READ ONLY"),
        (b"BEGIN READ ONLY", b"BEGIN READ ONLY"),
        (
            b"BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE DEFERRABLE",
            b"BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
        ),
    ],
)
def test_begin_statement(begin: bytes, expected: bytes) -> None:
    assert read_only(begin) == expected
