"""The hierarchy of exceptions, and what they carry."""

from __future__ import annotations

import pickle

import pytest

import psycoxide
from psycoxide import errors
from psycoxide.dbapi20 import NUMBER, STRING
from psycoxide.pq import DiagnosticField

REPORT = {
    DiagnosticField.SEVERITY: b"ERREUR",
    DiagnosticField.SEVERITY_NONLOCALIZED: b"ERROR",
    DiagnosticField.SQLSTATE: b"23505",
    DiagnosticField.MESSAGE_PRIMARY: "clé dupliquée".encode("latin1"),
    DiagnosticField.CONSTRAINT_NAME: b"pk",
}


class Result:
    """As much of a failed result as exceptions ask for."""

    def __init__(self, **fields: bytes):
        self.fields = {int(DiagnosticField[name]): value for name, value in fields.items()}

    def error_field(self, code: int) -> bytes | None:
        return self.fields.get(code)

    def get_error_message(self, encoding: str) -> str:
        return self.fields[DiagnosticField.MESSAGE_PRIMARY].decode(encoding)


def test_dbapi_hierarchy():
    assert issubclass(errors.InterfaceError, errors.Error)
    for name in ("Data", "Operational", "Integrity", "Internal", "Programming", "NotSupported"):
        cls = getattr(errors, f"{name}Error")
        assert issubclass(cls, errors.DatabaseError)
        assert getattr(psycoxide, cls.__name__) is cls
    assert not issubclass(errors.Warning, errors.Error)


def test_lookup():
    assert errors.lookup("23505") is errors.UniqueViolation
    assert errors.lookup("UNIQUE_VIOLATION") is errors.UniqueViolation
    assert errors.lookup("unique_violation") is errors.UniqueViolation
    assert errors.lookup("hv00a") is errors.FdwInvalidStringFormat
    with pytest.raises(KeyError, match="XX999"):
        errors.lookup("xx999")


def test_every_class_is_a_member_and_has_the_base_of_its_code():
    from psycoxide._sqlstate_errors import BY_SQLSTATE

    for code, cls in BY_SQLSTATE.items():
        assert cls.sqlstate == code
        assert errors.class_for_sqlstate(code) is cls
        assert getattr(errors, cls.__name__) is cls
        assert cls.__name__ in dir(errors)
        assert issubclass(cls, errors.get_base_exception(code))


@pytest.mark.parametrize(
    ("code", "base"),
    [
        ("22999", errors.DataError),
        ("08XYZ", errors.OperationalError),
        ("0A123", errors.NotSupportedError),
        ("42X01", errors.ProgrammingError),
        ("57XXX", errors.OperationalError),
        ("P1234", errors.ProgrammingError),
        ("XY000", errors.InternalError),
        ("HX000", errors.OperationalError),
        ("YB001", errors.DatabaseError),
        ("", errors.DatabaseError),
    ],
)
def test_unknown_codes_are_raised_as_their_kind(code, base):
    assert errors.class_for_sqlstate(code) is base
    error = errors.error_from_result(Result(SQLSTATE=code.encode(), MESSAGE_PRIMARY=b"oops"))
    assert type(error) is base
    assert error.sqlstate == code
    assert error.args == ("oops",)


def test_diagnostics_are_decoded():
    diag = errors.Error(info=REPORT, encoding="latin1").diag
    assert diag.message_primary == "clé dupliquée"
    assert (diag.severity, diag.severity_nonlocalized) == ("ERREUR", "ERROR")
    assert (diag.sqlstate, diag.constraint_name) == ("23505", "pk")
    assert diag.message_hint is None
    with pytest.raises(AttributeError):
        diag.sqlstate = "x"


def test_diagnostics_that_cannot_be_decoded_are_replaced():
    assert "cl\ufffd" in errors.Error(info=REPORT).diag.message_primary


