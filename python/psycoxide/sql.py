"""Queries composed from parts: texts, identifiers, values and placeholders.

Names of tables and columns cannot be parameters of a query. Put together like this they are quoted
as they have to be, and cannot be mistaken for SQL::

    query = sql.SQL("SELECT {columns} FROM {table} WHERE {key} = %s").format(
        columns=sql.SQL(", ").join([sql.Identifier("id"), sql.Identifier("first name")]),
        table=sql.Identifier("people"),
        key=sql.Identifier("id"),
    )
    cur.execute(query, [42])

Nothing is written before the query is executed, or :meth:`Composable.as_string` is called: the same
object may be used on connections of different encodings. See "sql -- SQL string composition" in
psycopg's manual.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from . import _core
from ._enums import PyFormat
from .adapt import Transformer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, TypeGuard, overload

    from typing_extensions import LiteralString

    from .abc import AdaptContext, Template


def quote(obj: Any, context: AdaptContext | None = None) -> str:
    """A value as a literal of SQL, for scripts that are written where there is no connection.

    With a connection, pass values as parameters of the query.

    :param context: whose adapters and encoding to use; the global adapters and UTF-8 if `None`.
    :raises ProgrammingError: if no adapter knows what to do with the object.
    """
    return Literal(obj).as_string(context)


def as_string(obj: Any, context: AdaptContext | None = None) -> str:
    """Anything as SQL: a :class:`Composable` or a template string as what it stands for, another
    object as a literal.

    :param context: whose adapters and encoding to use; the global adapters and UTF-8 if `None`.
    """
    if isinstance(obj, Composable):
        return obj.as_string(context)
    if _is_template(obj):
        return as_bytes(obj, context).decode(_encoding(context))
    return Literal(obj).as_string(context)


def as_bytes(obj: Any, context: AdaptContext | None = None) -> bytes:
    """As :func:`as_string`, in the encoding of the context's connection."""
    if isinstance(obj, Composable):
        return obj.as_bytes(context)
    if _is_template(obj):
        from ._tstrings import compose

        return compose(obj, context)
    return Literal(obj).as_bytes(context)


class Composable(ABC):
    """What a query may be composed of.

    `+` puts two of them one after the other, `*` repeats one; both give a :class:`Composed`.
    """

    def __init__(self, obj: Any):
        self._obj = obj

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._obj!r})"

    @abstractmethod
    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        """What it stands for, in the encoding of the context's connection.

        :param context: a connection or a cursor. Without one the result is made for no server in
            particular: the global adapters, UTF-8.
        """

    def as_string(self, context: AdaptContext | None = None) -> str:
        """What it stands for, as text; see :meth:`as_bytes`."""
        return self.as_bytes(context).decode(_encoding(context))

    def __add__(self, other: Composable) -> Composed:
        if isinstance(other, Composed):
            return Composed([self]) + other
        if isinstance(other, Composable):
            return Composed([self, other])
        return NotImplemented

    def __mul__(self, n: int) -> Composed:
        return Composed([self] * n)

    def __eq__(self, other: object) -> bool:
        if type(self) is type(other):
            equal: bool = self._obj == other._obj
            return equal
        return NotImplemented


class Composed(Composable):
    """A sequence of :class:`Composable`, one written after the other.

    It is what operators and methods of the others give; to iterate over it gives the parts.

    :param seq: the parts. What is no :class:`Composable` becomes a :class:`Literal`.
    """

    _obj: list[Composable]

    def __init__(self, seq: Iterable[Any]):
        super().__init__([_composable(item) for item in seq])

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        # A transformer is a context too. One for all parts knows the encoding and finds each dumper
        # once.
        transformer = Transformer.from_context(context)
        return b"".join([item.as_bytes(transformer) for item in self._obj])

    def __iter__(self) -> Iterator[Composable]:
        return iter(self._obj)

    def __add__(self, other: Composable) -> Composed:
        if isinstance(other, Composed):
            return Composed(self._obj + other._obj)
        if isinstance(other, Composable):
            return Composed([*self._obj, other])
        return NotImplemented

    def join(self, joiner: SQL | LiteralString) -> Composed:
        """The parts with `joiner` between them.

        :raises TypeError: if it is neither a :class:`SQL` nor a string.
        """
        if isinstance(joiner, str):
            joiner = SQL(joiner)
        elif not isinstance(joiner, SQL):
            raise TypeError(f"Composed.join() takes a string or an SQL, got {joiner!r} instead")
        return joiner.join(self._obj)


