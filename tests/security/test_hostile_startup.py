"""Servers that break the rules before the first query: each attempt ends in an OperationalError.

See "Start-up" and "SSL Session Encryption" of the PostgreSQL manual, protocol flow.
"""

from __future__ import annotations

import queue
import socket
import struct

import pytest

import psycoxide
from support.hostile import (
    ONE,
    WELCOME,
    authentication,
    backend_key,
    complete,
    data_row,
    message,
    parameter,
    ready,
    report,
    row_description,
)

pytestmark = pytest.mark.usefixtures("no_leaks")

OK = authentication(0)
SASL = authentication(10, b"SCRAM-SHA-256\0\0")

# What the server says to the startup packet, and how the error describes it.
ANSWERS = {
    "not PostgreSQL": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "cannot be understood"),
    "zeroes": (bytes(100), "unknown message type"),
    "unknown type": (b"?\0\0\0\x04", "unknown message type '\\?' \\(0x3f\\)"),
    "too short a length": (b"R\0\0\0\x03", "invalid length 3"),
    "negative length": (b"R\xff\xff\xff\xfc", "invalid length -4"),
    "length of 1 GiB": (b"R\x40\0\0\0" + bytes(1000), "1073741824 bytes exceeds the limit"),
    "long error": (b"E\x40\0\0\0" + bytes(1000), "1073741824 bytes exceeds the limit"),
    "length beyond the message": (message(b"R", b"\0\0\0\0", 5), "Authentication"),
    "length short of the message": (message(b"R", b"\0\0\0\0extra"), "Authentication"),
    "unknown authentication": (authentication(99), "authentication method 99 not supported"),
    "Kerberos": (authentication(7), "not supported"),
    "negative authentication": (authentication(-1), "authentication method -1 not supported"),
    "MD5 without salt": (authentication(5), "Authentication"),
    "SASL without mechanisms": (authentication(10), "Authentication"),
    "unknown SASL mechanism": (authentication(10, b"X-UNKNOWN\0\0"), "SASL|mechanism"),
    "SASL continues what did not begin": (authentication(11, b"r=x"), "SASL|unexpected"),
    "SASL ends what did not begin": (authentication(12, b"v=x"), "SASL|unexpected"),
    "SCRAM nonsense": (SASL + authentication(11, b"nonsense"), "SCRAM"),
    "SCRAM with a nonce of its own": (
        SASL + authentication(11, b"r=abc,s=QUJD,i=4096"),
        "SCRAM.*nonce|nonce.*SCRAM",
    ),
    "SCRAM skipped": (SASL + OK + backend_key() + ready(), "SCRAM|proof|server"),
    "ready before authentication": (ready(), "unexpected message 'Z'"),
    "key before authentication": (backend_key(), "unexpected message 'K'"),
    "rows before authentication": (data_row(b"1"), "unexpected message 'D'"),
    "authentication twice": (OK + OK, "unexpected message 'R'"),
    "authentication after it is over": (OK + authentication(3), "unexpected message 'R'"),
    "rows instead of ready": (OK + row_description((b"a", 23)), "unexpected message 'T'"),
    "completion instead of ready": (OK + complete(), "unexpected message 'C'"),
    "copy instead of ready": (OK + message(b"G", b"\0\0\0"), "unexpected message 'G'"),
    "unknown status": (OK + ready(b"?"), "unknown transaction status"),
    "ready without a status": (OK + message(b"Z"), "ReadyForQuery"),
    "setting without a value": (OK + message(b"S", b"TimeZone\0"), "ParameterStatus"),
    "setting not terminated": (OK + message(b"S", b"TimeZone"), "ParameterStatus"),
    "key too short": (OK + message(b"K", b"\0\0"), "BackendKeyData"),
    "key too long": (OK + message(b"K", bytes(1000)), "a cancel key of 996 bytes"),
    "version 4": (message(b"v", struct.pack("!II", 4 << 16, 0)), "protocol version"),
    "version newer than asked for": (
        message(b"v", struct.pack("!II", 3 << 16 | 9999, 0)),
        "unexpected message 'v'|protocol version",
    ),
    "options that lie": (message(b"v", struct.pack("!II", 3 << 16, 1 << 30)), "Negotiate"),
    "error": (report(b"go away", b"28000", b"FATAL"), "FATAL:  go away"),
    "error that is not UTF-8": (report(b"\xff\xfe"), "�"),
    "error without fields": (message(b"E", b"\0"), "failed: "),
    "error not terminated": (message(b"E", b"Sabc"), "ErrorResponse"),
    "empty error": (message(b"E"), "ErrorResponse"),
    "error after authentication": (OK + report(b"too late", b"53300", b"FATAL"), "too late"),
}


