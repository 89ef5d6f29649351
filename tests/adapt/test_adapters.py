"""Users' dumpers and loaders, and the transformer that runs them."""

from __future__ import annotations

import gc
import weakref

import pytest

import psycoxide
from psycoxide.adapt import Dumper, Loader, PyFormat, Transformer
from psycoxide.pq import Format
from psycoxide.types.array import ListDumper
from psycoxide.types.numeric import Int4, IntLoader
from psycoxide.types.string import StrDumper, TextLoader


@pytest.fixture
def conn(dsn):
    with psycoxide.connect(dsn, autocommit=True) as connection:
        yield connection


def test_subclasses_are_called(conn):
    class Shouting(StrDumper):
        def dump(self, obj):
            return super().dump(obj.upper())

    class Doubling(IntLoader):
        def load(self, data):
            return 2 * super().load(data)

    conn.adapters.register_dumper(str, Shouting)
    conn.adapters.register_loader("int4", Doubling)
    assert conn.execute("SELECT %s", ["abc"]).fetchone() == ("ABC",)
    assert conn.execute("SELECT %s", [["abc", None]]).fetchone() == (["ABC", None],)
    cur = conn.execute("SELECT 21, ARRAY[1,NULL], '[1,2)'::int4range")
    assert cur.fetchone() == (42, [2, None], psycoxide.types.range.Range(2, 4))


def test_classes_without_the_base(conn):
    class Plain:
        format = Format.TEXT
        oid = 25

        def __init__(self, cls, context=None):
            self.context = context

        def dump(self, obj):
            return memoryview(b"xplainx")[1:-1]

        def quote(self, obj):
            return b"'plain'"

        def get_key(self, obj, format):
            return complex

        def upgrade(self, obj, format):
            return self

    conn.adapters.register_dumper(complex, Plain)
    assert conn.execute("SELECT %s", [1j]).fetchone() == ("plain",)


def test_dumper_that_writes_null(conn):
    class Empty(StrDumper):
        def dump(self, obj):
            return super().dump(obj) if obj else None

    conn.adapters.register_dumper(str, Empty)
    assert conn.execute("SELECT %s, %s", ["", "a"]).fetchone() == (None, "a")
    assert conn.execute("SELECT %s", [["", "a"]]).fetchone() == ([None, "a"],)


def test_key_and_upgrade(conn):
    class Small(Dumper):
        oid = 21

        def dump(self, obj):
            return str(int(obj.real)).encode()

    class Choosing(Dumper):
        oid = 20
        made = 0

        def dump(self, obj):
            return str(int(obj.real)).encode()

        def get_key(self, obj, format):
            return Int4 if obj.real < 100 else self.cls

        def upgrade(self, obj, format):
            type(self).made += 1
            return Small(Int4)

    conn.adapters.register_dumper(complex, Choosing)
    cur = conn.cursor()
    for number, name in ((1j, "smallint"), (500 + 0j, "bigint"), (2j, "smallint")):
        cur.execute("SELECT pg_typeof(%s)::text", [number])
        assert cur.fetchone() == (name,)
    assert Choosing.made == 1


def test_loaders_are_made_once_a_type_and_never_see_null(conn):
    seen = []

    class Noting(TextLoader):
        def __init__(self, oid, context=None):
            super().__init__(oid, context)
            seen.append((oid, context.connection))

        def load(self, data):
            assert isinstance(data, bytes)
            return data

    conn.adapters.register_loader("text", Noting)
    cur = conn.execute("SELECT 'a', NULL::text, 'b' FROM generate_series(1, 3)")
    assert cur.fetchall() == [(b"a", None, b"b")] * 3
    assert seen == [(25, conn)]


def test_errors_of_users_code_pass_unchanged(conn):
    class Failing(Dumper):
        def dump(self, obj):
            raise ZeroDivisionError

    class FailingLoader(Loader):
        def load(self, data):
            raise ZeroDivisionError

    conn.adapters.register_dumper(complex, Failing)
    with pytest.raises(ZeroDivisionError):
        conn.execute("SELECT %s", [1j])
    conn.adapters.register_loader("int4", FailingLoader)
    for query in ("SELECT 1", "SELECT ARRAY[1]", "SELECT '[1,2)'::int4range"):
        cur = conn.execute(query)
        with pytest.raises(ZeroDivisionError):
            cur.fetchall()
    assert conn.execute("SELECT 'ok'").fetchone() == ("ok",)


