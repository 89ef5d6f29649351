"""The statements of YugabyteDB's page about psycopg 3, on a server.

They are verbatim but for two things: the INSERT of the page is not valid Python (its quotes end the
string early), and between its snippets, each of which opens a connection, the page forgets to
commit. They run under `import psycopg`, by the alias distribution, and under
`import psycoxide as psycopg`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from psycoxide import local
from support.programs import search_path

ALIAS = Path(__file__).parent.parent / "packages" / "psycopg-alias" / "src"
PAGE_PORT = 5433

CONNECT = (
    "conn = psycopg.connect(dbname='yugabyte',host='localhost',port='5433',"
    "user='yugabyte',password='yugabyte')\n"
)
PAGE_INSERT = "conn.execute('INSERT INTO employee VALUES (1, 'John', 35, 'Java')')"
PAGE = (
    CONNECT
    + "conn.execute('CREATE TABLE IF NOT EXISTS employee"
    + " (id int PRIMARY KEY, name varchar, age int, language varchar)')\n"
    + "conn.commit(); conn.close()  # added\n"
    + CONNECT
    + """conn.execute("INSERT INTO employee VALUES (1, 'John', 35, 'Java')")  # corrected\n"""
    + "conn.commit()  # added\n"
    + "cur = conn.cursor()\n"
    + "cur.execute('SELECT * FROM employee')\n"
    + "record = cur.fetchone()\n"
    + "print(record)\n"
    + "cur.execute('SELECT * FROM employee')\n"
    + "for record in cur:\n"
    + "    print(record)\n"
    + "record = cur.execute('SELECT * FROM employee').fetchone()\n"
    + "print(record)\n"
    + "for record in cur.execute('SELECT * FROM employee'):\n"
    + "    print(record)\n"
    + "conn.close()  # added\n"
    + 'print(psycopg.connect(DSN).execute("SELECT now()").fetchone()[0])\n'
)
ROW = "(1, 'John', 35, 'Java')"


@pytest.fixture(params=["fixed port", "free port"])
def page_server(request: pytest.FixtureRequest, start_server) -> Iterator[local.Server]:
    """A server on the port of the page, where that is free, and one on any port."""
    if request.param == "free port":
        with start_server() as server:
            yield server
        return
    try:
        server = start_server(port=PAGE_PORT)
    except local.PortInUse:
        pytest.skip(f"port {PAGE_PORT} is in use")
    with server:
        yield server


def run_page(first_line: str, server: local.Server, tmp_path: Path) -> list[str]:
    """Run the page after `first_line`, as a program of its own; return the lines it printed."""
    program = tmp_path / "page.py"
    text = PAGE.replace(f"port='{PAGE_PORT}'", f"port='{server.port}'")
    program.write_text(f"{first_line}\nDSN = {server.dsn!r}\n{text}")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    result = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True,
        text=True,
        env=environment | {"PYTHONPATH": search_path(ALIAS), "PYTHONWARNINGS": "default"},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.mark.parametrize("first_line", ["import psycopg", "import psycoxide as psycopg"])
def test_page(first_line: str, page_server: local.Server, tmp_path: Path) -> None:
    *records, now = run_page(first_line, page_server, tmp_path)
    assert records == [ROW] * 4
    assert datetime.fromisoformat(now).tzinfo is not None


def test_insert_of_the_page_is_not_python() -> None:
    """Which is why it is corrected above: should the page's form ever be valid, use it."""
    with pytest.raises(SyntaxError):
        compile(PAGE_INSERT, "page", "exec")


def test_defaults_of_the_table(start_server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any parameter psycoxide connects to YugabyteDB's address, as YugabyteDB's user."""
    import psycoxide

    try:
        server = start_server(port=PAGE_PORT)
    except local.PortInUse:
        pytest.skip(f"port {PAGE_PORT} is in use")
    with server, psycoxide.connect() as conn:
        assert (conn.info.host, conn.info.port) == ("localhost", PAGE_PORT)
        assert (conn.info.user, conn.info.dbname) == ("yugabyte", "yugabyte")


@pytest.mark.parametrize("given", [True, False])
def test_demo(given: bool, server: local.Server) -> None:
    command = [sys.executable, "-m", "psycoxide", "demo", *([server.dsn] if given else [])]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    *_, statement, now = result.stdout.splitlines()
    assert statement.startswith(">>> print(psycopg.connect(DSN)")
    assert datetime.fromisoformat(now).tzinfo is not None
    assert ROW in result.stdout


def test_demo_may_be_run_again(server: local.Server) -> None:
    command = [sys.executable, "-m", "psycoxide", "demo", server.dsn]
    for _ in range(2):
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
    assert "UniqueViolation: duplicate key value" in result.stdout


def test_version() -> None:
    import psycoxide

    result = subprocess.run(
        [sys.executable, "-m", "psycoxide", "--version"], capture_output=True, text=True
    )
    assert result.stdout == f"psycoxide {psycoxide.__version__}\n"
