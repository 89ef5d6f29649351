"""Multiranges as Python values: lists that hold nothing but ranges."""

from __future__ import annotations

import copy
import pickle

import pytest

from psycoxide.types.multirange import Int4Multirange, Multirange
from psycoxide.types.range import Int4Range, Range

A, B, C = Range(1, 2), Range(3, 4), Range(5, 6)


def test_keeps_ranges_as_they_are_given():
    value = Multirange([B, A])
    assert list(value) == [B, A]
    assert str(value) == "{[3, 4), [1, 2)}"
    assert repr(value) == "Multirange([Range(3, 4, '[)'), Range(1, 2, '[)')])"
    assert str(Multirange()) == "{}"
    assert not Multirange()


@pytest.mark.parametrize("items", [[1], ["a"], [None], "ab", [A, 1]])
def test_holds_ranges_only(items):
    with pytest.raises(TypeError, match="Multirange is a sequence of Range, got"):
        Multirange(items)
    value = Multirange([A])
    with pytest.raises(TypeError, match="Multirange is a sequence of Range, got"):
        value.extend(items)
    with pytest.raises(TypeError, match="Multirange is a sequence of Range, got"):
        value[0:1] = items
    with pytest.raises(TypeError, match="Multirange is a sequence of Range, got"):
        value[0] = items[-1]
    with pytest.raises(TypeError, match="can only assign an iterable"):
        value[0:1] = A


def test_changes_as_a_list():
    value = Multirange([A, B, C])
    value[0] = Range(0, 2)
    value[1:3] = [C]
    assert list(value) == [Range(0, 2), C]
    del value[0]
    value.insert(0, A)
    value.append(B)
    value += [Int4Range(7, 8)]
    assert value.pop() == Range(7, 8)
    value.reverse()
    value.remove(C)
    assert list(value) == [B, A]
    assert A in value and value.index(A) == 1


def test_a_slice_is_a_multirange():
    value = Multirange([A, B, C])
    assert value[0:2] == Multirange([A, B])
    assert value[-1] == C
    with pytest.raises(IndexError):
        value[3]


def test_compares_with_multiranges_only():
    assert Multirange([A]) == Int4Multirange([A])
    assert Multirange([A]) != [A]
    assert Multirange() < Multirange([A]) < Multirange([Range(1, 3)])
    assert Multirange([A]) <= Multirange([A]) >= Multirange()
    with pytest.raises(TypeError):
        Multirange() < []  # noqa: B015
    with pytest.raises(TypeError, match="unhashable"):
        hash(Multirange())


@pytest.mark.parametrize("value", [Multirange([A, B]), Int4Multirange([A])])
def test_copies_are_independent(value):
    for made in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert made == value
        assert type(made) is type(value)
        made.append(C)
        assert C not in value
