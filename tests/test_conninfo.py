"""Connection strings, and the defaults behind them."""

from __future__ import annotations

import pytest

import psycoxide
from psycoxide import conninfo
from psycoxide.conninfo import conninfo_to_dict, make_conninfo, timeout_from_conninfo


@pytest.mark.parametrize(
    "text, kwargs, want",
    [
        ("", {}, {}),
        ("dbname=x port=5433", {}, {"dbname": "x", "port": "5433"}),
        ("dbname=x", {"port": 5433}, {"dbname": "x", "port": 5433}),
        ("dbname=x", {"dbname": "y"}, {"dbname": "y"}),
        ("dbname=x", {"dbname": None, "user": None}, {"dbname": "x"}),
        ("", {"connect_timeout": 1.5, "keepalives": True, "dbname": ""}, ...),
        (
            "dbname='a b'  user=x\\'y password=''",
            {},
            {"dbname": "a b", "user": "x'y", "password": ""},
        ),
        (
            "postgresql://u:p%20q@h:1,i/db?sslmode=require",
            {"user": "v"},
            {
                **{"user": "v", "password": "p q", "host": "h,i", "port": "1,"},
                **{"dbname": "db", "sslmode": "require"},
            },
        ),
        ("postgres://", {}, {}),
        # Values are not looked at, nor are keyword arguments.
        ("port=abc", {"no_such": "option"}, {"port": "abc", "no_such": "option"}),
    ],
)
def test_to_dict(text, kwargs, want):
    assert conninfo_to_dict(text, **kwargs) == (kwargs if want is ... else want)


@pytest.mark.parametrize(
    "text, match",
    [
        ("dbnam=x", 'invalid connection option "dbnam".*dbname'),
        ("word", 'missing "=" after "word"'),
        ("dbname='a", "unterminated quoted string"),
        ("postgres://h/?no_such=1", 'invalid URI query parameter: "no_such"'),
        ("postgres://[::1", 'matching "\\]"'),
        ("postgres://%zz", "invalid percent-encoded token"),
        ("dbname=x\0y", "NUL"),
    ],
)
def test_bad_strings(text, match):
    with pytest.raises(psycoxide.ProgrammingError, match=f"(?s){match}"):
        conninfo_to_dict(text)
    with pytest.raises(psycoxide.ProgrammingError, match=f"(?s){match}"):
        make_conninfo(text)
    with pytest.raises(psycoxide.ProgrammingError, match=f"(?s){match}"):
        psycoxide.connect(text)


@pytest.mark.parametrize("value", [1, None, b"dbname=x"])
def test_takes_strings(value):
    with pytest.raises(TypeError):
        conninfo_to_dict(value)
    with pytest.raises(TypeError):
        make_conninfo(value)


@pytest.mark.parametrize(
    "text, kwargs, want",
    [
        ("", {}, ""),
        ("dbname=x  user='y'", {}, "dbname=x  user='y'"),
        ("postgresql://u@h:1/db", {"user": None}, "postgresql://u@h:1/db"),
        ("postgresql://u:p@h:1/db", {"user": "z"}, "user=z password=p dbname=db host=h port=1"),
        ("dbname=x user=y", {"user": None, "port": 3}, "user=y dbname=x port=3"),
        ("", {"dbname": ""}, "dbname=''"),
        ("", {"dbname": "a b'c\\d"}, "dbname='a b\\'c\\\\d'"),
        ("", {"connect_timeout": 10, "keepalives": True}, "connect_timeout=10 keepalives=True"),
    ],
)
def test_make(text, kwargs, want):
    assert make_conninfo(text, **kwargs) == want


def test_make_is_read_back():
    values = {
        "user": "é ",
        "password": "pa'ss wo\\rd",
        "dbname": "",
        "options": "-c a='b'",
        "port": "1",
    }
    assert conninfo_to_dict(make_conninfo(**values)) == values


@pytest.mark.parametrize("kwargs", [{"no_such": 1}, {"host": "a\0b"}])
def test_make_refuses(kwargs):
    with pytest.raises(psycoxide.ProgrammingError):
        make_conninfo(**kwargs)


@pytest.mark.parametrize(
    "value, want",
    [(10, 10), ("10", 10), (1, 2), ("1.5", 2), (3.7, 3), (" 5 ", 5), (0, 130), ("-1", 130)],
)
def test_timeout(value, want):
    assert timeout_from_conninfo({"connect_timeout": value}) == want


def test_timeout_from_elsewhere(monkeypatch):
    monkeypatch.delenv("PGCONNECT_TIMEOUT", raising=False)
    assert timeout_from_conninfo({}) == 130
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "7")
    assert timeout_from_conninfo({}) == 7
    assert timeout_from_conninfo({"connect_timeout": 8}) == 8


@pytest.mark.parametrize("value", ["x", "", None, "inf", "nan", "0x10"])
def test_bad_timeout(value):
    with pytest.raises(psycoxide.ProgrammingError, match="bad value for connect_timeout"):
        timeout_from_conninfo({"connect_timeout": value})


@pytest.fixture
def profile():
    """Gives the process its profile of defaults back."""
    before = conninfo.default_profile()
    yield
    conninfo.set_default_profile(before)


def test_default_profile(profile):
    def default(keyword):
        options = psycoxide.pq.Conninfo.get_defaults()
        return next(option.val for option in options if option.keyword == keyword)

    conninfo.set_default_profile("yugabyte")
    assert conninfo.default_profile() == "yugabyte"
    assert (default(b"port"), default(b"dbname")) == (b"5433", b"yugabyte")
    conninfo.set_default_profile("libpq")
    assert conninfo.default_profile() == "libpq"
    assert (default(b"port"), default(b"dbname")) == (b"5432", None)


def test_there_are_two_profiles(profile):
    with pytest.raises(psycoxide.ProgrammingError, match='"yugabyte" or "libpq"'):
        conninfo.set_default_profile("oracle")


def test_no_error_shows_a_password():
    for text in ("password=hunter2 no_such=1", "postgresql://u:hunter2@h/d?no_such=1"):
        with pytest.raises(psycoxide.ProgrammingError) as caught:
            conninfo_to_dict(text)
        assert "hunter2" not in str(caught.value)
