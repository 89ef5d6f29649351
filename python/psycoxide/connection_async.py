"""The module of psycopg's where :class:`AsyncConnection` is found."""

from ._async.connection import AsyncConnection as AsyncConnection
