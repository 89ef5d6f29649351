"""Small records which libpq has as structures. All texts are `bytes`."""

from __future__ import annotations

from typing import NamedTuple


class PGnotify(NamedTuple):
    """A notification, as the server sent it; see `asynchronous notification
    <https://www.postgresql.org/docs/current/libpq-notify.html>`__.
    """

    relname: bytes
    """The channel."""
    be_pid: int
    """The process ID of the session that notified."""
    extra: bytes
    """The payload, maybe empty."""


class ConninfoOption(NamedTuple):
    """An option of connection strings; see `PQconndefaults
    <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PQCONNDEFAULTS>`__.
    """

    keyword: bytes
    """Its name."""
    envvar: bytes | None
    """The environment variable that sets it."""
    compiled: bytes | None
    """The default, unless anything sets it."""
    val: bytes | None
    """Its value; `None` if it has none."""
    label: bytes
    """What to call it in a dialogue."""
    dispchar: bytes
    """How to show its value: `b""` as it is, `b"*"` hidden, `b"D"` not unless asked for."""
    dispsize: int
    """How many characters a field for it should have."""


class PGresAttDesc(NamedTuple):
    """A column of a result; see `PQsetResultAttrs
    <https://www.postgresql.org/docs/current/libpq-misc.html#LIBPQ-PQSETRESULTATTRS>`__.
    """

    name: bytes
    """Its name."""
    tableid: int
    """The OID of the table it is of; 0 if of none."""
    columnid: int
    """The number of the table's column; 0 if of none."""
    format: int
    """0 for text, 1 for binary."""
    typid: int
    """The OID of its type."""
    typlen: int
    """The size of the type in bytes; negative if it varies."""
    atttypmod: int
    """The type's modifier, as the length in `varchar(10)`; -1 if it has none."""
