"""The enumerations of libpq, with its values.

They are plain numbers in the core and get these names in Python. See `libpq's status functions
<https://www.postgresql.org/docs/current/libpq-status.html>`__ and `command execution functions
<https://www.postgresql.org/docs/current/libpq-exec.html>`__.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class ConnStatus(IntEnum):
    """The state of a connection; those after `BAD` occur only while it is being made."""

    __module__ = "psycoxide.pq"

    OK = 0
    """Connected."""
    BAD = 1
    """Closed, broken, or not made."""
    STARTED = 2
    """Waiting for the socket to connect."""
    MADE = 3
    """The socket is connected; nothing was sent yet."""
    AWAITING_RESPONSE = 4
    """Waiting for the server's answer."""
    AUTH_OK = 5
    """Authenticated; waiting for the session to start."""
    SETENV = 6
    """Not used since protocol 3."""
    SSL_STARTUP = 7
    """Negotiating TLS."""
    NEEDED = 8
    """Internal: a connection is needed."""
    CHECK_WRITABLE = 9
    """Asking whether the session may write."""
    CONSUME = 10
    """Reading what is left of an answer."""
    GSS_STARTUP = 11
    """Negotiating GSSAPI."""
    CHECK_TARGET = 12
    """Checking `target_session_attrs`."""
    CHECK_STANDBY = 13
    """Asking whether the server is a standby."""
    ALLOCATED = 14
    """Prepared, not yet begun."""
    AUTHENTICATING = 15
    """Authentication is under way."""


class PollingStatus(IntEnum):
    """What a connection that is being made waits for."""

    __module__ = "psycoxide.pq"

    FAILED = 0
    """Nothing: it failed."""
    READING = 1
    """The socket to become readable."""
    WRITING = 2
    """The socket to become writable."""
    OK = 3
    """Nothing: it is made."""
    ACTIVE = 4
    """Not used any more."""


class ExecStatus(IntEnum):
    """What a result is."""

    __module__ = "psycoxide.pq"

    EMPTY_QUERY = 0
    """The query was empty."""
    COMMAND_OK = 1
    """A command that returns no rows succeeded."""
    TUPLES_OK = 2
    """Rows, maybe none."""
    COPY_OUT = 3
    """The server is about to send COPY data."""
    COPY_IN = 4
    """The server is about to receive COPY data."""
    BAD_RESPONSE = 5
    """The answer was not understood."""
    NONFATAL_ERROR = 6
    """A notice or a warning."""
    FATAL_ERROR = 7
    """An error."""
    COPY_BOTH = 8
    """COPY data flows both ways: streaming replication."""
    SINGLE_TUPLE = 9
    """One row of a result, in single-row mode."""
    PIPELINE_SYNC = 10
    """A synchronisation point of a pipeline."""
    PIPELINE_ABORTED = 11
    """Not executed: an earlier query of the pipeline failed."""
    TUPLES_CHUNK = 12
    """Some rows of a result, in chunked mode."""


class TransactionStatus(IntEnum):
    """The state of a session's transaction."""

    __module__ = "psycoxide.pq"

    IDLE = 0
    """No transaction."""
    ACTIVE = 1
    """A command is under way."""
    INTRANS = 2
    """Idle in a transaction."""
    INERROR = 3
    """Idle in a transaction that has failed."""
    UNKNOWN = 4
    """The connection is closed."""


class PipelineStatus(IntEnum):
    """Whether a connection is in pipeline mode."""

    __module__ = "psycoxide.pq"

    OFF = 0
    """It is not."""
    ON = 1
    """It is."""
    ABORTED = 2
    """It is, and skips queries up to the next synchronisation point because one has failed."""


class Ping(IntEnum):
    """Whether a server answers."""

    __module__ = "psycoxide.pq"

    OK = 0
    """It accepts connections."""
    REJECT = 1
    """It runs, but accepts no connections now."""
    NO_RESPONSE = 2
    """It could not be reached."""
    NO_ATTEMPT = 3
    """It was not tried: the parameters are wrong."""


class DiagnosticField(IntEnum):
    """The fields of an error or a notice; the values are the protocol's letters."""

    __module__ = "psycoxide.pq"

    SEVERITY = ord("S")
    SEVERITY_NONLOCALIZED = ord("V")
    SQLSTATE = ord("C")
    MESSAGE_PRIMARY = ord("M")
    MESSAGE_DETAIL = ord("D")
    MESSAGE_HINT = ord("H")
    STATEMENT_POSITION = ord("P")
    INTERNAL_POSITION = ord("p")
    INTERNAL_QUERY = ord("q")
    CONTEXT = ord("W")
    SCHEMA_NAME = ord("s")
    TABLE_NAME = ord("t")
    COLUMN_NAME = ord("c")
    DATATYPE_NAME = ord("d")
    CONSTRAINT_NAME = ord("n")
    SOURCE_FILE = ord("F")
    SOURCE_LINE = ord("L")
    SOURCE_FUNCTION = ord("R")


class Format(IntEnum):
    """How a value travels."""

    __module__ = "psycoxide.pq"

    TEXT = 0
    """As the text that SQL would show."""
    BINARY = 1
    """As the type's binary representation."""


class Trace(IntFlag):
    """Options of the trace of a connection."""

    __module__ = "psycoxide.pq"

    SUPPRESS_TIMESTAMPS = 1
    """Leave out the time of each message."""
    REGRESS_MODE = 2
    """Leave out what changes between runs, such as object IDs."""
