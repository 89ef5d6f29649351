"""Template strings as queries: `cur.execute(t"SELECT * FROM users WHERE id = {user_id}")`.

Python 3.14 has template strings (:pep:`750`): text with values in it that are still apart. What is
text is sent as it is; a value becomes a parameter of the query, unless its format specification
says otherwise:

- `{x}`, `{x:s}`, `{x:t}`, `{x:b}`: a parameter, sent in whichever format suits it, as text, binary;
- `{x:i}`: an identifier, a string or a :class:`~psycoxide.sql.Identifier`;
- `{x:l}`: a literal, written into the query;
- `{x:q}`: a part of the query, another template, a :class:`~psycoxide.sql.SQL` or a
  :class:`~psycoxide.sql.Composed`.

`%` has no meaning here. See "Template string queries" in psycopg's manual. This module is imported
when the first template is met, and works on whatever behaves as
`string.templatelib.Template <https://docs.python.org/3.14/library/string.templatelib.html>`__ does:
it imports on every version of Python.
"""

from __future__ import annotations

from . import _errors_base as e
from ._enums import PyFormat
from .adapt import Transformer
from .sql import SQL, Composable, Composed, Identifier, Literal, Placeholder, _is_template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any, NoReturn, Protocol, TypeAlias

    from .abc import AdaptContext, Template

    # Writes a parameter into the query: its placeholder, or the value.
    PlaceParameter: TypeAlias = Callable[[Any, PyFormat], bytes]

    class Interpolation(Protocol):
        """A value in a template: `string.templatelib.Interpolation`."""

        value: Any
        expression: str
        conversion: str | None
        format_spec: str


_PARAMETER_FORMATS = {"": PyFormat.AUTO, **{member.value: member for member in PyFormat}}


def convert(
    template: Template, context: AdaptContext | None = None
) -> tuple[bytes, list[Any], list[PyFormat]]:
    """A template as a query for the server, which binds its parameters.

    :param context: whose adapters and encoding to use.
    :return: the query with `$1`, `$2`… in the encoding of the context, the parameters, and the
        format that each asks for.
    :raises ProgrammingError: for a format specification that does not exist, or does not suit the
        value.
    :raises TypeError: for a conversion (`{x!r}`).
    """
    parameters: list[Any] = []
    formats: list[PyFormat] = []

    def place(value: Any, format: PyFormat) -> bytes:
        parameters.append(value)
        formats.append(format)
        return b"$%d" % len(parameters)

    transformer = Transformer.from_context(context)
    query = b"".join(_parts(template, transformer, place))
    return query, parameters, formats


def compose(template: Template, context: AdaptContext | None = None) -> bytes:
    """A template as a query without parameters: their values are literals in it.

    Parameters and errors are those of :func:`convert`.
    """
    transformer = Transformer.from_context(context)

    def place(value: Any, format: PyFormat) -> bytes:
        return transformer.as_literal(value)

    return b"".join(_parts(template, transformer, place))


def join(joiner: str, items: Sequence[Any]) -> Template:
    """A template of all the items, templates themselves, with a text between them.

    :raises TypeError: if one of the items is no template.
    """
    template: type[Any] | None = None
    parts: list[Any] = []
    for item in items:
        if not _is_template(item):
            raise TypeError(f"can't mix Template and {type(item).__name__}")
        if template is None:
            template = type(item)
        else:
            parts.append(joiner)
        parts.extend(_items(item))
    assert template is not None, "there is no Template to make without one"
    joined: Template = template(*parts)
    return joined


def _parts(template: Template, transformer: Transformer, place: PlaceParameter) -> Iterator[bytes]:
    encoding = transformer.encoding
    for item in _items(template):
        if isinstance(item, str):
            yield item.encode(encoding)
            continue
        if item.conversion:
            raise TypeError(f"conversions not supported in query; got {_shown(item)}")
        value, spec = item.value, item.format_spec
        _check_is_for(value, spec, item)
        if spec in _PARAMETER_FORMATS:
            yield place(value, _PARAMETER_FORMATS[spec])
        elif spec == "i":
            if isinstance(value, str):
                value = Identifier(value)
            elif not isinstance(value, Identifier):
                _wrong_value("identifier values must be strings or sql.Identifier", value, item)
            yield value.as_bytes(transformer)
        elif spec == "l":
            if isinstance(value, Literal):
                yield value.as_bytes(transformer)
            else:
                yield transformer.as_literal(value)
        elif spec == "q":
            if _is_template(value):
                yield from _parts(value, transformer, place)
            elif isinstance(value, Composable):
                yield value.as_bytes(transformer)
            else:
                wanted = "sql values must be sql.SQL, sql.Composed or Template"
                _wrong_value(wanted, value, item)
        else:
            raise e.ProgrammingError(f"format {spec!r} not supported in query; got {_shown(item)}")


def _items(template: Any) -> Iterable[str | Interpolation]:
    """The texts and values of a template in their order; older Pythons' stand-in has none."""
    items: Iterable[str | Interpolation] = template
    return items


def _check_is_for(value: Any, spec: str, item: Interpolation) -> None:
    """Refuse what stands for a piece of SQL where something else is meant."""
    if _is_template(value) or isinstance(value, SQL | Composed):
        wanted = "q"
    elif isinstance(value, Identifier):
        wanted = "i"
    elif isinstance(value, Literal):
        wanted = "l"
    elif isinstance(value, Placeholder):
        raise e.ProgrammingError(
            f"Placeholder not supported in template strings; got {_shown(item)}:"
            " put the value there"
        )
    elif isinstance(value, Composable):
        wanted = "q"
    else:
        return
    if spec != wanted:
        raise e.ProgrammingError(
            f"{type(value).__name__} objects require format ':{wanted}'; got {_shown(item)}"
        )


def _wrong_value(wanted: str, value: Any, item: Interpolation) -> NoReturn:
    raise e.ProgrammingError(f"{wanted}; got {type(value).__name__} in {_shown(item)}")


def _shown(item: Interpolation) -> str:
    """An interpolation as it was written."""
    conversion = f"!{item.conversion}" if item.conversion else ""
    spec = f":{item.format_spec}" if item.format_spec else ""
    return f"'{{{item.expression}{conversion}{spec}}}'"
