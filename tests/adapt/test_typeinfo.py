"""Information about types: the registry, and how types are shown."""

from __future__ import annotations

import pytest

from psycoxide._typemod import (
    BitTypeModifier,
    CharTypeModifier,
    IntervalTypeModifier,
    NumericTypeModifier,
    TimeTypeModifier,
    TypeModifier,
)
from psycoxide.types import TypeInfo, TypesRegistry
from psycoxide.types.composite import CompositeInfo
from psycoxide.types.enum import EnumInfo
from psycoxide.types.multirange import MultirangeInfo
from psycoxide.types.range import RangeInfo


@pytest.fixture
def registry():
    registry = TypesRegistry()
    registry.add(TypeInfo("foo", 100, 101, regtype="foo with words"))
    return registry


@pytest.mark.parametrize("key", ["foo", "foo[]", "foo with words", "foo with words[]", 100, 101])
def test_a_type_is_found_by_any_of_its_names(registry, key):
    assert registry[key].name == "foo"
    assert registry.get(key) is registry[key]


@pytest.mark.parametrize("key", ["nope", "FOO", 0, 999, (RangeInfo, 100)])
def test_unknown_types(registry, key):
    assert registry.get(key) is None
    with pytest.raises(KeyError, match="couldn't find the type"):
        registry[key]


@pytest.mark.parametrize("key", [None, b"foo", 1.5])
def test_keys_are_names_or_oids(registry, key):
    with pytest.raises(TypeError, match="the key must be an oid or a name, got"):
        registry.get(key)


def test_get_oid(registry):
    assert registry.get_oid("foo") == 100
    assert registry.get_oid("foo[]") == 101
    with pytest.raises(KeyError):
        registry.get_oid("nope")


def test_types_without_oid_have_no_oid_to_be_found_by(registry):
    registry.add(TypeInfo("bar", 0, 0))
    assert registry["bar"].oid == 0
    assert registry.get(0) is None


def test_by_subtype(registry):
    registry.add(RangeInfo("r", 200, 201, subtype_oid=100))
    registry.add(MultirangeInfo("mr", 300, 301, range_oid=200, subtype_oid=100))
    for subtype in (100, "foo", 101):
        assert registry.get_by_subtype(RangeInfo, subtype).name == "r"
    for subtype in ("foo", "r", 200):
        assert registry.get_by_subtype(MultirangeInfo, subtype).name == "mr"
    assert registry.get_by_subtype(RangeInfo, "nope") is None
    assert registry.get_by_subtype(CompositeInfo, "foo") is None
    assert [info.name for info in registry] == ["foo", "r", "mr"]


def test_copies_are_independent(registry):
    copy = TypesRegistry(registry)
    copy.add(TypeInfo("bar", 400, 401))
    registry.add(TypeInfo("baz", 500, 501))
    assert [info.name for info in registry] == ["foo", "baz"]
    assert [info.name for info in copy] == ["foo", "bar"]
    copy.clear()
    assert list(copy) == []
    assert "foo" in {info.name for info in registry}


def test_the_last_of_a_name_counts(registry):
    registry.add(TypeInfo("foo", 600, 601))
    assert registry["foo"].oid == 600
    assert registry[100].oid == 100


@pytest.mark.parametrize(
    ("typemod", "number", "display"),
    [
        (TypeModifier, 7, "t"),
        (NumericTypeModifier, -1, "t"),
        (NumericTypeModifier, 655364, "t(10,0)"),
        (NumericTypeModifier, 655367, "t(10,3)"),
        (NumericTypeModifier, 329730, "t(5,-2)"),
        (CharTypeModifier, -1, "t"),
        (CharTypeModifier, 46, "t(42)"),
        (BitTypeModifier, 3, "t(3)"),
        (TimeTypeModifier, 0, "t(0)"),
        (TimeTypeModifier, -1, "t"),
        (IntervalTypeModifier, -1, "t"),
        (IntervalTypeModifier, 2147418115, "t(3)"),
        (IntervalTypeModifier, 589823, "t"),
        (IntervalTypeModifier, 268435458, "t(2)"),
    ],
)
def test_type_modifiers(typemod, number, display):
    info = TypeInfo("t", 1, 2, typemod=typemod)
    assert info.get_type_display(1, number) == display
    assert info.get_type_display(2, number) == f"{display}[]"
    assert info.get_type_display() == "t"


def test_repr():
    assert repr(TypeInfo("foo", 1, 2)) == "<TypeInfo: foo (oid: 1, array oid: 2)>"
    assert repr(EnumInfo("e", 1, 2, ["a"])) == "<EnumInfo: e (oid: 1, array oid: 2)>"


def test_fetch_wants_a_connection():
    with pytest.raises(TypeError, match="expected Connection or AsyncConnection, got str"):
        TypeInfo.fetch("dbname=foo", "int4")
