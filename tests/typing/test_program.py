"""What users' type checkers see of the package."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import psycoxide

HERE = Path(__file__).parent


def test_the_package_says_that_it_is_typed() -> None:
    package = Path(psycoxide.__file__).parent
    assert (package / "py.typed").is_file()
    assert (package / "_core.pyi").is_file()


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_a_users_program_has_the_types_it_expects(tmp_path: Path) -> None:
    """Everything is as `assert_type` says, and what is marked as wrong is wrong."""
    command = [sys.executable, "-m", "mypy", "--strict", "--warn-unreachable"]
    # No configuration: a user has none of ours. The cache is kept, apart from that of the sources.
    command += ["--config-file=", f"--cache-dir={tmp_path}", "--no-incremental"]
    done = subprocess.run(
        [*command, str(HERE / "program.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
