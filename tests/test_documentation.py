"""The Python examples of README.md and docs/ run as they are written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from psycoxide import local

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples() -> list[object]:
    """Return the examples of each page; those that need TLS are for a full server, those that need
    OpenTelemetry for who has it.
    """
    full = pytest.mark.full_server
    otel = pytest.mark.skipif(find_spec("opentelemetry") is None, reason="needs opentelemetry-sdk")
    return [
        pytest.param(
            match[1],
            id=f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}",
            marks=[full] * ("tls=True" in match[1]) + [otel] * ("opentelemetry" in match[1]),
        )
        for page in PAGES
        for text in [page.read_text("utf-8")]
        for match in BLOCK.finditer(text)
    ]


@pytest.mark.parametrize("example", examples())
def test_example(example: str, server: local.Server) -> None:
    variables = {f"PG{name.upper()}": value for name, value in server.conninfo.items()}
    variables["PGDATABASE"] = variables.pop("PGDBNAME")
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", example],
        capture_output=True,
        text=True,
        env=os.environ | variables,
    )
    assert result.returncode == 0, result.stderr