@pytest.mark.parametrize("fault", ANSWERS)
async def test_wrong_answer(twin, hostile, fault):
    data, match = ANSWERS[fault]

    def script(peer):
        peer.read_startup()
        peer.send(data)
        peer.wait_closed()

    server = hostile(script)
    with pytest.raises(psycoxide.OperationalError, match=match) as raised:
        await twin.connect(server.dsn)
    place = f'connection failed: connection to server at "127.0.0.1", port {server.port} failed: '
    assert str(raised.value).startswith(place)
    assert "PASSWORD" not in str(raised.value)
    assert server.accepted == 1


async def test_closed_at_every_point(twin, hostile):
    sent = 0

    def script(peer):
        peer.greet(WELCOME[:sent])

    server = hostile(script)
    for sent in range(len(WELCOME)):  # noqa: B007 - the script reads it
        with pytest.raises(psycoxide.OperationalError, match="server closed the connection"):
            await twin.connect(server.dsn)
    assert server.accepted == len(WELCOME)


async def test_closed_at_once(twin, hostile):
    server = hostile(lambda peer: None)
    with pytest.raises(psycoxide.OperationalError, match="connection failed: .*(closed|reset)"):
        await twin.connect(server.dsn)


async def test_reset(twin, hostile):
    def script(peer):
        peer.read_startup()
        peer.reset()

    server = hostile(script)
    with pytest.raises(psycoxide.OperationalError, match="Connection reset by peer"):
        await twin.connect(server.dsn)


async def test_byte_by_byte(twin, hostile):
    def script(peer):
        peer.read_startup()
        peer.drip(WELCOME)
        peer.read_query()
        peer.drip(ONE)
        peer.wait_closed()

    server = hostile(script)
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


async def test_settings_beyond_measure(twin, hostile):
    """What a server reports is kept up to a bound; what is known stays right."""
    flood = b"".join(parameter(b"x%d" % n, b"y" * 100) for n in range(3_000))

    def script(peer):
        peer.greet(OK + flood + WELCOME[len(OK) :])
        peer.answer(flood + ONE)
        peer.wait_closed()

    server = hostile(script)
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        assert conn.info.parameter_status("x0") == "y" * 100
        assert conn.info.parameter_status("x2999") is None
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


async def test_settings_that_are_not_text(twin, hostile):
    welcome = OK + parameter(b"application_name", b"\xff\xfe") + WELCOME[len(OK) :]
    server = hostile(lambda peer: (peer.greet(welcome), peer.wait_closed()))
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        assert conn.info.parameter_status("application_name") == "\ufffd\ufffd"


async def test_encoding_that_does_not_exist(twin, hostile):
    welcome = WELCOME.replace(
        parameter(b"client_encoding", b"UTF8"), parameter(b"client_encoding", b"KLINGON")
    )

    def script(peer):
        peer.greet(welcome)
        peer.answer(ONE)
        peer.wait_closed()

    server = hostile(script)
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        with pytest.raises(psycoxide.NotSupportedError, match="KLINGON"):
            conn.info.encoding  # noqa: B018


async def test_no_key_to_cancel_with(twin, hostile):
    """Some poolers give none: the connection works, but for cancelling."""

    def script(peer):
        peer.greet(WELCOME.replace(backend_key(), b""))
        peer.answer(ONE)
        peer.wait_closed()

    server = hostile(script)
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        with pytest.raises(psycoxide.OperationalError, match="no key to cancel with"):
            await conn.cancel_safe()
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


# What answers a request for TLS, and the modes in which that ends the attempt.
TLS_ANSWERS = {
    "nonsense": (
        b"HTTP/1.1 400",
        ["prefer", "require"],
        "not understood: 0x48; is it a PostgreSQL",
    ),
    "zero": (b"\0", ["prefer", "require"], "not understood: 0x00"),
    "refusal": (b"N", ["require", "verify-full"], "does not support SSL, but SSL was required"),
    "error": (report(b"SHOWN?"), ["require"], "server sent an error response during SSL exchange"),
    "yes, then text": (b"SHTTP/1.1 400 Bad", ["require"], "TLS"),
    "yes, then PostgreSQL in the clear": (b"S" + WELCOME, ["require"], "TLS"),
}


@pytest.mark.parametrize("fault", TLS_ANSWERS)
async def test_wrong_answer_to_tls(twin, hostile, tmp_path, fault):
    data, modes, match = TLS_ANSWERS[fault]

    def script(peer):
        peer.read_packet()
        peer.send(data)
        peer.wait_closed()

    server = hostile(script)
    for mode in modes:
        root = "" if mode != "verify-full" else " sslrootcert=system"
        with pytest.raises(psycoxide.OperationalError, match=match) as raised:
            await twin.connect(f"{server.dsn} sslmode={mode}{root}")
        # It came unauthenticated: whoever sits in between could have us show anything.
        assert "SHOWN" not in str(raised.value)


