"""Information about types, as the server gives it."""

from __future__ import annotations

import pytest

from psycoxide.types import TypeInfo
from psycoxide.types.composite import CompositeInfo
from psycoxide.types.enum import EnumInfo
from psycoxide.types.range import RangeInfo


async def fetch(twin, cls, conn, name):
    found = cls.fetch(twin.unwrap(conn), name)
    return await found if twin.is_async else found


@pytest.mark.parametrize("name", ["int4", "integer", '"int4"', "pg_catalog.int4"])
async def test_fetch(twin, name):
    async with await twin.connect() as conn:
        info = await fetch(twin, TypeInfo, conn, name)
        assert (info.name, info.oid, info.array_oid) == ("int4", 23, 1007)
        assert (info.regtype, info.delimiter) == ("integer", ",")
        # No transaction is left behind.
        assert conn.info.transaction_status == twin.api.pq.TransactionStatus.IDLE


@pytest.mark.parametrize("cls", [TypeInfo, RangeInfo, EnumInfo, CompositeInfo])
async def test_fetch_what_does_not_exist(twin, cls):
    async with await twin.connect() as conn:
        assert await fetch(twin, cls, conn, "no_such_type") is None
        assert await fetch(twin, cls, conn, "no_such_schema.int4") is None


@pytest.mark.parametrize("cls", [RangeInfo, EnumInfo, CompositeInfo])
async def test_fetch_of_another_kind(twin, cls):
    async with await twin.connect() as conn:
        assert await fetch(twin, cls, conn, "int4") is None


@pytest.mark.parametrize("name", [42, None, b"int4"])
async def test_fetch_wants_a_name(twin, name):
    async with await twin.connect() as conn:
        with pytest.raises(TypeError, match="a type's name must be a str"):
            await fetch(twin, TypeInfo, conn, name)


async def test_fetch_by_identifier(twin):
    async with await twin.connect() as conn:
        await conn.execute("""CREATE TYPE pg_temp."Weird ""type" AS ENUM ('z', 'a')""")
        name = twin.api.sql.Identifier("pg_temp", 'Weird "type')
        info = await fetch(twin, EnumInfo, conn, name)
        assert info.name == 'Weird "type'
        assert list(info.labels) == ["z", "a"]
        assert info.enum is None


@pytest.mark.parametrize("encoding", ["utf8", "latin1", "sql_ascii"])
async def test_fetch_in_any_encoding(twin, encoding):
    async with await twin.connect(autocommit=True) as conn:
        await conn.execute("CREATE TYPE pg_temp.accented AS ENUM ('é')")
        await conn.execute(f"SET client_encoding TO {encoding}")
        info = await fetch(twin, EnumInfo, conn, "pg_temp.accented")
        assert list(info.labels) == ["é"]


async def test_fetch_range(twin):
    async with await twin.connect() as conn:
        info = await fetch(twin, RangeInfo, conn, "int4range")
        assert (info.oid, info.subtype_oid) == (3904, 23)


async def test_fetch_composite(twin):
    async with await twin.connect() as conn:
        await conn.execute('CREATE TEMP TABLE fields (a int, gone int, "B b" text[])')
        await conn.execute("ALTER TABLE fields DROP COLUMN gone")
        info = await fetch(twin, CompositeInfo, conn, "fields")
        assert info.field_names == ("a", "B b")
        assert info.field_types == (23, 1009)
        assert info.python_type is None
