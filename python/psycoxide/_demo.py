"""The demonstration: the statements of YugabyteDB's psycopg 3 page, run and shown one by one.

What is printed is what is run. Two things are added to the page: its INSERT has a quoting mistake
and is run in its corrected form, and the changes are committed, because each of its snippets opens
a connection of its own and psycopg's connections begin a transaction with their first statement.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from typing import Any

from .alias import install_as_psycopg
from .errors import Error, UniqueViolation

PAGE_PORT = 5433

CONNECT = (
    "conn = psycopg.connect(dbname='yugabyte',host='localhost',port='5433',"
    "user='yugabyte',password='yugabyte')"
)
CONNECT_DSN = "conn = psycopg.connect(DSN)"


@dataclass(frozen=True)
class Step:
    """One statement and what is to be said about it."""

    code: str
    note: str = ""
    expression: bool = False
    """Whether it has a value to print (if that is not None)."""


STEPS = [
    Step("import psycopg", "after psycoxide.install_as_psycopg(): this is psycoxide"),
    Step(CONNECT),
    Step(
        "conn.execute('CREATE TABLE IF NOT EXISTS employee "
        "(id int PRIMARY KEY, name varchar, age int, language varchar)')",
        expression=True,
    ),
    Step("conn.commit()", "not on the page, which forgets it", expression=True),
    Step(
        """conn.execute("INSERT INTO employee VALUES (1, 'John', 35, 'Java')")""",
        "the page quotes this with ', which ends the string early",
        expression=True,
    ),
    Step("conn.commit()", expression=True),
    Step("cur = conn.cursor()"),
    Step("record = cur.execute('SELECT * FROM employee').fetchone()"),
    Step("record", expression=True),
    Step("for record in cur.execute('SELECT * FROM employee'):\n    print(record)"),
    Step("conn.close()", "not on the page either", expression=True),
    Step("""print(psycopg.connect(DSN).execute("SELECT now()").fetchone()[0])"""),
]


def run(dsn: str | None) -> int:
    """Run the page on the server at `dsn`, or on one started for it; return the exit status."""
    if dsn is not None:
        return _run_steps(dsn, CONNECT_DSN)

    from .local import LocalServerError, PortInUse, server

    try:
        try:
            running = server(port=PAGE_PORT)
            connect = CONNECT
        except PortInUse:
            running = server()
            connect = CONNECT_DSN
            print(f"Port {PAGE_PORT} is in use: the server listens on {running.port} instead.")
    except LocalServerError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    with running:
        print(
            f"PostgreSQL {running.version} on {running.host}:{running.port}"
            f" stands in for YugabyteDB, from {running.binaries}.\n"
        )
        return _run_steps(running.dsn, connect)


def _run_steps(dsn: str, connect: str) -> int:
    install_as_psycopg()
    names: dict[str, Any] = {"DSN": dsn}
    with warnings.catch_warnings():
        # The page's last statement leaves its connection to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        for step in STEPS:
            code = connect if step.code == CONNECT else step.code
            _show(code, step.note)
            try:
                _execute(code, step.expression, names)
            except UniqueViolation as error:
                # On a server which has seen this demonstration before.
                print(f"{type(error).__name__}: {error.diag.message_primary}")
                names["conn"].rollback()
            except Error as error:
                print(f"{type(error).__name__}: {error}")
                return 1
    return 0


def _show(code: str, note: str) -> None:
    first, *others = code.splitlines()
    print(f">>> {first}" + (f"  # {note}" if note else ""))
    for line in others:
        print(f"... {line}")


def _execute(code: str, expression: bool, names: dict[str, Any]) -> None:
    if not expression:
        exec(code, names)
        return
    value = eval(code, names)
    if value is not None:
        print(repr(value))
