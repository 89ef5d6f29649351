"""The options of connection strings, as libpq lists them."""

from __future__ import annotations

from .. import _core
from .. import _errors_base as e
from ._records import ConninfoOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Conninfo:
    """The options that a connection string may have.

    See `PQconndefaults and PQconninfoParse
    <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PQCONNDEFAULTS>`__.
    The parameters of YugabyteDB's drivers, which choose among the nodes of a cluster, follow those
    of libpq.
    """

    __module__ = "psycoxide.pq"

    @classmethod
    def get_defaults(cls) -> list[ConninfoOption]:
        """All options, with the values that apply where a connection string sets none.

        They come from the environment, the service file, and the defaults that
        :func:`psycoxide.conninfo.set_default_profile` has chosen.
        """
        return _options(_core.conninfo_defaults())

    @classmethod
    def parse(cls, conninfo: bytes) -> list[ConninfoOption]:
        """All options, with the values that a connection string sets.

        :param conninfo: the connection string, in UTF-8.
        :raises OperationalError: if it is none.
        """
        if not isinstance(conninfo, bytes):
            raise TypeError(f"connection strings are bytes here, got {type(conninfo).__name__}")
        try:
            options = _core.conninfo_options(conninfo.decode())
        except UnicodeDecodeError as ex:
            raise e.OperationalError(f"the connection string is not valid UTF-8: {ex}") from None
        except e.ProgrammingError as ex:
            raise e.OperationalError(str(ex)) from None
        return _options(options)


def _options(options: list[dict[str, Any]]) -> list[ConninfoOption]:
    return [_option(option) for option in options]


def _option(option: dict[str, Any]) -> ConninfoOption:
    def encoded(name: str) -> bytes | None:
        text: str | None = option[name]
        return None if text is None else text.encode()

    return ConninfoOption(
        keyword=option["keyword"].encode(),
        envvar=encoded("envvar"),
        compiled=encoded("compiled"),
        val=encoded("val"),
        label=option["label"].encode(),
        dispchar=option["dispchar"].encode(),
        dispsize=option["dispsize"],
    )
