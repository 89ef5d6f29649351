"""The module of psycopg's where :class:`AsyncCursor` is found."""

from ._async.cursor import AsyncCursor as AsyncCursor
