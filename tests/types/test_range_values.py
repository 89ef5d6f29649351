"""Ranges as Python values: bounds, containment, order. What travels is tested elsewhere."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import pickle
from decimal import Decimal

import pytest

from psycoxide.types.range import DateRange, Int4Range, Int8Range, Range


@pytest.mark.parametrize(
    ("args", "shown", "bounds"),
    [
        ((), "(None, None)", "()"),
        ((1, 2), "[1, 2)", "[)"),
        ((1, 2, "[]"), "[1, 2]", "[]"),
        ((1, None, "[]"), "[1, None)", "[)"),
        ((None, 2, "[]"), "(None, 2]", "(]"),
        ((None, None, "[]"), "(None, None)", "()"),
        ((1, 2, "[)", True), "empty", ""),
        ((None, None, "[)", True), "empty", ""),
        ((dt.date(2020, 1, 1), dt.date(2020, 2, 1)), "[2020-01-01, 2020-02-01)", "[)"),
    ],
)
def test_a_missing_bound_is_never_included(args, shown, bounds):
    value = Range(*args)
    assert str(value) == shown
    assert value.bounds == bounds
    assert value.lower_inc == bounds.startswith("[")
    assert value.upper_inc == bounds.endswith("]")
    assert value.isempty == (bounds == "")
    assert bool(value) == (bounds != "")


def test_infinite_is_not_empty():
    assert Range().lower_inf and Range().upper_inf
    assert not Range(empty=True).lower_inf
    assert not Range(1, 2).upper_inf


@pytest.mark.parametrize("bounds", ["", "[", "[[", "))", "[)x", "xx", None, 1])
def test_bounds_are_checked(bounds):
    with pytest.raises(ValueError, match="bound flags not valid"):
        Range(1, 2, bounds)


@pytest.mark.parametrize(
    ("value", "inside"),
    [
        (Range(1, 5), {1, 3}),
        (Range(1, 5, "[]"), {1, 3, 5}),
        (Range(1, 5, "()"), {3}),
        (Range(1, 5, "(]"), {3, 5}),
        (Range(None, 5), {0, 1, 3}),
        (Range(1, None), {1, 3, 5, 6}),
        (Range(), {0, 1, 3, 5, 6}),
        (Range(empty=True), set()),
    ],
)
def test_containment(value, inside):
    assert {x for x in (0, 1, 3, 5, 6) if x in value} == inside


def test_values_that_do_not_compare_are_no_members():
    with pytest.raises(TypeError):
        "a" in Range(1, 2)  # noqa: B015
    assert "a" in Range()


def test_equality_ignores_the_subclass():
    assert Range(1, 2) == Int4Range(1, 2) == Int8Range(1, 2)
    assert hash(Range(1, 2)) == hash(Int4Range(1, 2))
    assert Range(1, 2) != Range(1, 2, "[]")
    assert Range(1, 2) != (1, 2)
    assert Range(empty=True) == Range(5, 6, empty=True)


def test_order_is_total():
    ordered = [
        Range(empty=True),
        Range(),
        Range(None, 2),
        Range(None, 2, "(]"),
        Range(None, 3),
        Range(1, None, "()"),
        Range(1, None),
        Range(1, 2, "()"),
        Range(1, 2, "(]"),
        Range(1, 2),
        Range(1, 2, "[]"),
        Range(1, 3),
        Range(2, None),
        Range(2, 3),
    ]
    for (i, a), (j, b) in itertools.product(enumerate(ordered), repeat=2):
        assert (a < b, a <= b, a > b, a >= b) == (i < j, i <= j, i > j, i >= j)


def test_order_with_a_subclass():
    class Own(Range[int]):
        pass

    assert Range(1, 2) < Own(1, 3) <= Own(1, 3)
    assert Own(1, 3) > Range(1, 2)
    assert repr(Own(1, 3)) == "Own(1, 3, '[)')"


@pytest.mark.parametrize("other", [1, None, "a", (1, 2)])
def test_ranges_compare_with_ranges_only(other):
    for operation in ("__lt__", "__le__", "__gt__", "__ge__"):
        assert getattr(Range(1, 2), operation)(other) is NotImplemented


def test_immutable():
    value = Range(1, 2)
    with pytest.raises(AttributeError):
        value.lower = 3
    with pytest.raises(AttributeError):
        value.note = "x"


@pytest.mark.parametrize("value", [Range(1, 2, "(]"), Int4Range(1, 2), Range(empty=True)])
def test_copies(value):
    for made in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert made == value
        assert type(made) is type(value)
        assert eval(repr(made)) == value


def test_generic_at_run_time():
    assert Range[int](1, 2) == Range(1, 2)
    assert DateRange.__name__ == "DateRange"


EMPTY = Range(empty=True)


@pytest.mark.parametrize(
    "values, cast",
    [
        ([EMPTY, Range(1, 5)], "int4range"),
        ([Range(1, 5), EMPTY, Range(None, None)], "int4range"),
        ([EMPTY], "int8range"),
        ([Range(dt.date(2020, 1, 1), None), EMPTY], "daterange"),
        ([EMPTY, Range(Decimal("1.5"), Decimal("2.5"))], "numrange"),
        ([Range(1, 2), Range(Decimal("2.5"), None)], "numrange"),
    ],
)
def test_lists_of_ranges_of_which_some_have_no_bounds(echo, values, cast):
    assert all(back == values for back in echo(values, f"{cast}[]"))
