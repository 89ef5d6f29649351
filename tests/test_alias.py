"""psycoxide under psycopg's name, by call and by the alias distribution.

Each test runs a program of its own, because the names are a matter of the whole process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from support.programs import search_path

ALIAS = Path(__file__).parent.parent / "packages" / "psycopg-alias" / "src"
INSTALL = "import psycoxide; psycoxide.install_as_psycopg()\n"


def run(program: str, *, distribution: bool = False, path: Path | None = None) -> str:
    """Run `program` in a new interpreter and return what it printed."""
    folders = [ALIAS] if distribution else []
    if path is not None:
        folders.append(path)
    variables = {"PYTHONPATH": search_path(*folders), "PYTHONWARNINGS": "error"}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | variables
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture(params=["call", "distribution"])
def alias(request: pytest.FixtureRequest) -> object:
    """A function which runs a program in which psycopg is psycoxide, in either way."""
    if request.param == "distribution":
        return lambda program: run(dedent(program), distribution=True)
    return lambda program: run(INSTALL + dedent(program))


def test_versions(alias) -> None:
    program = """
        import psycopg, psycoxide
        print(psycopg.__version__, psycoxide.__version__ == psycopg.__version__)
        print(psycopg.__name__, psycopg.__spec__.name)
    """
    assert alias(program).splitlines() == ["3.3.9 False", "psycopg psycopg"]


@pytest.mark.parametrize("first", ["psycopg", "psycoxide"])
def test_every_module_is_the_same_object(alias, first: str) -> None:
    """Whichever name it is first imported by, a module exists once."""
    program = f"""
        import importlib, pkgutil, sys
        import psycoxide
        import psycopg
        names = [
            module.name.removeprefix("psycoxide")
            for module in pkgutil.walk_packages(psycoxide.__path__, "psycoxide.")
            if not module.name.startswith(("psycoxide.__main__", "psycoxide.local"))
        ]
        assert ".rows" in names and ".types.numeric" in names
        for name in names:
            importlib.import_module("{first}" + name)
        for name in names:
            ours = importlib.import_module("psycoxide" + name)
            theirs = importlib.import_module("psycopg" + name)
            assert ours is theirs, name
            assert ours.__name__ == ours.__spec__.name == "psycoxide" + name, ours.__spec__
    """
    alias(program)


def test_classes_have_one_identity(alias) -> None:
    program = """
        from psycopg.rows import dict_row
        from psycopg import Connection, errors, sql
        import psycopg, psycopg.types.json
        import psycoxide, psycoxide.types.json
        assert dict_row is psycoxide.rows.dict_row
        assert Connection is psycoxide.Connection is psycopg.Connection
        assert errors is psycoxide.errors and sql is psycoxide.sql
        assert psycopg.types.json.Jsonb is psycoxide.types.json.Jsonb
    """
    alias(program)


def test_names_can_be_copied_out(alias) -> None:
    """As SQLAlchemy does for asyncio."""
    program = """
        import psycopg, psycoxide
        copied = dict(vars(psycopg))
        assert {"connect", "paramstyle", "Error", "adapters", "__version__"} <= set(copied)
        assert copied["Error"] is psycoxide.Error
        assert copied["__version__"] == psycopg.__version__ != psycoxide.__version__
        assert copied["__name__"] == "psycopg"
    """
    alias(program)


def test_patching_reaches_psycoxide(alias) -> None:
    program = """
        from unittest import mock
        import psycopg, psycoxide
        connect = psycoxide.connect
        with mock.patch("psycopg.connect", return_value=5):
            assert psycoxide.connect() == psycopg.connect() == 5
        assert psycoxide.connect is psycopg.connect is connect
    """
    alias(program)


def test_introspection(alias) -> None:
    program = """
        import importlib.util, pickle
        import psycopg, psycoxide
        assert set(dir(psycopg)) >= {"connect", "__version__", "Connection"}
        assert importlib.util.find_spec("psycopg").name == "psycopg"
        assert importlib.util.find_spec("psycopg.rows") is not None
        assert importlib.util.find_spec("psycopg.no_such_module") is None
        names = {}
        exec("from psycopg import *", names)
        assert names["connect"] is psycoxide.connect
        assert pickle.loads(pickle.dumps(psycopg.Column)) is psycoxide.Column
    """
    alias(program)


def test_unknown_modules_are_named(alias) -> None:
    program = """
        import psycopg
        try:
            import psycopg.no_such_module
        except ModuleNotFoundError as error:
            print(error)
    """
    assert alias(program) == "No module named 'psycopg.no_such_module'"


FAILING_CONNECT = """
try:
    connect(host="/no/such/folder")
except Exception as error:
    print(type(error).__name__, error)
"""


def test_defaults_become_those_of_libpq(alias) -> None:
    answer = alias("from psycopg import connect\n" + FAILING_CONNECT)
    assert answer.startswith("OperationalError")
    assert "5432" in answer and "5433" not in answer


def test_defaults_are_those_of_yugabytedb_by_its_own_name() -> None:
    answer = run("from psycoxide import connect\n" + FAILING_CONNECT)
    assert answer.startswith("OperationalError")
    assert "5433" in answer and "5432" not in answer


def test_a_second_call_does_nothing() -> None:
    program = """
        import sys
        import psycopg
        before = psycopg, list(sys.meta_path)
        psycoxide.install_as_psycopg()
        import psycopg as again
        assert (again, sys.meta_path) == before
    """
    run(INSTALL + dedent(program))


def test_the_real_psycopg_is_not_mixed_in(tmp_path: Path) -> None:
    (tmp_path / "psycopg").mkdir()
    (tmp_path / "psycopg" / "__init__.py").write_text("__version__ = 'real'\n")
    program = """
        import psycopg, psycoxide
        assert psycopg.__version__ == "real"
        try:
            psycoxide.install_as_psycopg()
        except ImportError as error:
            print(error.name, error)
        assert psycopg is __import__("psycopg")
    """
    answer = run(dedent(program), path=tmp_path)
    assert answer.startswith("psycopg psycopg is already imported, from ")
    assert str(tmp_path) in answer
    assert "before the first import of psycopg" in answer
