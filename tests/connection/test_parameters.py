"""Connection parameters that are wrong, and what the server refuses: messages that help."""

from __future__ import annotations

import re

import pytest

import psycoxide

pytestmark = pytest.mark.usefixtures("no_leaks")

Programming, Operational = psycoxide.ProgrammingError, psycoxide.OperationalError

# Connection string, exception and what its message says; nothing is connected.
REFUSED = {
    "misspelt": ("hots=x", Programming, 'invalid connection option "hots" (did you mean "host"?)'),
    "misspelt, longer": ("conect_timeout=1", Programming, '(did you mean "connect_timeout"?)'),
    "unknown": ("xyzzy=1", Programming, 'invalid connection option "xyzzy"'),
    "misspelt in a URI": ("postgresql://h/?ssl_mode=require", Programming, '"sslmode"?'),
    "port, a word": ("host=h port=abc", Operational, 'invalid integer value "abc"'),
    "port, zero": ("host=h port=0", Operational, 'invalid port number: "0" (expected 1 to 65535)'),
    "port, negative": ("host=h port=-1", Operational, 'invalid port number: "-1"'),
    "port, too large": ("host=h port=65536", Operational, 'invalid port number: "65536"'),
    "ports, too many": ("host=a,b port=1,2,3", Operational, "3 port numbers to 2 hosts"),
    "NUL": ("host=a\0b", Programming, "NUL (0x00)"),
    "NUL in a URI": ("postgresql://a%00b", Programming, "%00"),
    "no equals sign": ("host", Programming, 'missing "=" after "host"'),
    "quote": ("host='a", Programming, "unterminated quoted string"),
    "bracket": ("postgresql://[::1", Programming, "IPv6"),
    "percent": ("postgresql://%zz", Programming, 'invalid percent-encoded token: "%zz"'),
    "sslmode": ("host=h sslmode=yes", Operational, 'invalid sslmode value: "yes"'),
    "require_auth": ("host=h require_auth=magic", Operational, 'require_auth value: "magic"'),
    "channel_binding": ("host=h channel_binding=x", Operational, 'channel_binding value: "x"'),
    "session attributes": ("host=h target_session_attrs=x", Operational, "target_session_attrs"),
    "timeout": (
        "host=h connect_timeout=soon",
        Programming,
        "bad value for connect_timeout: 'soon'",
    ),
    "hostaddr": ("hostaddr=localhost", Operational, "localhost"),
    "replication": ("host=h replication=maybe", Operational, 'replication value: "maybe"'),
    "service": ("service=nowhere", Operational, "nowhere"),
}


@pytest.mark.parametrize("fault", REFUSED)
async def test_refused(twin, fault):
    conninfo, exception, match = REFUSED[fault]
    with pytest.raises(exception, match=re.escape(match)):
        await twin.connect(conninfo)


async def test_refused_keywords(twin):
    with pytest.raises(Programming, match='"pasword" \\(did you mean "password"\\?\\)') as raised:
        await twin.connect(twin.dsn, pasword="SECRET")
    assert "SECRET" not in str(raised.value)
    with pytest.raises(Programming, match='"dbname" contains a NUL'):
        await twin.connect(twin.dsn, dbname="a\0b")
    with pytest.raises(UnicodeEncodeError, match="surrogates"):
        await twin.connect(twin.dsn, dbname="\ud800")


# What the server refuses.
REJECTED = {
    "database": ({"dbname": "nowhere"}, "3D000", 'database "nowhere" does not exist'),
    "encoding": ({"client_encoding": "klingon"}, "22023", "klingon"),
    "option": ({"options": "-c nothing=1"}, "42704", '"nothing"'),
    "value": ({"options": "-c work_mem=lots"}, "22023", "work_mem"),
}


@pytest.mark.parametrize("fault", REJECTED)
async def test_rejected(twin, fault):
    keywords, sqlstate, match = REJECTED[fault]
    with pytest.raises(Operational, match="connection failed: .*FATAL:") as raised:
        await twin.connect(twin.dsn, **keywords)
    assert match in str(raised.value)
    assert raised.value.diag.sqlstate == sqlstate


async def test_name_that_does_not_resolve(twin):
    with pytest.raises(Operational, match='"nowhere.invalid".*Name or service not known'):
        await twin.connect("host=nowhere.invalid user=u dbname=d")
