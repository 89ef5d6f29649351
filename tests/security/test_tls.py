"""Every `sslmode` against a real server with certificates, and TLS that is broken off.

See "SSL Support" of the PostgreSQL manual, libpq: the table "SSL Mode Descriptions".
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import ssl
import threading

import pytest

import psycoxide
from psycoxide.local._certificates import make_certificates
from support.hostile import ONE, data_row, row_description
from support.state import state_of

pytestmark = [pytest.mark.full_server, pytest.mark.usefixtures("no_leaks")]

Operational = psycoxide.OperationalError
MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
#: Users whom pg_hba.conf lets in with TLS only, without it only, and with a certificate.
RULES = [
    "hostssl all only_tls 127.0.0.1/32 scram-sha-256",
    "hostnossl all only_plain 127.0.0.1/32 scram-sha-256",
    "host all only_tls 127.0.0.1/32 reject",
    "host all only_plain 127.0.0.1/32 reject",
    "host all nobody 127.0.0.1/32 reject",
    "hostssl postgres yugabyte 127.0.0.1/32 cert",
    "hostssl template1 yugabyte 127.0.0.1/32 scram-sha-256 clientcert=verify-full",
]


@pytest.fixture(scope="module")
def secured(start_server):
    with start_server(tls=True, hba=RULES) as secured:
        with psycoxide.connect(secured.dsn, autocommit=True) as conn:
            for user in ("only_tls", "only_plain"):
                conn.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'yugabyte'")
        yield secured


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Certificates of an authority that the server has nothing to do with."""
    return make_certificates(tmp_path_factory.mktemp("other"), "yugabyte")


