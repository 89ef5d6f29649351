"""tools/unasync.py: the words it exchanges, the blocks it knows, and what it refuses."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "unasync.py"
spec = importlib.util.spec_from_file_location("unasync", TOOL)
assert spec is not None and spec.loader is not None
unasync = importlib.util.module_from_spec(spec)
spec.loader.exec_module(unasync)


def convert(source: str) -> str:
    text = unasync.convert(source, "x.py", set())
    header, _, body = text.partition("\n")
    assert "_async/x.py" in header and "tools/unasync.py" in header
    return body


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("async def f(self): await self.g()", "def f(self): self.g()"),
        ("async with block:", "with block:"),
        ("def __aenter__(self) -> AsyncCursor[Row]:", "def __enter__(self) -> Cursor[Row]:"),
        ("AsyncIterator[Row]", "Iterator[Row]"),
        ("awaited = Asynchronous", "awaited = Asynchronous"),
    ],
)
def test_words(source: str, expected: str) -> None:
    assert convert(source + "\n") == expected + "\n"


def test_blocks() -> None:
    source = """\
a = 1
# unasync: remove
b = 2
# unasync: end
class C:
    # unasync: insert
    # @property
    # def d(self):
    #     return 4
    # unasync: end
    e = 5
"""
    assert convert(source) == (
        "a = 1\nclass C:\n    @property\n    def d(self):\n        return 4\n    e = 5\n"
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("# unasync: remove\na = 1\n", "x.py: a 'remove' block is not ended"),
        ("# unasync: end\n", "x.py:1: 'end' without its counterpart"),
        ("# unasync: remove\n# unasync: insert\n", "x.py:2: 'insert' without its counterpart"),
        ("# unasync: keep\n", "x.py:1: unknown marker 'keep'"),
        ("# unasync: insert\na = 1\n# unasync: end\n", "x.py:2: only comments may stand"),
    ],
)
def test_mistakes_are_named(source: str, message: str) -> None:
    with pytest.raises(unasync.UnasyncError, match=message):
        convert(source)


def test_a_rule_that_matches_nothing_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "_async").mkdir()
    (tmp_path / "_async" / "x.py").write_text("async def f(): ...\n")
    monkeypatch.setattr(unasync, "PACKAGE", tmp_path)
    with pytest.raises(unasync.UnasyncError, match="rules which match nothing"):
        unasync.convert_all()
