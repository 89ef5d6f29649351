"""Identifiers of two-phase transactions."""

from __future__ import annotations

import pickle

import pytest

from psycoxide._tpc import Xid


def test_three_parts():
    xid = Xid.from_parts(42, "gtrid", "bqual")
    assert tuple(xid) == (42, "gtrid", "bqual")
    assert len(xid) == 3
    assert str(xid) == "42_Z3RyaWQ=_YnF1YWw="
    assert Xid.from_string(str(xid)) == xid
    assert (xid.prepared, xid.owner, xid.database) == (None, None, None)


def test_any_other_string_stands_for_itself():
    xid = Xid.from_string("some name")
    assert tuple(xid) == (None, "some name", None)
    assert str(xid) == "some name"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "foo",
        "1_x_y",
        "1_YQ_YQ",
        "1_YQ==_YQ==_",
        "-1_YQ==_YQ==",
        "001_YQ==_YQ==",
        "2147483648_YQ==_YQ==",
        "1_YQ==_gICA",
        "1_YQ==_YQ==\n",
        "1_Y Q==_YQ==",
        "٣_YQ==_YQ==",
        "1_YQ==_YQ==",
        "0__",
    ],
)
def test_a_name_is_never_changed(text):
    assert str(Xid.from_string(text)) == text


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ((-1, "a", "b"), ValueError, "non-negative 32-bit integer"),
        ((2**31, "a", "b"), ValueError, "non-negative 32-bit integer"),
        ((1, "a" * 65, "b"), ValueError, "gtrid must be not longer than 64 chars"),
        ((1, "a", "b" * 65), ValueError, "bqual must be not longer than 64 chars"),
        ((1, "a", None), TypeError, "bqual must be too"),
        ((None, "a", "b"), TypeError, "bqual must be None too"),
    ],
)
def test_parts_are_checked(parts, error, message):
    with pytest.raises(error, match=message):
        Xid.from_parts(*parts)


def test_the_largest_parts():
    xid = Xid.from_parts(2**31 - 1, "é" * 64, "b" * 64)
    assert Xid.from_string(str(xid)) == xid
    assert Xid.from_parts(None, "x", None) == Xid.from_string("x")


def test_immutable_and_hashable():
    xid = Xid.from_parts(1, "a", "b")
    with pytest.raises(AttributeError, match="cannot assign to field 'gtrid'"):
        xid.gtrid = "c"
    with pytest.raises(AttributeError, match="cannot delete field 'gtrid'"):
        del xid.gtrid
    assert {xid: 1}[Xid.from_parts(1, "a", "b")] == 1
    assert xid != Xid.from_parts(1, "a", "c")
    assert pickle.loads(pickle.dumps(xid)) == xid