async def test_text_before_tls_is_not_taken_for_text_within(twin, hostile):
    """Bytes behind the `S` would else be read as if they had come through TLS (CVE-2021-23222)."""

    def script(peer):
        code, _ = peer.read_packet()
        if code >> 16 != 3:
            peer.send(b"S" + WELCOME + ONE)
        else:
            peer.send(report(b"in the clear", b"28000", b"FATAL"))
        peer.wait_closed()

    server = hostile(script)
    with pytest.raises(psycoxide.OperationalError, match="connection failed"):
        await twin.connect(f"{server.dsn} sslmode=require")
    assert server.accepted == 1


async def test_text_behind_a_refusal(twin, hostile):
    """Behind an `N` everything is in the clear anyway, but nothing may come unasked."""

    def script(peer):
        peer.read_packet()
        peer.send(b"N" + ready())
        peer.wait_closed()

    server = hostile(script)
    with pytest.raises(psycoxide.OperationalError, match="unexpected message 'Z'"):
        await twin.connect(server.dsn)


async def test_tls_failure_is_not_repeated_in_the_clear_when_required(twin, hostile):
    server = hostile(lambda peer: (peer.read_packet(), peer.send(b"S")))
    with pytest.raises(psycoxide.OperationalError, match="TLS"):
        await twin.connect(f"{server.dsn} sslmode=require")
    assert server.accepted == 1


async def test_password_is_not_sent_to_whom_it_must_not(twin, hostile):
    """`require_auth` and `channel_binding` hold against a server that asks for the password."""

    def script(peer):
        peer.read_startup()
        peer.send(authentication(3))
        heard.put(peer.socket.recv(1000))

    heard = queue.Queue()
    for rule in ("require_auth=scram-sha-256", "require_auth=!password", "channel_binding=require"):
        server = hostile(script)
        with pytest.raises(psycoxide.OperationalError, match="cleartext password|channel binding"):
            await twin.connect(f"{server.dsn} {rule}")
        assert heard.get(timeout=5) == b""


async def test_wrong_proof_of_the_server(twin, hostile):
    """A server that does not know the password cannot end SCRAM, whatever it claims."""

    def script(peer):
        peer.read_startup()
        peer.send(SASL)
        _, body = peer.read_message()
        nonce = body.split(b"r=")[-1]
        peer.send(authentication(11, b"r=" + nonce + b"server,s=QUJD,i=4096"))
        peer.read_message()
        peer.send(authentication(12, b"v=" + b"A" * 43 + b"=") + WELCOME)
        peer.wait_closed()

    server = hostile(script)
    with pytest.raises(psycoxide.OperationalError, match="incorrect server signature"):
        await twin.connect(server.dsn)


async def test_scram_iterations_beyond_measure(twin, hostile):
    """Billions of iterations would keep the client busy for hours."""

    def script(peer):
        peer.read_startup()
        peer.send(SASL)
        _, body = peer.read_message()
        nonce = body.split(b"r=")[-1]
        peer.send(authentication(11, b"r=" + nonce + b"server,s=QUJD,i=2000000000"))
        peer.wait_closed()

    server = hostile(script)
    with pytest.raises(psycoxide.OperationalError, match="iteration"):
        await twin.connect(server.dsn)


async def test_refused(twin):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(psycoxide.OperationalError) as raised:
        await twin.connect(f"host=127.0.0.1 port={port} user=u dbname=d")
    text = str(raised.value)
    assert text.startswith(
        f'connection failed: connection to server at "127.0.0.1", port {port} failed:'
        " Connection refused"
    )
    assert "Is the server running" in text


async def test_no_socket(twin, tmp_path):
    with pytest.raises(psycoxide.OperationalError, match="No such file or directory") as raised:
        await twin.connect(f"host={tmp_path} user=u dbname=d")
    assert f'connection to server on socket "{tmp_path}/.s.PGSQL.5433"' in str(raised.value)


async def test_second_host_after_a_hostile_one(twin, hostile):
    bad = hostile(lambda peer: (peer.read_startup(), peer.send(b"?" * 100)))
    good = hostile(lambda peer: (peer.greet(), peer.answer(ONE), peer.wait_closed()))
    dsn = f"host=127.0.0.1,127.0.0.1 port={bad.port},{good.port} user=u password=PASSWORD dbname=d"
    async with await twin.connect(dsn, autocommit=True) as conn:
        assert conn.info.port == good.port
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)
