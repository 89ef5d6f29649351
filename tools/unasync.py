#!/usr/bin/env python3
"""Write python/psycoxide/_sync/ from python/psycoxide/_async/ by substituting words.

The classes of the two folders differ by `async` and `await` only, so they are written once, in
_async. The rule this file guards: nothing is decided here. What cannot be said by exchanging one
word for another belongs in `_base` or in Rust.

    tools/unasync.py            write the files
    tools/unasync.py --check    exit with status 1 if a file is not what would be written

Lines between `# unasync: remove` and `# unasync: end` are left out. Lines between
`# unasync: insert` and `# unasync: end` are comments in _async and code in _sync. A rule which
matches nothing in any file is an error: it has been forgotten here.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "python" / "psycoxide"
HEADER = "# Generated from ../_async/{name} by tools/unasync.py: edit that, then `make twins`.\n"

# Applied in this order; each pattern is tied to whole words. The last one takes every class which
# is named after its twin (AsyncCursor, AsyncIterator, ...), so exceptions come before it.
RULES = [
    (r"\basync (?=def\b|with\b)", ""),
    (r"\bawait[ \t]+", ""),
    (r"\b__a(enter|exit|iter|next)__\b", r"__\1__"),
    (r"\bAsyncGenerator\[(\w+), None\]", r"Generator[\1, None, None]"),
    (r"\bwait_async as wait\b", "wait"),
    (r"\bAsync(?=[A-Z])", ""),
]
COMPILED = [(re.compile(pattern, re.MULTILINE), replacement) for pattern, replacement in RULES]
MARKER = re.compile(r"^[ \t]*# unasync: (\w+)$")
INSERTED = re.compile(r"^([ \t]*)# ?(.*)$")


class UnasyncError(Exception):
    """The sources cannot be converted: the message says where and why."""


def apply_blocks(source: str, name: str) -> str:
    """Leave out the `remove` blocks and uncomment the `insert` blocks of `source`."""
    lines = []
    block = None
    for number, line in enumerate(source.splitlines(), 1):
        where = f"{name}:{number}"
        if marker := MARKER.match(line):
            kind = marker[1]
            if kind not in ("remove", "insert", "end"):
                raise UnasyncError(f"{where}: unknown marker {kind!r}")
            if (kind == "end") == (block is None):
                raise UnasyncError(f"{where}: {kind!r} without its counterpart")
            block = None if kind == "end" else kind
        elif block == "insert":
            if not (comment := INSERTED.match(line)):
                raise UnasyncError(f"{where}: only comments may stand in an insert block")
            lines.append((comment[1] + comment[2]).rstrip())
        elif block is None:
            lines.append(line)
    if block is not None:
        raise UnasyncError(f"{name}: a {block!r} block is not ended")
    return "\n".join(lines) + "\n"


def convert(source: str, name: str, used: set[str]) -> str:
    """Return the text of the _sync file for the _async file `name`.

    The patterns which matched are added to `used`.
    """
    text = apply_blocks(source, name)
    for pattern, replacement in COMPILED:
        text, count = pattern.subn(replacement, text)
        if count:
            used.add(pattern.pattern)
    # A block removed between two definitions leaves its blank lines behind.
    text = re.sub(r"\n{4,}", "\n\n\n", text)
    return HEADER.format(name=name) + text


def convert_all() -> dict[Path, str]:
    """Return every file of _sync with the text it has to have."""
    sources = sorted((PACKAGE / "_async").glob("*.py"))
    if not sources:
        raise UnasyncError(f"{PACKAGE / '_async'} holds no Python file")
    used: set[str] = set()
    texts = {
        PACKAGE / "_sync" / path.name: convert(path.read_text("utf-8"), path.name, used)
        for path in sources
    }
    if unused := [pattern for pattern, _ in RULES if pattern not in used]:
        raise UnasyncError(f"rules which match nothing (remove them): {', '.join(unused)}")
    return texts


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="write _sync/ from _async/")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    try:
        texts = convert_all()
    except UnasyncError as error:
        print(f"unasync: {error}", file=sys.stderr)
        return 1

    stale = sorted(set((PACKAGE / "_sync").glob("*.py")) - set(texts))
    changed = [p for p, text in texts.items() if not p.exists() or p.read_text("utf-8") != text]
    if check:
        for path in changed + stale:
            print(f"unasync: {path} is not up to date: run `make twins`", file=sys.stderr)
        return 1 if changed or stale else 0
    for path in changed:
        path.parent.mkdir(exist_ok=True)
        path.write_text(texts[path], "utf-8")
    for path in stale:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
