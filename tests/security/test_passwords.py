"""Passwords: every method of authentication, right and wrong, and where none must show."""

from __future__ import annotations

import gc
import logging
import pickle
import traceback

import pytest

import psycoxide
from psycoxide import errors
from support.server import external_dsn

WRONG = "Xyzzy-wrong-password"
RIGHT = "Plugh-right-password"

# Users of the server below: method in pg_hba.conf, and how the password is stored.
METHODS = {
    "scram-sha-256": "scram-sha-256",
    "md5": "md5",
    "password": "scram-sha-256",
    "trust": "scram-sha-256",
}


def user_of(method):
    return "user_" + method.replace("-", "_")


@pytest.fixture(scope="module")
def password_server(start_server):
    if external_dsn():
        pytest.skip("needs a server of its own")
    hba = [f"host all {user_of(method)} 127.0.0.1/32 {method}" for method in METHODS]
    with start_server(hba=hba) as server:
        with psycoxide.connect(server.dsn, autocommit=True) as conn:
            for method, stored in METHODS.items():
                conn.execute(f"SET password_encryption TO '{stored}'")
                conn.execute(f"CREATE ROLE {user_of(method)} LOGIN PASSWORD '{RIGHT}'")
        yield server


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def conninfo(server, method):
    return f"host={server.host} port={server.port} dbname={server.dbname} user={user_of(method)}"


def everything_shown(error):
    """What programs print of an error."""
    text = [str(error), repr(error), str(error.diag.message_primary), str(vars(error))]
    text += traceback.format_exception(error)
    text += [str(pickle.loads(pickle.dumps(error))), repr(error.pgconn), repr(error.pgresult)]
    return "\n".join(text)


@pytest.mark.usefixtures("no_leaks")
async def test_right(twin, password_server, method):
    dsn = conninfo(password_server, method)
    async with await twin.connect(dsn, password=RIGHT) as conn:
        cur = await conn.execute("SELECT session_user")
        assert await cur.fetchone() == (user_of(method),)
        assert conn.pgconn.used_password == (method != "trust")


@pytest.mark.usefixtures("no_leaks")
async def test_wrong(twin, password_server, method, caplog):
    dsn = conninfo(password_server, method)
    if method == "trust":
        async with await twin.connect(dsn, password=WRONG) as conn:
            assert not conn.pgconn.used_password
        return
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(
            errors.InvalidPassword, match="password authentication failed"
        ) as raised:
            await twin.connect(dsn, password=WRONG)
    assert isinstance(raised.value, psycoxide.OperationalError)
    assert str(raised.value).startswith("connection failed: connection to server at")
    assert f'"{user_of(method)}"' in str(raised.value)
    assert WRONG not in everything_shown(raised.value) + caplog.text


@pytest.mark.usefixtures("no_leaks")
async def test_none(twin, password_server, method):
    if method == "trust":
        return
    with pytest.raises(psycoxide.OperationalError, match="no password supplied"):
        await twin.connect(conninfo(password_server, method))


@pytest.mark.usefixtures("no_leaks")
async def test_wrong_password_is_sent_once(twin, password_server):
    """sslmode=prefer and several addresses are no reason to try a wrong password again."""
    before = password_server.log.count("password authentication failed")
    dsn = conninfo(password_server, "scram-sha-256").replace(
        "host=127.0.0.1", "host=127.0.0.1,localhost"
    )
    with pytest.raises(errors.InvalidPassword):
        await twin.connect(dsn, password=WRONG)
    assert password_server.log.count("password authentication failed") == before + 1


@pytest.mark.usefixtures("no_leaks")
async def test_required_method(twin, password_server):
    for method in ("scram-sha-256", "md5", "password"):
        dsn = conninfo(password_server, method)
        async with await twin.connect(dsn, password=RIGHT, require_auth=method) as conn:
            assert not conn.closed
        with pytest.raises(psycoxide.OperationalError, match='requirement "none" failed'):
            await twin.connect(dsn, password=RIGHT, require_auth="none")
        with pytest.raises(psycoxide.OperationalError, match=f'requirement "!{method}" failed'):
            await twin.connect(dsn, password=RIGHT, require_auth=f"!{method}")
    with pytest.raises(psycoxide.OperationalError, match="did not complete authentication|without"):
        await twin.connect(
            conninfo(password_server, "trust"), password=RIGHT, require_auth="scram-sha-256"
        )


