"""The module of psycopg's where the cursors with PostgreSQL's own placeholders are found."""

from ._async.raw_cursor import AsyncRawCursor as AsyncRawCursor
from ._async.raw_cursor import AsyncRawServerCursor as AsyncRawServerCursor
from ._base.raw_cursor import RawCursorMixin as RawCursorMixin
from ._sync.raw_cursor import RawCursor as RawCursor
from ._sync.raw_cursor import RawServerCursor as RawServerCursor
