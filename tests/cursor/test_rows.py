"""Row factories, called from Python with whatever has a description."""

from __future__ import annotations

import pytest

from psycoxide import rows
from psycoxide.errors import DataError, InterfaceError, ProgrammingError


class FakeCursor:
    """A cursor with the description of a result."""

    def __init__(self, *names: str):
        self.description = [(name, *[None] * 6) for name in names]


class WithoutResult:
    description = None


class Person:
    def __init__(self, a, b=None):
        self.a, self.b = a, b


def test_tuples():
    assert rows.tuple_row(FakeCursor("a", "b"))([1, 2]) == (1, 2)
    assert rows.tuple_row(WithoutResult()) is tuple


def test_dicts():
    assert rows.dict_row(FakeCursor("a", "b"))([1, 2]) == {"a": 1, "b": 2}
    assert rows.dict_row(FakeCursor("a", "a"))([1, 2]) == {"a": 2}


def test_scalars():
    assert rows.scalar_row(FakeCursor("a", "b"))([1, 2]) == 1
    with pytest.raises(ProgrammingError, match="at least one column expected"):
        rows.scalar_row(FakeCursor())


def test_objects():
    person = rows.class_row(Person)(FakeCursor("b", "a"))([1, 2])
    assert (person.a, person.b) == (2, 1)
    assert rows.args_row(Person)(FakeCursor("x"))([1]).a == 1
    assert rows.args_row(lambda *args: args)(FakeCursor("x", "y"))((1, 2)) == (1, 2)
    assert rows.kwargs_row(dict)(FakeCursor("x", "y"))([1, 2]) == {"x": 1, "y": 2}
    with pytest.raises(TypeError):
        rows.class_row(Person)(FakeCursor("unknown"))([1])


@pytest.mark.parametrize(
    "factory",
    [
        rows.dict_row,
        rows.namedtuple_row,
        rows.scalar_row,
        rows.class_row(Person),
        rows.kwargs_row(Person),
    ],
)
def test_without_result(factory):
    make = factory(WithoutResult())
    with pytest.raises(InterfaceError, match="the cursor doesn't have a result"):
        make([1])


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("a", "a"),
        ("a_", "a_"),
        ("é", "é"),
        ("日本", "日本"),
        ("foo-bar", "foo_bar"),
        ("a b c", "a_b_c"),
        ("ñ-ñ", "f___"),
        ("?column?", "f_column_"),
        ("1x", "f1x"),
        ("_y", "f_y"),
        ("__a", "f__a"),
        ("_fields", "f_fields"),
        ("²", "f_"),
        (" ", "f_"),
        ("%", "f_"),
        ("", "f"),
    ],
)
def test_names_become_identifiers(column, field):
    row = rows.namedtuple_row(FakeCursor(column))([1])
    assert row._fields == (field,)
    assert row == (1,)
    assert repr(row) == f"Row({field}=1)"


@pytest.mark.parametrize("names", [("a", "a"), ("class",), ("a-b", "a_b")])
def test_names_that_cannot_be_fields(names):
    with pytest.raises(DataError, match="can't create a namedtuple row"):
        rows.namedtuple_row(FakeCursor(*names))


def test_one_class_for_the_same_columns(monkeypatch):
    monkeypatch.setattr(rows, "_named_tuples", {})
    make = rows.namedtuple_row(FakeCursor("a", "b"))
    assert make([1, 2]).__class__ is rows.namedtuple_row(FakeCursor("a", "b"))([3, 4]).__class__
    with pytest.raises(TypeError, match="Expected 2 arguments, got 1"):
        make([1])


def test_the_classes_kept_are_bounded(monkeypatch):
    monkeypatch.setattr(rows, "_named_tuples", {})
    monkeypatch.setattr(rows, "_MAX_NAMED_TUPLES", 2)
    for name in "abcde":
        rows.namedtuple_row(FakeCursor(name))
        assert len(rows._named_tuples) <= 2


def test_protocols_are_made_when_asked_for():
    class Factory(rows.RowFactory[int]):
        def __call__(self, cursor):
            return rows.scalar_row(cursor)

    assert Factory()(FakeCursor("a"))([1]) == 1
    assert {"RowMaker", "AsyncRowFactory", "BaseRowFactory"} <= set(dir(rows))
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = rows.nope
