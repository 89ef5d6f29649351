"""Two-phase commit."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from psycoxide import errors, pq

IDLE = pq.TransactionStatus.IDLE


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"test {request.node.name}"


async def prepared(conn: Any, name: str) -> list[Any]:
    return [xid for xid in await conn.tpc_recover() if str(xid) == name]


async def test_prepared_and_committed(twin: Any, name: str) -> None:
    async with await twin.connect() as conn:
        await conn.tpc_begin(name)
        await conn.execute("SELECT 1")
        await conn.tpc_prepare()
        assert conn.info.transaction_status == IDLE
        (found,) = await prepared(conn, name)
        assert found.database == conn.info.dbname and found.prepared is not None
        assert conn.info.transaction_status == IDLE
        await conn.tpc_commit()
        assert await prepared(conn, name) == []


async def test_in_one_phase(twin: Any, name: str) -> None:
    async with await twin.connect() as conn:
        for end in ("commit", "rollback"):
            await conn.tpc_begin(conn.xid(1, name[:60], end))
            await conn.execute("SELECT 1")
            await getattr(conn, f"tpc_{end}")()
            assert conn.info.transaction_status == IDLE


async def test_found_by_another_connection(twin: Any, name: str) -> None:
    async with await twin.connect() as conn:
        await conn.tpc_begin(name)
        await conn.execute("SELECT 1")
        await conn.tpc_prepare()
        await conn.close()
    async with await twin.connect() as conn:
        (xid,) = await prepared(conn, name)
        await conn.tpc_rollback(xid)
        assert await prepared(conn, name) == []


async def test_a_failed_transaction_is_not_prepared(twin: Any, name: str) -> None:
    async with await twin.connect() as conn:
        await conn.tpc_begin(name)
        with pytest.raises(errors.DivisionByZero):
            await conn.execute("SELECT 1/0")
        with pytest.raises(errors.InFailedSqlTransaction):
            await conn.tpc_prepare()
        await conn.tpc_rollback()
        assert conn.info.transaction_status == IDLE


async def test_out_of_place(twin: Any, name: str) -> None:
    error = pytest.raises(twin.api.ProgrammingError)
    async with await twin.connect() as conn:
        for method in (conn.tpc_prepare, conn.tpc_commit, conn.tpc_rollback):
            with error:
                await method()
        await conn.tpc_begin(name)
        for method in (conn.commit, conn.rollback):
            with error:
                await method()
        with error:
            await conn.tpc_begin(name)
        with error:
            await conn.tpc_commit("another")
        await conn.tpc_rollback()
        await conn.set_autocommit(True)
        with error:
            await conn.tpc_begin(name)


@pytest.fixture
def yugabyte() -> Iterator[str]:
    """The connection string of a server that greets as YugabyteDB does, and no more."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            try:
                while True:
                    client, _ = server.accept()
                    with client:
                        client.recv(4096)
                        version = b"server_version\x0015.2-YB-2025.2.0.0-b0\0"
                        client.sendall(
                            b"R"
                            + struct.pack("!ii", 8, 0)
                            + b"S"
                            + struct.pack("!i", 4 + len(version))
                            + version
                            + b"Z"
                            + struct.pack("!i", 5)
                            + b"I"
                        )
                        while client.recv(4096):
                            pass
            except OSError:
                pass

        threading.Thread(target=greet, daemon=True).start()
        port = server.getsockname()[1]
        yield f"host=127.0.0.1 port={port} user=u dbname=d sslmode=disable gssencmode=disable"


async def test_yugabytedb_has_none(twin: Any, yugabyte: str) -> None:
    conn = await twin.connect(yugabyte)
    with pytest.raises(twin.api.NotSupportedError, match="YugabyteDB has no two-phase commit"):
        await conn.tpc_begin("x")
    with pytest.raises(twin.api.NotSupportedError):
        await conn.tpc_recover()
    await conn.close()
