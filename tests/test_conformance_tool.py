"""tools/conformance.py: which tests of psycopg's suite are expected to fail."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "conformance.py"
spec = importlib.util.spec_from_file_location("conformance_tool", TOOL)
assert spec is not None and spec.loader is not None
conformance = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conformance)

TEXT = """\
# A comment.

tests/test_a.py::test_one  # a reason
tests/test_b*.py::Test::test_*_two  # another
tests/test_c.py::test_three[x-1]  # for one parameter
tests/test_d.py  # a whole file
"""


@pytest.mark.parametrize(
    ("test", "pattern"),
    [
        ("tests/test_a.py::test_one", "tests/test_a.py::test_one"),
        ("tests/test_a.py::test_one[a-b]", "tests/test_a.py::test_one"),
        ("tests/test_a.py::test_one_more", None),
        ("tests/test_a.py", None),
        ("tests/test_bc.py::Test::test_x_two[1]", "tests/test_b*.py::Test::test_*_two"),
        ("tests/test_c.py::test_three[x-1]", "tests/test_c.py::test_three[x-1]"),
        ("tests/test_c.py::test_three[x-2]", None),
        ("tests/test_d.py", "tests/test_d.py"),
        ("tests/test_d.py::test_any", None),
    ],
)
def test_expectations(test, pattern):
    assert conformance.Expectations(TEXT).matching(test) == pattern


@pytest.mark.parametrize("line", ["tests/test_a.py::test_one", "tests/test_a.py::test_one  #"])
def test_each_has_a_reason(line):
    with pytest.raises(SystemExit, match=":1: `test  # reason` is expected"):
        conformance.Expectations(line)


def test_ours_can_be_read():
    expectations = conformance.Expectations(conformance.EXPECTATIONS.read_text("utf-8"))
    assert all(pattern.startswith("tests/") for pattern in expectations.reasons)


def test_wants_a_checkout_of_psycopg(tmp_path):
    result = subprocess.run([sys.executable, TOOL, tmp_path], capture_output=True, text=True)
    assert result.returncode == 1
    assert "is it a checkout of it?" in result.stderr
