"""Identifiers of two-phase transactions.

PostgreSQL knows a prepared transaction by one string, the DB-API by three parts. A `Xid` is either
of both: the three parts are written into the string as `format_id`, `gtrid` and `bqual`, the latter
two in base64, joined by `_`; any other string stands for itself. JDBC drivers write the same.

See `PEP 249, Optional Two-Phase Commit Extensions
<https://peps.python.org/pep-0249/#optional-two-phase-commit-extensions>`__.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime as dt
    from typing import Any, NoReturn

_MAX_FORMAT_ID = 0x7FFFFFFF
_MAX_PART = 64
#: Finds what is prepared on the server, oldest first.
RECOVER = (
    "SELECT gid, prepared, owner, database FROM pg_catalog.pg_prepared_xacts ORDER BY prepared"
)
_FIELDS = ("format_id", "gtrid", "bqual", "prepared", "owner", "database")


class Xid:
    """The identifier of a two-phase transaction. Immutable; a sequence of its first three parts.

    :param format_id: a non-negative 32-bit integer; `None` if the transaction was not named by an
        application that follows the XA specification.
    :param gtrid: the global transaction ID; the whole name if `format_id` is `None`.
    :param bqual: the branch qualifier; `None` if `format_id` is.
    :param prepared: when the transaction was prepared, if it was found on the server.
    :param owner: the user who prepared it, likewise.
    :param database: the database it belongs to, likewise.
    """

    __slots__ = _FIELDS
    __module__ = "psycoxide"

    format_id: int | None
    gtrid: str
    bqual: str | None
    prepared: dt.datetime | None
    owner: str | None
    database: str | None

    def __init__(
        self,
        format_id: int | None,
        gtrid: str,
        bqual: str | None,
        prepared: dt.datetime | None = None,
        owner: str | None = None,
        database: str | None = None,
    ):
        for name, value in zip(
            _FIELDS, (format_id, gtrid, bqual, prepared, owner, database), strict=True
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_string(cls, s: str) -> Xid:
        """The identifier that the server calls `s`. `str()` of it is `s` again."""
        return _parse(s) or cls(None, s, None)

    @classmethod
    def from_parts(cls, format_id: int | None, gtrid: str, bqual: str | None) -> Xid:
        """The identifier made of the three parts of the DB-API.

        :raises ValueError: if `format_id` is out of range or a part is longer than 64 characters.
        :raises TypeError: if only one of `format_id` and `bqual` is `None`.
        """
        if format_id is None:
            if bqual is not None:
                raise TypeError("if format_id is None, bqual must be None too")
            return cls(None, gtrid, None)
        if bqual is None:
            raise TypeError("if format_id is specified, bqual must be too")
        if not 0 <= format_id <= _MAX_FORMAT_ID:
            raise ValueError("format_id must be a non-negative 32-bit integer")
        if len(gtrid) > _MAX_PART:
            raise ValueError(f"gtrid must be not longer than {_MAX_PART} chars")
        if len(bqual) > _MAX_PART:
            raise ValueError(f"bqual must be not longer than {_MAX_PART} chars")
        return cls(format_id, gtrid, bqual)

    @classmethod
    def _from_record(cls, gid: str, prepared: dt.datetime, owner: str, database: str) -> Xid:
        """The identifier of a transaction that was found on the server."""
        xid = cls.from_string(gid)
        return cls(xid.format_id, xid.gtrid, xid.bqual, prepared, owner, database)

    def __str__(self) -> str:
        if self.format_id is None or self.bqual is None:
            return self.gtrid
        return f"{self.format_id}_{_encode(self.gtrid)}_{_encode(self.bqual)}"

    def __repr__(self) -> str:
        return f"Xid({', '.join(f'{name}={getattr(self, name)!r}' for name in _FIELDS)})"

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> int | str | None:
        return (self.format_id, self.gtrid, self.bqual)[index]

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in _FIELDS)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Xid):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._values()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"cannot delete field {name!r}")


def _parse(s: str) -> Xid | None:
    """`s` read as three parts, if writing them gives `s` again."""
    parts = s.split("_")
    if len(parts) != 3 or not (parts[0].isascii() and parts[0].isdigit()):
        return None
    format_id = int(parts[0])
    if format_id > _MAX_FORMAT_ID:
        return None
    gtrid, bqual = _decode(parts[1]), _decode(parts[2])
    if gtrid is None or bqual is None:
        return None
    xid = Xid(format_id, gtrid, bqual)
    return xid if str(xid) == s else None


def _encode(part: str) -> str:
    from base64 import b64encode

    return b64encode(part.encode()).decode()


def _decode(part: str) -> str | None:
    from base64 import b64decode

    try:
        return b64decode(part, validate=True).decode()
    except ValueError:
        return None
