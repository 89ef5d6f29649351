"""The wrappers that choose a type of the database: numbers, JSON, binary."""

from __future__ import annotations

import json
import pickle

import pytest

from psycoxide.dbapi20 import Binary
from psycoxide.types.json import Json, Jsonb
from psycoxide.types.numeric import Float4, Float8, Int2, Int4, Int8, IntNumeric, Oid


@pytest.mark.parametrize("cls", [Int2, Int4, Int8, IntNumeric, Oid])
def test_integers(cls):
    value = cls(5)
    assert repr(value) == f"{cls.__name__}(5)"
    assert f"{value} {value!s}" == "5 5"
    assert value == 5 and hash(value) == hash(5)
    assert type(value + 1) is int
    assert json.dumps(value) == "5"
    assert repr(pickle.loads(pickle.dumps(value))) == repr(value)
    with pytest.raises(TypeError):
        cls()
    with pytest.raises(ValueError):
        cls("x")


@pytest.mark.parametrize("cls", [Float4, Float8])
def test_floats(cls):
    assert repr(cls(1.5)) == f"{cls.__name__}(1.5)"
    assert str(cls("inf")) == "inf"
    assert type(cls(1) + 1) is float
    assert repr(pickle.loads(pickle.dumps(cls(1.5)))) == f"{cls.__name__}(1.5)"


@pytest.mark.parametrize("cls", [Json, Jsonb])
def test_json(cls):
    value = cls({"a": 1}, dumps=str)
    assert value.obj == {"a": 1}
    assert value.dumps is str
    assert repr(value) == f"{cls.__name__}({{'a': 1}})"
    assert cls(1).dumps is None
    assert repr(pickle.loads(pickle.dumps(cls([1])))) == f"{cls.__name__}([1])"


@pytest.mark.parametrize("cls", [Json, Jsonb, Binary])
def test_long_values_are_shown_shortened(cls):
    assert repr(cls("x" * 38)) == f"{cls.__name__}('{'x' * 38}')"
    assert repr(cls("x" * 39)) == f"{cls.__name__}('{'x' * 34} ... (41 chars))"
