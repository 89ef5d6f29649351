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
    commands.add_parser(
        "demo-cluster",
        help="show load balancing, a zone that fails and returns, and a node that joins",
        description="Starts PostgreSQL servers that stand in for a YugabyteDB cluster, and shows"
        " what the driver does while they fail and return. It takes less than half a minute.",
    )
    nodes = commands.add_parser(
        "nodes",
        help="show the nodes of a cluster: placement, state, connections, latency",
        description="Shows the nodes of a YugabyteDB cluster. Each is connected to, to see whether"
        " and how fast it answers and how many connections of users it has. Plain PostgreSQL"
        " servers are shown as they are configured.",
    )
    nodes.add_argument("dsn", metavar="DSN", help="the connection string of any of the nodes")
    nodes.add_argument("--watch", action="store_true", help="look again every two seconds")
    nodes.add_argument("--json", action="store_true", help="write one line of JSON instead")
    options = parser.parse_args(arguments)

    if options.version:
        from . import __version__

        print(f"psycoxide {__version__}")
        return 0
    if options.command == "demo":
        from ._demo import run

        return run(options.dsn)
    if options.command == "demo-cluster":
        from ._demo_cluster import run as run_demo_cluster

        return run_demo_cluster()
    if options.command == "nodes":
        from ._nodes import run as run_nodes

        return run_nodes(options.dsn, watch=options.watch, as_json=options.json)
    parser.print_help()
    return 2


if __name__ == "__main__":
    sys.exit(main())