@pytest.mark.parametrize("wrong", [5, "text", [b"x"]])
def test_dumper_that_writes_no_bytes(conn, wrong):
    class Wrong(Dumper):
        def dump(self, obj):
            return wrong

    conn.adapters.register_dumper(complex, Wrong)
    with pytest.raises(TypeError, match="buffer expected, got"):
        conn.execute("SELECT %s", [1j])


def test_loader_that_runs_a_query_of_the_same_shape(conn, dsn):
    """The loaders of a result may be asked for while they run."""
    depth = []

    class Nested(TextLoader):
        def load(self, data):
            depth.append(1)
            if len(depth) < 3:
                tx = Transformer.from_context(self.connection)
                tx.set_loader_types([25], Format.TEXT)
                return tx.load_sequence([data])
            return super().load(data)

    conn.adapters.register_loader("text", Nested)
    assert conn.execute("SELECT 'a'").fetchone() == ((("a",),),)


def test_cursors_keep_what_they_began_with(conn):
    class Marking(TextLoader):
        def load(self, data):
            return "marked"

    old = conn.cursor()
    assert old.execute("SELECT 'a'").fetchone() == ("a",)
    conn.adapters.register_loader("text", Marking)
    assert old.execute("SELECT 'a'").fetchone() == ("a",)
    assert conn.execute("SELECT 'a'").fetchone() == ("marked",)
    own = conn.cursor()
    own.adapters.register_loader("text", TextLoader)
    assert own.execute("SELECT 'a'").fetchone() == ("a",)
    assert conn.execute("SELECT 'a'").fetchone() == ("marked",)


def test_too_many_parameters(conn):
    query = "SELECT " + ",".join(["%s::int"] * 65536)
    with pytest.raises(psycoxide.ProgrammingError, match=r"65535|65536"):
        conn.execute(query, [1] * 65536)
    assert conn.execute("SELECT 1").fetchone() == (1,)


def test_sequences():
    tx = Transformer()
    assert tx.dump_sequence([1, "a", None, 2.5], [PyFormat.AUTO] * 4) == [
        *(b"\0\1", b"a", None, b"@\x04\0\0\0\0\0\0"),
    ]
    assert tx.types == (21, 0, 0, 701)
    assert tx.formats == [Format.BINARY, Format.TEXT, Format.TEXT, Format.BINARY]
    tx.set_dumper_types([23, 25], Format.BINARY)
    assert tx.dump_sequence([1, "a"], [PyFormat.BINARY] * 2) == [b"\0\0\0\1", b"a"]
    with pytest.raises(psycoxide.DataError, match="expected 2 values in row, got 1"):
        tx.dump_sequence([1], [PyFormat.BINARY])
    tx.set_loader_types([23, 1009], Format.TEXT)
    assert tx.load_sequence([b"1", b"{a,NULL}"]) == (1, ["a", None])
    with pytest.raises(psycoxide.ProgrammingError, match="3 items: 2 loaders registered"):
        tx.load_sequence([None] * 3)
    with pytest.raises(psycoxide.InterfaceError, match="result not set"):
        tx.load_row(0, tuple)


def test_rows_of_a_result(conn):
    result = conn.execute("SELECT i, 'x' FROM generate_series(1, 3) AS i").pgresult
    tx = Transformer(conn)
    tx.set_pgresult(result)
    assert tx.pgresult is result
    assert tx.load_row(1, list) == [2, "x"]
    assert tx.load_row(3, tuple) is None
    assert tx.load_rows(0, 2, tuple) == [(1, "x"), (2, "x")]
    with pytest.raises(psycoxide.InterfaceError, match="between 0 and 3"):
        tx.load_rows(0, 4, tuple)


def test_contexts(conn):
    tx = Transformer(conn)
    assert Transformer.from_context(tx) is tx
    assert (tx.connection, tx.adapters) == (conn, conn.adapters)
    assert tx.encoding == "utf-8"
    assert Transformer().adapters is psycoxide.adapters
    dumper = tx.get_dumper([1], PyFormat.TEXT)
    assert isinstance(dumper, ListDumper) and dumper.oid == 1005
    assert tx.get_loader(99999, Format.BINARY).load(b"a") == b"a"


def test_cycles_are_collected():
    class Own(Loader):
        def __init__(self, oid, context=None):
            super().__init__(oid, context)
            self.context = context

        def load(self, data):
            return data

    adapters = psycoxide.adapt.AdaptersMap(psycoxide.adapters)
    adapters.register_loader("text", Own)
    tx = Transformer(adapters)
    tx.set_loader_types([25], Format.TEXT)
    tx.load_sequence([b"a"])
    gone = weakref.ref(tx)
    del tx
    gc.collect()
    assert gone() is None
