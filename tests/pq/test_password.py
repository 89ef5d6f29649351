"""`pq.PGconn`: passwords as the server stores them."""

from __future__ import annotations

import re

import pytest

import psycoxide


def test_md5(pgconn):
    # The digest of password and user: of "ab".
    assert pgconn.encrypt_password(b"a", b"b", b"md5") == b"md5187ef4436122d1cc2f40dc2b92f0eba0"


def test_scram(pgconn):
    one, two = (pgconn.encrypt_password(b"secret", b"u", b"scram-sha-256") for _ in range(2))
    assert re.fullmatch(rb"SCRAM-SHA-256\$4096:[\w+/=]{24}\$[\w+/=]{44}:[\w+/=]{44}", one)
    assert one != two


def test_as_the_server_has_it(pgconn):
    for setting in (b"md5", b"scram-sha-256"):
        pgconn.exec_(b"SET password_encryption TO '%b'" % setting)
        stored = pgconn.encrypt_password(b"a", b"b")
        assert stored.lower().startswith(setting[:3])


def test_no_such_algorithm(pgconn):
    with pytest.raises(psycoxide.OperationalError, match='unrecognized .* "rot13"'):
        pgconn.encrypt_password(b"a", b"b", b"rot13")


def test_change(pgconn):
    user = b'it\'s "me"'
    pgconn.exec_(b"BEGIN")
    pgconn.exec_(b'CREATE ROLE "it\'s ""me"""')
    pgconn.change_password(user, "pässword".encode())
    result = pgconn.exec_params(b"SELECT rolpassword FROM pg_authid WHERE rolname = $1", [user])
    assert result.get_value(0, 0).startswith((b"SCRAM-SHA-256$", b"md5"))
    with pytest.raises(psycoxide.OperationalError, match='role "nobody" does not exist'):
        pgconn.change_password(b"nobody", b"secret")
    pgconn.exec_(b"ROLLBACK")