class SQL(Composable):
    """A piece of SQL, written as it is.

    It is not checked or quoted in any way: never let data into it. Type checkers refuse a string
    which is not made of literals, see :pep:`675`.

    :param obj: the text. In :meth:`format`, `{}` and `{name}` mark the places of other parts.
        Placeholders of parameters (`%s`) are not touched.
    :raises TypeError: if it is no string.
    """

    _obj: LiteralString

    def __init__(self, obj: LiteralString):
        if not isinstance(obj, str):
            raise TypeError(f"SQL values must be strings, got {obj!r} instead")
        super().__init__(obj)

    def as_string(self, context: AdaptContext | None = None) -> str:
        return self._obj

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        return self._obj.encode(_encoding(context))

    def format(self, *args: Any, **kwargs: Any) -> Composed:
        """The text with other parts in the places of its `{}`, `{0}` and `{name}`.

        :param args: the parts for `{}` and `{0}`. What is no :class:`Composable` becomes a
            :class:`Literal`.
        :param kwargs: the parts for `{name}`.
        :raises ValueError: for a format specification or a conversion (`{:x}`, `{!r}`), and where
            `{}` and `{0}` are mixed.
        :raises IndexError, KeyError: if a part is missing.

        `{{` and `}}` stand for braces.
        """
        from string import Formatter

        parts: list[Composable] = []
        following: int | None = 0  # the number of the next `{}`; None after a `{0}`
        for text, field, spec, conversion in Formatter().parse(self._obj):
            if text:
                parts.append(SQL(text))
            if field is None:
                continue
            if spec:
                raise ValueError("no format specification supported by SQL")
            if conversion:
                raise ValueError("no format conversion supported by SQL")
            value: Any
            if not field:
                if following is None:
                    raise ValueError("cannot switch from manual field numbering to automatic")
                value = args[following]
                following += 1
            elif field.isdecimal():
                if following:
                    raise ValueError("cannot switch from automatic field numbering to manual")
                following = None
                value = args[int(field)]
            else:
                value = kwargs[field]
            parts.append(_composable(value))
        return Composed(parts)

    if TYPE_CHECKING:

        @overload
        def join(self, seq: Iterable[Template]) -> Template: ...
        @overload
        def join(self, seq: Iterable[Any]) -> Composed: ...

    def join(self, seq: Iterable[Any]) -> Composed | Template:
        """The items with this text between them.

        :param seq: the items. What is no :class:`Composable` becomes a :class:`Literal`. They may
            all be template strings: then the result is one too.
        :raises TypeError: if some are template strings and some are not.
        """
        items = list(seq)
        if any(map(_is_template, items)):
            from ._tstrings import join

            return join(self._obj, items)
        parts: list[Any] = []
        for item in items:
            if parts:
                parts.append(self)
            parts.append(item)
        return Composed(parts)


class Identifier(Composable):
    """A name, or several with dots between them, quoted: `"schema"."table"`.

    ::

        >>> print(sql.Identifier("public", 'my "table"').as_string())
        "public"."my ""table"\""

    :param strings: the name, preceded by the names of what it is in.
    :raises TypeError: if there is none, or one is no string.
    """

    _obj: tuple[str, ...]

    def __init__(self, *strings: str):
        if not strings:
            raise TypeError("Identifier cannot be empty")
        for string in strings:
            if not isinstance(string, str):
                raise TypeError(f"SQL identifier parts must be strings, got {string!r} instead")
        super().__init__(strings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._obj))})"

    def as_string(self, context: AdaptContext | None = None) -> str:
        return _core.quote_identifier(self._obj)

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        return _core.quote_identifier(self._obj).encode(_encoding(context))


class Literal(Composable):
    """A value, written into the query as a literal of SQL.

    Where parameters are possible they are the better choice. Literals are for statements that have
    none, such as `CREATE USER` or `NOTIFY`. A literal whose type would be lost has a cast:
    `'2000-01-01'::date`.

    :param obj: the value.
    """

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        return Transformer.from_context(context).as_literal(self._obj)


class Placeholder(Composable):
    """A placeholder of a parameter: `%s`, or `%(name)s`.

    ::

        names = ["id", "label"]
        query = sql.SQL("INSERT INTO tags ({}) VALUES ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(map(sql.Placeholder, names)),
        )
        cur.execute(query, {"id": 1, "label": "new"})

    :param name: the parameter's name; none if it is found by its position.
    :param format: the format to send it in: `"s"` (automatic), `"t"` or `"b"`.
    :raises TypeError: if the name is no string.
    :raises ValueError: if it has a `)` in it, or there is no such format.
    """

    _obj: str

    def __init__(self, name: str = "", format: str | PyFormat = PyFormat.AUTO):
        if not isinstance(name, str):
            raise TypeError(f"placeholder names must be strings, got {name!r} instead")
        if ")" in name:
            raise ValueError(f"placeholder names cannot have a ')' in them, got {name!r}")
        super().__init__(name)
        self._format = PyFormat(format)

    def __repr__(self) -> str:
        arguments = [repr(self._obj)] if self._obj else []
        if self._format is not PyFormat.AUTO:
            arguments.append(f"format={self._format.name}")
        return f"{type(self).__name__}({', '.join(arguments)})"

    def as_string(self, context: AdaptContext | None = None) -> str:
        name = f"({self._obj})" if self._obj else ""
        return f"%{name}{self._format.value}"

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        return self.as_string(context).encode(_encoding(context))


NULL = SQL("NULL")
"""The value NULL."""

DEFAULT = SQL("DEFAULT")
"""A column's default, in `INSERT` and `UPDATE`."""


def _composable(obj: Any) -> Composable:
    return obj if isinstance(obj, Composable) else Literal(obj)


def _encoding(context: AdaptContext | None) -> str:
    """Python's codec for what is sent in this context."""
    return "utf-8" if context is None else Transformer.from_context(context).encoding


def _is_template(obj: object) -> TypeGuard[Template]:
    """Whether it is a template string; asked without loading the module that defines them."""
    cls = type(obj)
    return cls.__name__ == "Template" and cls.__module__ == "string.templatelib"
