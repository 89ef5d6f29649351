"""Generators which talk to the server through :class:`psycoxide.pq.PGconn`, without waiting.

Where one has to wait it yields a :class:`~psycoxide.waiting.Wait` and expects to be sent the
:class:`~psycoxide.waiting.Ready` that came of it; :mod:`psycoxide.waiting` has the functions that
do so. The driver itself does not use them: they are for programs which drive a `PGconn` by
themselves, as the PostgreSQL manual's chapter on asynchronous command processing describes it.
<https://www.postgresql.org/docs/current/libpq-async.html>
"""

from __future__ import annotations

from . import _errors_base as e
from . import errors
from .pq import ConnStatus, ExecStatus, PGconn, PollingStatus
from .waiting import READY_R, WAIT_R, WAIT_RW, WAIT_W

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from .abc import Buffer, PQGen, PQGenConn
    from .pq import PGcancelConn, PGnotify, PGresult

_COPY = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)


def connect(conninfo: str) -> PQGenConn[PGconn]:
    """Connect to the server that a connection string names.

    :raises OperationalError: if no connection could be made.
    """
    pgconn = PGconn.connect_start(conninfo.encode())
    while True:
        if pgconn.status == ConnStatus.BAD:
            raise _connecting_failed(pgconn)
        status = pgconn.connect_poll()
        if status == PollingStatus.OK:
            break
        if status == PollingStatus.FAILED:
            raise _connecting_failed(pgconn)
        yield pgconn.socket, WAIT_R if status == PollingStatus.READING else WAIT_W
    pgconn.nonblocking = 1
    return pgconn


def _connecting_failed(pgconn: PGconn) -> e.OperationalError:
    return e.OperationalError(f"connection failed: {pgconn.get_error_message()}", pgconn=pgconn)


def cancel(cancel_conn: PGcancelConn) -> PQGenConn[None]:
    """Ask the server to cancel what runs on a connection.

    :raises OperationalError: if the request could not be delivered.
    """
    while (status := cancel_conn.poll()) != PollingStatus.OK:
        if status == PollingStatus.FAILED:
            raise e.OperationalError(f"cancellation failed: {cancel_conn.get_error_message()}")
        yield cancel_conn.socket, WAIT_R if status == PollingStatus.READING else WAIT_W


def execute(pgconn: PGconn) -> PQGen[list[PGresult]]:
    """Send the query that was queued on the connection, and fetch all its results."""
    yield from send(pgconn)
    return (yield from fetch_many(pgconn))


def send(pgconn: PGconn) -> PQGen[None]:
    """Send what is outgoing. What comes in meanwhile is read, so that the server is not stuck."""
    while pgconn.flush():
        ready = yield WAIT_RW
        if ready & READY_R:
            pgconn.consume_input()


def fetch_many(pgconn: PGconn) -> PQGen[list[PGresult]]:
    """Fetch the results of a query; a COPY ends them, as does, in a pipeline, a Sync."""
    results: list[PGresult] = []
    while (result := (yield from fetch(pgconn))) is not None:
        results.append(result)
        if result.status in _COPY or result.status == ExecStatus.PIPELINE_SYNC:
            break
    return results


def fetch(pgconn: PGconn) -> PQGen[PGresult | None]:
    """Fetch the next result of a query; `None` after the last one."""
    while pgconn.is_busy():
        ready = yield WAIT_R
        if ready:
            pgconn.consume_input()
    return pgconn.get_result()


def pipeline_communicate(
    pgconn: PGconn, commands: deque[Callable[[], None]]
) -> PQGen[list[list[PGresult]]]:
    """Send the commands of a pipeline, and fetch what results there are meanwhile.

    :param commands: each is called to queue itself; emptied.
    :returns: for each query answered its results.
    """
    answers: list[list[PGresult]] = []
    results: list[PGresult] = []
    while True:
        ready = yield WAIT_RW
        if ready & READY_R:
            pgconn.consume_input()
            while not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    if not results:
                        break
                    answers.append(results)
                    results = []
                elif result.status == ExecStatus.PIPELINE_SYNC:
                    answers.append([result])
                else:
                    results.append(result)
        if not pgconn.flush():
            if not commands:
                return answers
            commands.popleft()()


def notifies(pgconn: PGconn) -> PQGen[list[PGnotify]]:
    """Wait for the connection to become readable; the notifications that have come."""
    yield WAIT_R
    pgconn.consume_input()
    found = []
    while (notification := pgconn.notifies()) is not None:
        found.append(notification)
    return found


def copy_from(pgconn: PGconn) -> PQGen[memoryview | PGresult]:
    """Fetch a piece of a COPY to the client, or the result at its end.

    :raises Error: what the server says.
    """
    while True:
        count, data = pgconn.get_copy_data(1)
        if count != 0:
            break
        yield WAIT_R
        pgconn.consume_input()
    if count > 0:
        return data
    result = yield from _end_of_copy(pgconn)
    if result.status != ExecStatus.COMMAND_OK:
        raise errors.error_from_result(result)
    return result


def copy_to(pgconn: PGconn, buffer: Buffer, flush: bool = True) -> PQGen[None]:
    """Send a piece of a COPY to the server.

    :param flush: whether to wait until it is sent.
    """
    while pgconn.put_copy_data(buffer) == 0:
        yield WAIT_W
    if flush:
        yield from send(pgconn)


def copy_end(pgconn: PGconn, error: bytes | None) -> PQGen[PGresult]:
    """End a COPY to the server.

    :param error: why it is given up, if it is.
    :raises Error: what the server says.
    """
    while pgconn.put_copy_end(error) == 0:
        yield WAIT_W
    yield from send(pgconn)
    result = yield from _end_of_copy(pgconn)
    if result.status != ExecStatus.COMMAND_OK:
        raise errors.error_from_result(result)
    return result


def _end_of_copy(pgconn: PGconn) -> PQGen[PGresult]:
    """The result of a COPY, and the end of the query."""
    result = yield from fetch(pgconn)
    while (yield from fetch(pgconn)) is not None:
        pass
    assert result is not None
    return result