async def encrypted(conn):
    """What the server says of the connection's encryption."""
    cur = await conn.execute("SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    return await cur.fetchone()


async def outcome(twin, conninfo, **keywords):
    """Connect: "TLS", "plain", or what the error says."""
    try:
        conn = await twin.connect(conninfo, **keywords)
    except Operational as ex:
        return str(ex)
    async with conn:
        used, _ = await encrypted(conn)
        assert bool(conn.pgconn.ssl_in_use) == used
        return "TLS" if used else "plain"


async def test_modes(twin, secured):
    root = str(secured.tls.authority)
    for mode in MODES:
        expected = "plain" if mode in ("disable", "allow") else "TLS"
        found = await outcome(twin, secured.dsn, sslmode=mode, sslrootcert=root)
        assert found == expected, mode


async def test_prefer_is_the_default(twin, secured):
    assert await outcome(twin, secured.dsn) == "TLS"


async def test_server_without_tls(twin, start_server):
    with start_server() as plain:
        for mode in MODES:
            root = "system" if mode == "verify-full" else "/nowhere/root.crt"
            found = await outcome(twin, plain.dsn, sslmode=mode, sslrootcert=root)
            if mode in ("disable", "allow", "prefer"):
                assert found == "plain", mode
            elif mode in ("require", "verify-full"):
                assert "server does not support SSL, but SSL was required" in found
            else:
                assert "/nowhere/root.crt" in found


async def test_wrong_authority(twin, secured, other):
    """`require` verifies too where there is a root certificate: as libpq does, for old programs."""
    for mode in ("require", "verify-ca", "verify-full"):
        found = await outcome(twin, secured.dsn, sslmode=mode, sslrootcert=str(other.authority))
        assert "certificate" in found and "authority" in found, (mode, found)
    # Where encryption is a wish only, nothing is verified but by require.
    assert (
        await outcome(twin, secured.dsn, sslmode="allow", sslrootcert=str(other.authority))
        == "plain"
    )


async def test_no_authority(twin, secured, tmp_path):
    assert await outcome(twin, secured.dsn, sslmode="require") == "TLS"
    for mode in ("verify-ca", "verify-full"):
        missing = str(tmp_path / "missing.crt")
        found = await outcome(twin, secured.dsn, sslmode=mode, sslrootcert=missing)
        assert missing in found and "sslrootcert" in found
    (tmp_path / "rubbish.crt").write_text("rubbish")
    found = await outcome(
        twin, secured.dsn, sslmode="verify-ca", sslrootcert=str(tmp_path / "rubbish.crt")
    )
    assert "rubbish.crt" in found


async def test_wrong_name(twin, secured):
    """The name that was asked for counts, not the address that it leads to."""
    keywords = {"host": "db.example.org", "hostaddr": "127.0.0.1"}
    keywords["sslrootcert"] = str(secured.tls.authority)
    for mode in ("prefer", "require", "verify-ca"):
        assert await outcome(twin, secured.dsn, sslmode=mode, **keywords) == "TLS"
    found = await outcome(twin, secured.dsn, sslmode="verify-full", **keywords)
    assert "db.example.org" in found and "localhost" in found
    keywords["host"] = "localhost"
    assert await outcome(twin, secured.dsn, sslmode="verify-full", **keywords) == "TLS"


async def test_authorities_of_the_system(twin, secured):
    """Nobody on the internet vouches for the test's server."""
    found = await outcome(twin, secured.dsn, sslmode="verify-full", sslrootcert="system")
    assert "certificate" in found
    found = await outcome(twin, secured.dsn, sslrootcert="system")
    assert "certificate" in found, "sslrootcert=system makes verify-full the default"
    for mode in ("prefer", "require", "verify-ca"):
        found = await outcome(twin, secured.dsn, sslmode=mode, sslrootcert="system")
        assert "verify-full" in found, mode


async def test_rules_of_the_server(twin, secured):
    """`allow` and `prefer` try the other way round where the server's rules ask for it."""
    expected = {
        ("only_tls", "disable"): "pg_hba.conf",
        ("only_tls", "allow"): "TLS",
        ("only_tls", "prefer"): "TLS",
        ("only_tls", "require"): "TLS",
        ("only_plain", "disable"): "plain",
        ("only_plain", "allow"): "plain",
        ("only_plain", "prefer"): "plain",
        ("only_plain", "require"): "pg_hba.conf",
    }
    for (user, mode), wanted in expected.items():
        found = await outcome(twin, secured.dsn, user=user, sslmode=mode)
        assert found == wanted or (wanted == "pg_hba.conf" and wanted in found), (user, mode, found)


async def test_both_refusals_are_told(twin, secured):
    """Neither with TLS nor without: the error lists both attempts."""
    for mode in ("allow", "prefer"):
        found = await outcome(twin, secured.dsn, user="nobody", sslmode=mode)
        assert "Multiple connection attempts failed" in found, mode
        assert 'user "nobody", database "yugabyte", SSL encryption' in found
        assert 'user "nobody", database "yugabyte", no encryption' in found


async def test_client_certificate(twin, secured, other, tmp_path):
    certificate = {"sslcert": str(secured.tls.client), "sslkey": str(secured.tls.client_key)}
    key = tmp_path / "client.key"  # The server's files belong to its account.
    shutil.copyfile(secured.tls.client_key, key)
    key.chmod(0o600)
    certificate["sslkey"] = str(key)
    for database in ("postgres", "template1"):
        keywords = {"dbname": database, "sslmode": "require"}
        async with await twin.connect(secured.dsn, **keywords, **certificate) as conn:
            assert await encrypted(conn) == (True, "/CN=yugabyte")
        found = await outcome(twin, secured.dsn, **keywords)
        assert "valid client certificate" in found
        found = await outcome(twin, secured.dsn, **keywords, **certificate, sslcertmode="disable")
        assert "valid client certificate" in found
    strange = {"sslcert": str(other.client), "sslkey": str(other.client_key)}
    found = await outcome(twin, secured.dsn, dbname="postgres", sslmode="require", **strange)
    assert "connection failed" in found and "alert" in found.lower()


async def test_client_key(twin, secured, other, tmp_path):
    """A key that others can read, that is not the certificate's, that is missing or no key."""
    key = tmp_path / "client.key"
    shutil.copyfile(secured.tls.client_key, key)
    keywords = {"sslmode": "require", "sslcert": str(secured.tls.client), "sslkey": str(key)}
    key.chmod(0o644)
    found = await outcome(twin, secured.dsn, **keywords)
    assert str(key) in found and "0600" in found
    key.chmod(0o600)
    assert await outcome(twin, secured.dsn, **keywords) == "TLS"
    shutil.copyfile(other.client_key, key)
    assert "connection failed" in await outcome(twin, secured.dsn, **keywords)
    key.write_text("rubbish")
    assert str(key) in await outcome(twin, secured.dsn, **keywords)
    key.unlink()
    assert str(key) in await outcome(twin, secured.dsn, **keywords)


async def test_channel_binding(twin, secured):
    """SCRAM-SHA-256-PLUS: the password's proof is worth nothing on another TLS connection."""
    for binding, mode in itertools.product(
        ["disable", "prefer", "require"], ["disable", "require"]
    ):
        found = await outcome(twin, secured.dsn, channel_binding=binding, sslmode=mode)
        if (binding, mode) == ("require", "disable"):
            assert "channel binding" in found
        else:
            assert found == ("TLS" if mode == "require" else "plain")


async def test_versions(twin, secured):
    for version in ("TLSv1.2", "TLSv1.3"):
        keywords = {"ssl_min_protocol_version": version, "ssl_max_protocol_version": version}
        async with await twin.connect(secured.dsn, sslmode="require", **keywords) as conn:
            query = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert await (await conn.execute(query)).fetchone() == (version,)
    with pytest.raises(
        Operational, match="ssl_min_protocol_version|ssl_max_protocol_version|range"
    ):
        await twin.connect(
            secured.dsn, ssl_min_protocol_version="TLSv1.3", ssl_max_protocol_version="TLSv1.2"
        )


async def test_direct_negotiation(twin, secured):
    """PostgreSQL 17 and later take TLS without being asked; older ones hang up."""
    found = await outcome(twin, secured.dsn, sslmode="require", sslnegotiation="direct")
    if secured.version >= 17:
        assert found == "TLS"
    else:
        assert "connection failed" in found
    found = await outcome(twin, secured.dsn, sslmode="prefer", sslnegotiation="direct")
    assert "sslnegotiation" in found and "require" in found


async def test_cancel_request_is_encrypted_too(secured):
    """only_tls may not even ask to cancel in the clear: pg_hba.conf does not matter there."""
    dsn = f"{secured.dsn} sslmode=require"
    async with await psycoxide.AsyncConnection.connect(dsn, autocommit=True) as conn:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(conn.execute("SELECT pg_sleep(60)"), 0.05)
        assert await state_of(conn) == "usable"


async def test_much_both_ways(twin, secured):
    """Many records, larger than any buffer."""
    text = "x" * 3_000_000
    async with await twin.connect(secured.dsn, sslmode="require") as conn:
        cur = await conn.execute("SELECT %s || %s, generate_series(1, 3)", [text, "y"])
        for number in (1, 2, 3):
            assert await cur.fetchone() == (text + "y", number)


async def test_killed(twin, secured):
    conn = await twin.connect(secured.dsn, sslmode="require")
    with psycoxide.connect(secured.dsn, autocommit=True) as killer:
        killer.execute("SELECT pg_terminate_backend(%s, 5000)", [conn.info.backend_pid])
    with pytest.raises(psycoxide.errors.AdminShutdown):
        await conn.execute("SELECT 1")
    assert await state_of(conn) == "closed"


# The scripted server with TLS.


@pytest.fixture(scope="module")
def tls_context(other):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(other.server, other.server_key)
    return context


async def test_scripted(twin, hostile, tls_context, other):
    def script(peer):
        peer.greet_encrypted(tls_context)
        peer.answer(ONE)
        peer.wait_closed()

    server = hostile(script)
    dsn = f"{server.dsn} sslmode=verify-full sslrootcert={other.authority}"
    async with await twin.connect(dsn, autocommit=True) as conn:
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


async def test_closed_at_every_point_of_the_handshake(twin, hostile, tls_context):
    """Whatever is left of what the server says in the handshake."""
    count = 0

    def script(peer):
        peer.read_packet()
        peer.send(b"S")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = tls_context.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(peer.socket.recv(100_000))
        with pytest.raises(ssl.SSLWantReadError):
            session.do_handshake()
        flight = outgoing.read()
        peer.send(flight[: len(flight) * count // 40])

    server = hostile(script)
    for count in range(40):  # noqa: B007 - the script reads it
        with pytest.raises(Operational, match="connection failed: .*TLS"):
            await twin.connect(f"{server.dsn} sslmode=require")


async def test_broken_off(twin, hostile, tls_context):
    """An end without TLS's own words for it is no end of an answer (a truncation attack)."""
    for part in (b"", ONE[:20], ONE[:-6]):

        def script(peer, part=part):
            peer.greet_encrypted(tls_context)
            peer.read_query()
            peer.send(part)
            peer.socket.close()  # Python says no goodbye unless it is told to unwrap.

        server = hostile(script)
        conn = await twin.connect(f"{server.dsn} sslmode=require", autocommit=True)
        with pytest.raises(Operational, match="closed the connection|reset|TLS"):
            await conn.execute("SELECT 1")
        assert await state_of(conn) == "closed"


# What is sent in the clear on an encrypted connection.
RECORDS = {
    "PostgreSQL in the clear": ONE,
    "rubbish": b"?" * 500,
    "a record too long": b"\x17\x03\x03\xff\xff" + bytes(70_000),
    "a record that cannot be decrypted": b"\x17\x03\x03\x00\x40" + bytes(64),
    "an empty record": b"\x17\x03\x03\x00\x00" * 100,
    "a handshake message": b"\x16\x03\x03\x00\x04\x00\x00\x00\x00",
    "an alert": b"\x15\x03\x03\x00\x02\x02\x28",
}


@pytest.mark.parametrize("fault", RECORDS)
async def test_wrong_record(twin, hostile, tls_context, fault):
    def script(peer):
        peer.greet_encrypted(tls_context)
        peer.read_query()
        # Around the encryption.
        os.write(peer.socket.fileno(), RECORDS[fault])
        peer.wait_closed()

    server = hostile(script)
    conn = await twin.connect(f"{server.dsn} sslmode=require", autocommit=True)
    with pytest.raises(Operational, match="consuming input failed"):
        await conn.execute("SELECT 1")
    assert await state_of(conn) == "closed"


async def test_rows_without_end(hostile, tls_context):
    """A task is cancelled although TLS always has something to read."""
    rows = data_row(b"x" * 1000) * 100
    sending = threading.Event()

    def script(peer):
        peer.greet_encrypted(tls_context)
        peer.read_query()
        peer.send(row_description((b"a", 25)))
        while True:
            peer.send(rows)
            sending.set()

    server = hostile(script)
    conn = await psycoxide.AsyncConnection.connect(f"{server.dsn} sslmode=require", autocommit=True)
    task = asyncio.create_task(conn.execute("SELECT 1"))
    await asyncio.to_thread(sending.wait, 5)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await state_of(conn) == "closed"
