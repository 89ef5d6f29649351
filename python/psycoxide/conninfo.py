"""Connection strings: taking them apart, putting them together, and the defaults behind them.

See `connection strings
<https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING>`__ in PostgreSQL's manual
for what is accepted, and "conninfo -- manipulate connection strings" in psycopg's.
"""

from __future__ import annotations

from . import _core
from . import _errors_base as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from .abc import ConnDict, ConnParam

# How long a connection attempt may take where nothing says so: about what Linux gives a TCP
# connection that nobody answers.
_DEFAULT_CONNECT_TIMEOUT = 130
_MIN_CONNECT_TIMEOUT = 2


def make_conninfo(conninfo: str = "", **kwargs: ConnParam) -> str:
    """A connection string with keyword arguments put over it.

    :param conninfo: a connection string: `key=value` pairs or a `postgresql://` URI.
    :param kwargs: parameters that replace those of `conninfo`; one that is `None` replaces nothing,
        nor does a `yb_address_map` that is a function: it is for `connect()` alone.
    :return: the connection string as it was given if nothing replaces anything, else in the form of
        `key=value` pairs.
    :raises ProgrammingError: if the result would be no valid connection string.
    """
    return _core.merge_conninfo(
        conninfo, {name: str(value) for name, value in kwargs.items() if _is_set(name, value)}
    )


def conninfo_to_dict(conninfo: str = "", **kwargs: ConnParam) -> ConnDict:
    """The parameters of a connection string, with keyword arguments put over them.

    :param conninfo: a connection string: `key=value` pairs or a `postgresql://` URI.
    :param kwargs: parameters that replace those of `conninfo`; one that is `None` replaces nothing.
        They are not checked, and keep the type they have; a `yb_address_map` that is a function is
        left out.
    :return: what is set, not what is defaulted; values of `conninfo` are strings.
    :raises ProgrammingError: if `conninfo` is no valid connection string.
    """
    parameters: ConnDict = dict(_core.parse_conninfo(conninfo))
    for name, value in kwargs.items():
        if _is_set(name, value):
            parameters[name] = value
    return parameters


def _is_set(name: str, value: object) -> bool:
    return value is not None and not (name == "yb_address_map" and callable(value))


def timeout_from_conninfo(params: ConnDict) -> int:
    """How long an attempt to connect may take, in seconds.

    It is `connect_timeout`, else the variable `PGCONNECT_TIMEOUT`, without its fraction and at
    least 2, the shortest that libpq knows. 0 or less, or none, means 130.

    :raises ProgrammingError: if it is no number.
    """
    value: ConnParam = ""
    if "connect_timeout" in params:
        value = params["connect_timeout"]
    else:
        for option in _core.conninfo_defaults():
            if option["keyword"] == "connect_timeout":
                value = option["val"]
        if not value:
            return _DEFAULT_CONNECT_TIMEOUT
    try:
        seconds = int(float(str(value)))
    except (ValueError, OverflowError):
        raise e.ProgrammingError(f"bad value for connect_timeout: {str(value)!r}") from None
    if seconds <= 0:
        return _DEFAULT_CONNECT_TIMEOUT
    return max(seconds, _MIN_CONNECT_TIMEOUT)


def set_default_profile(name: Literal["yugabyte", "libpq"]) -> None:
    """Choose what applies to parameters that nothing sets, in this process.

    ========== ============================ ======================================
    parameter  `"yugabyte"`                 `"libpq"`
    ========== ============================ ======================================
    host       localhost                    the unix socket
    port       5433                         5432
    dbname     yugabyte                     the user's name
    user       yugabyte                     the name of the operating system's user
    password   yugabyte, if the user is     none
               defaulted too
    ========== ============================ ======================================

    psycoxide starts with `"yugabyte"`; :func:`psycoxide.install_as_psycopg` chooses `"libpq"`,
    which programs written for psycopg expect. Connections that are open already are not touched.
    Environment variables and the service file come before either. An error of `connect()` says
    where each part of the address came from.

    :raises ProgrammingError: for any other name.
    """
    _core.set_default_profile(name)


def default_profile() -> Literal["yugabyte", "libpq"]:
    """The defaults in use: what :func:`set_default_profile` chose last."""
    return _core.default_profile()
