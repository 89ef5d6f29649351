"""Protocols: what the parts of the package expect of each other, and of what users write.

A dumper or loader need not derive from :mod:`psycoxide.adapt`'s base classes: it is enough to
behave as described here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, Union

from ._enums import PyFormat as PyFormat

if TYPE_CHECKING:
    from typing_extensions import LiteralString

    from . import pq, sql
    from ._base.connection import BaseConnection
    from ._enums import Ready, Wait
    from .adapt import AdaptersMap
    from .pq.abc import PGresult
    from .rows import Row, RowMaker
elif sys.version_info >= (3, 11):
    from typing import LiteralString
else:
    LiteralString = str

if sys.version_info >= (3, 14):
    from string.templatelib import Template
else:

    class Template:
        """Stands for the template strings of Python 3.14 where there are none."""


RV = TypeVar("RV")

#: Bytes in any of these forms.
Buffer: TypeAlias = bytes | bytearray | memoryview

#: The text of a query, not a template string.
QueryNoTemplate: TypeAlias = Union[LiteralString, bytes, "sql.SQL", "sql.Composed"]
#: The text of a query. `LiteralString` lets a type checker find queries that hold values.
Query: TypeAlias = QueryNoTemplate | Template
#: The parameters of a query.
Params: TypeAlias = Sequence[Any] | Mapping[str, Any]

#: The value of a connection parameter.
ConnParam: TypeAlias = str | int | None
#: What `yb_address_map` may be instead of a text: takes a host and a port that a cluster announces,
#: and returns those to connect to, or `None` to leave them as they are.
AddressMap: TypeAlias = Callable[[str, int], tuple[str, int] | None]
#: Connection parameters, to be changed.
ConnDict: TypeAlias = dict[str, ConnParam]
#: Connection parameters, to be read.
ConnMapping: TypeAlias = Mapping[str, ConnParam]

#: What values that can share a dumper have in common: their class, mostly; for a list, that and the
#: key of its elements.
DumperKey: TypeAlias = type | tuple["DumperKey", ...]
#: A function from value to bytes.
DumpFunc: TypeAlias = Callable[[Any], Buffer | None]
#: A function from bytes to value.
LoadFunc: TypeAlias = Callable[[Buffer], Any]

#: Work on a connection that says what it waits for and is told what came of it.
PQGen: TypeAlias = Generator["Wait", Union["Ready", int], RV]
#: The same, for a connection whose socket may change.
PQGenConn: TypeAlias = Generator[tuple[int, "Wait"], Union["Ready", int], RV]
#: A request that a pipeline has queued.
PipelineCommand: TypeAlias = Callable[[], None]


class WaitFunc(Protocol):
    """Runs a generator, waiting on a file descriptor as it asks for."""

    def __call__(
        self, gen: PQGen[RV], fileno: int, interval: float = ..., timeout: float | None = ...
    ) -> RV:
        """The value of the generator.

        :param interval: how often to look for signals, in seconds.
        :param timeout: when to give up, in seconds; never if `None`.
        """


class ReadyFunc(Protocol):
    """Waits on a file descriptor."""

    def __call__(self, fileno: int, wait: Wait, /) -> Ready | int:
        """What the descriptor is ready for."""


class AdaptContext(Protocol):
    """Whatever adapts values: a connection, a cursor, the global map, a transformer."""

    @property
    def adapters(self) -> AdaptersMap:
        """The adapters in use."""

    @property
    def connection(self) -> BaseConnection[Any] | None:
        """The connection they belong to, which has an encoding, a time zone…"""


class Dumper(Protocol):
    """Turns Python objects into values for the server.

    :param cls: the class of the objects.
    :param context: where the values go.
    """

    format: pq.Format
    """The format of the values."""

    oid: int
    """The OID of their type; 0 to let the server guess."""

    def __init__(self, cls: type, context: AdaptContext | None = None): ...

    def dump(self, obj: Any) -> Buffer | None:
        """The value of an object; `None` is NULL."""

    def quote(self, obj: Any) -> Buffer:
        """The object as an SQL literal."""

    def get_key(self, obj: Any, format: PyFormat) -> DumperKey:
        """What to remember this dumper by: objects of the same key share one."""

    def upgrade(self, obj: Any, format: PyFormat) -> Dumper:
        """The dumper that suits the object better; `self` if there is none."""


class Loader(Protocol):
    """Turns values of the server into Python objects.

    :param oid: the OID of the type of the values.
    :param context: where they come from.
    """

    format: pq.Format
    """The format of the values."""

    def __init__(self, oid: int, context: AdaptContext | None = None): ...

    def load(self, data: Buffer) -> Any:
        """The object of a value, which is never NULL."""


class Transformer(Protocol):
    """Finds the dumpers and loaders of a query, and remembers them for its other rows.

    :param context: where the adapters come from.
    """

    types: tuple[int, ...] | None
    """The OIDs of the parameters that were dumped last."""

    formats: list[pq.Format] | None
    """Their formats."""

    def __init__(self, context: AdaptContext | None = None): ...

    @classmethod
    def from_context(cls, context: AdaptContext | None) -> Transformer:
        """The context itself if it is a transformer; a new one otherwise."""

    @property
    def connection(self) -> BaseConnection[Any] | None:
        """The connection of the context."""

    @property
    def encoding(self) -> str:
        """The Python codec of its text."""

    @property
    def adapters(self) -> AdaptersMap:
        """The adapters of the context."""

    @property
    def pgresult(self) -> PGresult | None:
        """The result to load rows of."""

    def set_pgresult(
        self,
        result: PGresult | None,
        *,
        set_loaders: bool = True,
        format: pq.Format | None = None,
    ) -> None:
        """Change the result.

        :param set_loaders: whether to choose loaders for its columns.
        :param format: the format to assume, instead of that of each column.
        """

    def set_dumper_types(self, types: Sequence[int], format: pq.Format) -> None:
        """Dump all sequences to come as values of these types."""

    def set_loader_types(self, types: Sequence[int], format: pq.Format) -> None:
        """Load all sequences to come as values of these types."""

    def dump_sequence(
        self, params: Sequence[Any], formats: Sequence[PyFormat]
    ) -> Sequence[Buffer | None]:
        """The values of the parameters of a query; sets `types` and `formats`."""

    def as_literal(self, obj: Any) -> bytes:
        """An object as an SQL literal."""

    def get_dumper(self, obj: Any, format: PyFormat) -> Dumper:
        """The dumper for an object."""

    def load_rows(self, row0: int, row1: int, make_row: RowMaker[Row]) -> list[Row]:
        """The rows from `row0` to `row1`, exclusive."""

    def load_row(self, row: int, make_row: RowMaker[Row]) -> Row | None:
        """A row; `None` if the result has no such row."""

    def load_sequence(self, record: Sequence[Buffer | None]) -> tuple[Any, ...]:
        """The objects of a row of values, by the loaders set before."""

    def get_loader(self, oid: int, format: pq.Format) -> Loader:
        """The loader for a type."""
