"""What cursors that bind on the client have in common."""

from __future__ import annotations

from .. import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..abc import Params, Query


class ClientCursorMixin(_core.CursorBase):
    """Puts the parameters into the query as literals, and sends its text.

    Such a query may hold several statements, and statements that take no parameters on the server
    (`CREATE`, `SET`, `NOTIFY`). Its results come as text, and it is never prepared.
    """

    _binding = 1
    _execute = _core.CursorBase._execute_client

    def mogrify(self, query: Query, params: Params | None = None) -> str:
        """Return a query with its parameters put in, as it would be sent.

        :param query: the SQL: `str`, `bytes`, :class:`~psycoxide.sql.Composable` or a template
            string.
        :param params: a sequence for `%s`, a mapping for `%(name)s`.
        :raises ProgrammingError: if the query and its parameters do not fit each other.

        See "Client-side-binding cursors" of the psycopg manual.
        """
        return self._mogrify(query, params)
