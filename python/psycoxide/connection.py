"""The module of psycopg's where :class:`Connection` is found."""

from ._sync.connection import Connection as Connection
