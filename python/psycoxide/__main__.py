"""`python -m psycoxide`: the command line. Each command is imported when it is asked for."""

from __future__ import annotations

import argparse
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m psycoxide",
        description="A PostgreSQL and YugabyteDB YSQL driver: psycopg 3's interface, a Rust core.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="run the statements of YugabyteDB's psycopg page, one by one",
        description="Runs the statements of YugabyteDB's page about psycopg 3, one by one, and"
        " prints each with its result. Without DSN it starts a throw-away PostgreSQL.",
    )
    demo.add_argument(
        "dsn", metavar="DSN", nargs="?", help="the connection string of a server to use instead"
    )
    options = parser.parse_args(arguments)

    if options.version:
        from . import __version__

        print(f"psycoxide {__version__}")
        return 0
    if options.command == "demo":
        from ._demo import run

        return run(options.dsn)
    parser.print_help()
    return 2


if __name__ == "__main__":
    sys.exit(main())
