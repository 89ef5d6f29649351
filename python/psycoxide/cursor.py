"""The module of psycopg's where :class:`Cursor` is found."""

from ._sync.cursor import Cursor as Cursor
