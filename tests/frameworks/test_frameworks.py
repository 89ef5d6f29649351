"""Frameworks on psycoxide under psycopg's name: small programs, each in its own process."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from psycoxide import local

HERE = Path(__file__).parent


def run(program: str, *arguments: str) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", str(HERE / program), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "ResourceWarning" not in result.stderr, result.stderr


def needs(*modules: str) -> pytest.MarkDecorator:
    """Leave a test out where a module is missing, and say so."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


@needs("sqlalchemy", "greenlet")
@pytest.mark.full_server
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_sqlalchemy(server: local.Server, kind: str) -> None:
    run("with_sqlalchemy.py", kind, server.dsn)


@needs("pandas", "sqlalchemy")
def test_pandas(server: local.Server) -> None:
    run("with_pandas.py", server.dsn)


@needs("django")
@pytest.mark.full_server
def test_django(server: local.Server, tmp_path: Path) -> None:
    run("with_django.py", server.dsn, str(tmp_path))
