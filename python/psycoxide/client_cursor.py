"""The module of psycopg's where the cursors are found that bind on the client."""

from ._async.client_cursor import AsyncClientCursor as AsyncClientCursor
from ._base.client_cursor import ClientCursorMixin as ClientCursorMixin
from ._sync.client_cursor import ClientCursor as ClientCursor
