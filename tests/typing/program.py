"""A user's program, for a type checker to read; it is not run.

Each `assert_type` says what a user's editor shows: a type that is vaguer fails as well as a wrong
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import assert_type

import psycoxide
from psycoxide import AsyncConnection, AsyncCursor, Connection, Cursor, sql
from psycoxide.adapt import Dumper, Loader
from psycoxide.rows import (
    RowMaker,
    args_row,
    class_row,
    dict_row,
    kwargs_row,
    scalar_row,
    tuple_row,
)


@dataclass
class Person:
    id: int
    name: str


def numbered(first: int, second: int) -> float:
    return first / second


def list_row(cursor: Cursor[Any]) -> RowMaker[list[str]]:
    def make(values: Sequence[Any]) -> list[str]:
        return list(map(str, values))

    return make


def connections() -> None:
    assert_type(psycoxide.connect(), Connection[tuple[Any, ...]])
    assert_type(psycoxide.connect("host=localhost", port=5433), Connection[tuple[Any, ...]])
    assert_type(
        psycoxide.connect(yb_address_map=lambda host, port: (host, port + 10000)),
        Connection[tuple[Any, ...]],
    )
    assert_type(psycoxide.connect(row_factory=dict_row), Connection[dict[str, Any]])
    assert_type(Connection.connect(autocommit=True), Connection[tuple[Any, ...]])
    assert_type(Connection.connect(row_factory=class_row(Person)), Connection[Person])
    assert_type(Connection.connect(row_factory=list_row), Connection[list[str]])
    with psycoxide.connect(row_factory=dict_row) as conn:
        assert_type(conn, Connection[dict[str, Any]])
        assert_type(conn.execute("SELECT 1"), Cursor[dict[str, Any]])
        assert_type(conn.autocommit, bool)
        assert_type(conn.isolation_level, psycoxide.IsolationLevel | None)
        assert_type(conn.info.server_version, int)
        assert_type(conn.info.transaction_status, psycoxide.pq.TransactionStatus)
        assert_type(conn.pgconn, psycoxide.pq.PGconn)
        assert_type(conn.prepare_threshold, int | None)
        conn.autocommit = True
        conn.row_factory = dict_row
        with conn.transaction() as block:
            assert_type(block, psycoxide.Transaction)
            assert_type(block.connection, Connection[Any])
        with conn.pipeline() as pipeline:
            assert_type(pipeline, psycoxide.Pipeline)


def cursors(conn: Connection[tuple[Any, ...]], people: Connection[Person]) -> None:
    assert_type(conn.cursor(), Cursor[tuple[Any, ...]])
    assert_type(conn.cursor(binary=True), Cursor[tuple[Any, ...]])
    assert_type(conn.cursor(row_factory=tuple_row), Cursor[tuple[Any, ...]])
    assert_type(conn.cursor(row_factory=dict_row), Cursor[dict[str, Any]])
    assert_type(conn.cursor(row_factory=class_row(Person)), Cursor[Person])
    assert_type(conn.cursor(row_factory=args_row(numbered)), Cursor[float])
    assert_type(conn.cursor(row_factory=kwargs_row(numbered)), Cursor[float])
    assert_type(conn.cursor(row_factory=scalar_row), Cursor[Any])
    assert_type(people.cursor(), Cursor[Person])
    assert_type(Cursor(people), Cursor[Person])
    assert_type(Cursor(people, row_factory=dict_row), Cursor[dict[str, Any]])


def rows(conn: Connection[Person]) -> None:
    cursor = conn.cursor()
    assert_type(cursor.connection, Connection[Any])
    assert_type(cursor.execute("SELECT %s", [1]), Cursor[Person])
    assert_type(cursor.fetchone(), Person | None)
    assert_type(cursor.fetchmany(10), list[Person])
    assert_type(cursor.fetchall(), list[Person])
    assert_type(cursor.description, list[psycoxide.Column] | None)
    assert_type(cursor.rowcount, int)
    assert_type(cursor.statusmessage, str | None)
    for person in cursor:
        assert_type(person, Person)
    for result in cursor.results():
        assert_type(result, Cursor[Person])
    with conn.cursor(row_factory=dict_row) as dictionaries:
        assert_type(dictionaries.fetchall(), list[dict[str, Any]])


async def asynchronous(people: AsyncConnection[Person]) -> None:
    assert_type(await AsyncConnection.connect(), AsyncConnection[tuple[Any, ...]])
    conn = await AsyncConnection.connect(row_factory=dict_row)
    assert_type(conn, AsyncConnection[dict[str, Any]])
    assert_type(conn.autocommit, bool)
    assert_type(conn.cursor(), AsyncCursor[dict[str, Any]])
    assert_type(conn.cursor(row_factory=class_row(Person)), AsyncCursor[Person])
    assert_type(conn.cursor(row_factory=scalar_row), AsyncCursor[Any])
    assert_type(AsyncCursor(people), AsyncCursor[Person])
    assert_type(AsyncCursor(people, row_factory=dict_row), AsyncCursor[dict[str, Any]])
    async with people, people.transaction() as block:
        assert_type(block, psycoxide.AsyncTransaction)
        cursor = await people.execute("SELECT 1")
        assert_type(cursor, AsyncCursor[Person])
        assert_type(await cursor.fetchone(), Person | None)
        assert_type(await cursor.fetchmany(10), list[Person])
        assert_type(await cursor.fetchall(), list[Person])
        async for person in cursor:
            assert_type(person, Person)
        async for result in cursor.results():
            assert_type(result, AsyncCursor[Person])


class MyConnection(Connection[psycoxide.rows.Row]):
    """Subclasses keep their class, and their type of rows."""


class MyCursor(Cursor[psycoxide.rows.Row]):
    def one(self) -> psycoxide.rows.Row:
        row = self.fetchone()
        assert row is not None
        return row


class UpperLoader(Loader):
    def load(self, data: psycoxide.abc.Buffer) -> str:
        return bytes(data).decode().upper()


class PersonDumper(Dumper):
    oid = 25

    def dump(self, obj: Person) -> bytes:
        return obj.name.encode()


def extended() -> None:
    conn = MyConnection.connect(row_factory=dict_row)
    assert_type(conn, MyConnection[dict[str, Any]])
    with conn as same:
        assert_type(same, MyConnection[dict[str, Any]])
    assert_type(MyCursor(conn, row_factory=class_row(Person)).one(), Person)
    assert_type(MyCursor(conn).execute("SELECT 1").one(), dict[str, Any])
    conn.adapters.register_loader("text", UpperLoader)
    conn.adapters.register_dumper(Person, PersonDumper)
    conn.add_notify_handler(lambda notify: print(notify.channel, notify.pid))
    conn.add_notice_handler(lambda diagnostic: print(diagnostic.message_primary))


def composed(conn: Connection[Any], table: str) -> None:
    query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))
    assert_type(query, sql.Composed)
    conn.execute(query)
    conn.execute(b"SELECT 1")


def failures(conn: Connection[Any]) -> None:
    try:
        conn.execute("SELECT 1")
    except psycoxide.errors.UniqueViolation as ex:
        assert_type(ex.sqlstate, str)
        assert_type(ex.diag.constraint_name, str | None)


def refused(conn: Connection[tuple[Any, ...]]) -> None:
    conn.execute("SELECT %s", 1)  # type: ignore[arg-type]
    conn.execute(1)  # type: ignore[arg-type]
    conn.cursor(row_factory=Person)  # type: ignore[arg-type]
    conn.autocommit = "no"  # type: ignore[assignment]
    conn.prepare_threshold = "no"  # type: ignore[assignment]
    psycoxide.connect(port=1.5)  # type: ignore[arg-type]
    psycoxide.conect()  # type: ignore[attr-defined]