def test_there_is_an_attribute_for_every_field():
    info = {field: field.name.encode() for field in DiagnosticField}
    diag = errors.Diagnostic(info)
    for field in DiagnosticField:
        assert getattr(diag, field.name.lower()) == field.name


def test_an_error_of_the_driver_has_no_diagnostics():
    error = errors.OperationalError("lost")
    assert (error.sqlstate, error.pgconn, error.pgresult) == (None, None, None)
    assert error.diag.sqlstate is None


def test_results_are_kept():
    result = Result(SQLSTATE=b"23505", MESSAGE_PRIMARY=b"duplicate")
    error = errors.error_from_result(result)
    assert type(error) is errors.UniqueViolation
    assert error.pgresult is result
    assert error.diag.message_primary == "duplicate"


@pytest.mark.parametrize("info", [None, REPORT, Result(SQLSTATE=b"23505", MESSAGE_PRIMARY=b"x")])
def test_pickle(info):
    error = errors.UniqueViolation("no", "no!", info=info, encoding="latin1")
    error.note = "kept"
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is errors.UniqueViolation
    assert copy.args == ("no", "no!")
    assert copy.note == "kept"
    assert copy.diag.sqlstate == error.diag.sqlstate
    assert copy.diag.message_primary == error.diag.message_primary
    assert copy.pgresult is None and copy.pgconn is None
    # Pickling does not change the original.
    assert error.pgresult is (info if isinstance(info, Result) else None)
    diag = pickle.loads(pickle.dumps(error.diag))
    assert diag.message_primary == error.diag.message_primary


def test_pickle_base_classes():
    error = pickle.loads(pickle.dumps(psycoxide.OperationalError("x", info=REPORT)))
    assert type(error) is psycoxide.OperationalError
    assert error.sqlstate == "23505"


def test_unknown_names():
    with pytest.raises(AttributeError, match="no attribute 'NoSuchError'"):
        _ = errors.NoSuchError


def test_a_finished_connection_tells_what_it_was_but_no_secret():
    conn = errors.FinishedPGconn(host=b"somewhere", password=b"hunter2", user=b"me")
    assert conn.host == b"somewhere"
    assert "somewhere" in repr(conn)
    assert "hunter2" not in repr(conn)
    assert conn.status == 1
    for verb in (conn.exec_, conn.reset, conn.send_query, conn.parameter_status):
        with pytest.raises(errors.OperationalError, match="the connection is closed"):
            verb()
    with pytest.raises(errors.OperationalError, match="the connection is closed"):
        _ = conn.socket
    conn.finish()
    assert conn == errors.FinishedPGconn(host=b"somewhere", password=b"hunter2", user=b"me")


def test_type_objects():
    assert NUMBER == 23 and NUMBER == 23
    assert NUMBER != 25 and STRING == 25
    assert NUMBER == NUMBER and NUMBER != STRING
    assert NUMBER != "23"
    assert repr(NUMBER) == "psycoxide.NUMBER"


async def test_a_connection_that_could_not_be_made(twin):
    """The exception says what was tried; nothing of it can be used, or is left open."""
    with pytest.raises(twin.api.OperationalError) as raised:
        await twin.connect(twin.dsn, dbname="no_such_database")
    pgconn = raised.value.pgconn
    assert raised.value.pgconn is pgconn
    assert pgconn.db == b"no_such_database"
    assert pgconn.status == twin.api.pq.ConnStatus.BAD
    assert b"does not exist" in pgconn.error_message
    with pytest.raises(twin.api.OperationalError):
        pgconn.exec_(b"")


async def test_the_last_error_of_a_connection(twin):
    async with await twin.connect(autocommit=True) as conn:
        assert conn.info.error_message == ""
        with pytest.raises(twin.api.ProgrammingError) as raised:
            await conn.execute("wrong")
        assert conn.info.error_message == f"ERROR:  {raised.value}\n"
        await conn.execute("SELECT 1")
        assert conn.info.error_message == ""
    assert conn.info.error_message == "connection pointer is NULL\n"
