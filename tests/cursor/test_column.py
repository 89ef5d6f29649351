"""The description of a column."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import pytest

from psycoxide._column import Column
from psycoxide._typemod import NumericTypeModifier
from psycoxide.types import TypeInfo
from psycoxide.types.enum import EnumInfo

NUMERIC = TypeInfo("numeric", 1700, 1231, typemod=NumericTypeModifier)


def test_is_a_sequence_of_seven():
    column = Column._make("a b", 1700, -1, 655366, NUMERIC)
    name, code, display_size, internal_size, precision, scale, null_ok = column
    assert (name, code) == ("a b", 1700)
    assert (display_size, internal_size) == (None, None)
    assert (precision, scale, null_ok) == (10, 2, None)
    assert len(column) == 7
    assert column[-2] == column.scale == 2
    assert column[0:2] == (column.name, column.type_code)
    with pytest.raises(IndexError):
        column[7]
    with pytest.raises(TypeError):
        column["name"]
    with pytest.raises(AttributeError):
        column.name = "c"


def test_repr_names_the_type():
    column = Column._make("a", 1231, -1, 655366, NUMERIC)
    assert repr(column) == "<Column 'a', type: numeric(10,2)[] (oid: 1231)>"


def test_unknown_type():
    column = Column._make("a", 12345, 4, 7, None)
    assert repr(column) == "<Column 'a', type: 12345 (oid: 12345)>"
    assert column.internal_size == 4
    assert (column.display_size, column.precision, column.scale) == (None, None, None)


def test_pickle_leaves_the_python_class_of_the_type_behind():
    info = EnumInfo("e", 1, 2, ["x"])
    info.enum = type("Local", (), {})
    column = pickle.loads(pickle.dumps(Column._make("a", 2, -1, -1, info)))
    assert tuple(column) == ("a", 2, None, None, None, None, None)
    assert column.type_display == "e[]"


def test_made_of_a_cursor():
    class Result:
        def fname(self, index):
            return "é".encode("latin1") if index == 0 else None

        def ftype(self, index):
            return 1700

        def fsize(self, index):
            return -1

        def fmod(self, index):
            return 655366

    class Cursor:
        pgresult = Result()
        _encoding = "latin1"
        adapters = SimpleNamespace(types={1700: NUMERIC})

    column = Column(Cursor(), 0)
    assert (column.name, column.type_display) == ("é", "numeric(10,2)")
    with pytest.raises(IndexError):
        Column(Cursor(), 1)