async def test_channel_binding_needs_tls(twin, password_server):
    dsn = conninfo(password_server, "scram-sha-256")
    with pytest.raises(psycoxide.OperationalError, match="channel binding"):
        await twin.connect(dsn, password=RIGHT, channel_binding="require")


async def test_an_open_connection_shows_no_password(twin, password_server):
    dsn = conninfo(password_server, "scram-sha-256")
    async with await twin.connect(dsn, password=RIGHT) as conn:
        cur = conn.cursor()
        shown = [
            repr(conn),
            str(conn),
            repr(cur),
            repr(conn.info),
            repr(conn.pgconn),
            conn.info.dsn,
        ]
        shown += [str(vars(twin.unwrap(conn))), str(vars(twin.unwrap(cur)))]
        shown += map(str, conn.info.get_parameters().items())
        assert RIGHT not in "\n".join(shown)
        # Who asks for it gets it.
        assert conn.info.password == RIGHT


async def test_secrets_of_every_sort_are_left_out(twin, password_server):
    """By what they are, not by their name: `sslkey` and `topology_keys` are none."""
    secrets = ["password", "sslpassword", "oauth_client_secret", "yb_failover_yba_api_token"]
    plain = {"topology_keys": "c.r.z:1", "sslkey": "/nowhere/client.key", "sslcertmode": "disable"}
    dsn = conninfo(password_server, "trust")
    with pytest.warns(UserWarning, match="yb_failover_yba_api_token"):
        conn = await twin.connect(dsn, **dict.fromkeys(secrets, WRONG), **plain)
    async with conn:
        assert WRONG not in conn.info.dsn
        parameters = conn.info.get_parameters()
        assert not parameters.keys() & set(secrets)
        assert plain.items() <= parameters.items()


# Connection strings that are wrong in the very place where the password stands, or beside it.
WRONG_STRINGS = [
    f"host=h password={WRONG} port=abc",
    f"host=h password='{WRONG}",
    f"host=h password={WRONG} hots=x",
    f"host=h sslmode=no password={WRONG}",
    f"password={WRONG}\0",
    f"postgresql://user:{WRONG}@host:abc/",
    f"postgresql://user:{WRONG}@host:1:2/",
    f"postgresql://user:{WRONG}@[::1/",
    f"postgresql://user:{WRONG}%zz@host/",
    f"postgresql://user:{WRONG}%00@host/",
    f"postgresql://user:{WRONG}@host/?hots=1",
    f"postgresql://host/?password={WRONG}&sslmode=no",
    f"postgresql://host/?password={WRONG}%zz",
    f"postgresql://host/?password={WRONG}&&",
    f"postgresql://user:{WRONG}@",
    f"host=h sslpassword={WRONG} port=abc",
    f"host=127.0.0.1 port=1 user=u password={WRONG}",
]


@pytest.mark.parametrize("conninfo", WRONG_STRINGS, ids=range(len(WRONG_STRINGS)))
async def test_wrong_connection_string(twin, conninfo):
    with pytest.raises((psycoxide.ProgrammingError, psycoxide.OperationalError)) as raised:
        await twin.connect(conninfo, connect_timeout=2)
    # The traceback of the test itself holds the string: only what the driver says is looked at.
    assert WRONG not in str(raised.value) + repr(raised.value)


async def test_password_in_a_statement_is_not_logged(twin, caplog):
    """Nothing is logged of what is executed."""
    with caplog.at_level(logging.DEBUG):
        async with await twin.connect() as conn:
            await conn.execute("SELECT %s", [WRONG])
            with pytest.raises(psycoxide.DataError) as raised:
                await conn.execute("SELECT %s::int", [WRONG])
            await conn.rollback()
            # The server itself shows a value it does not understand; the driver adds nothing.
            assert repr(raised.value).count(WRONG) == str(raised.value.diag.message_primary).count(
                WRONG
            )
    assert WRONG not in caplog.text


def test_secrets_do_not_outlive_a_failed_attempt(password_server):
    """No object that Python knows holds the password once the attempt is over."""
    dsn = conninfo(password_server, "scram-sha-256")
    secret = "".join(["tran", "sient-", "password"])
    try:
        psycoxide.connect(dsn, password=secret)
    except errors.InvalidPassword as ex:
        # Without the frames, in which the caller's own variables are.
        error = ex.with_traceback(None)
    gc.collect()
    assert secret not in str(vars(error)) + str(error.args)
