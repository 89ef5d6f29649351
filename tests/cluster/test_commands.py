"""`python -m psycoxide nodes` and `demo-cluster`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from psycoxide import cluster, local
from psycoxide.__main__ import main
from psycoxide._nodes import look, to_table
from psycoxide.conninfo import make_conninfo
from support.cluster import GUARDED, Rig

pytestmark = pytest.mark.cluster


def test_table(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.use(["aws.west.a", "aws.west.b/read_replica", "aws.east.a"])
    rig.connect(4, load_balance="only-primary")
    rig.node(3).stop()
    assert main(["nodes", rig.cluster.dsn]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert " ".join(heading.split()) == "NODE PLACEMENT TYPE STATE CONNECTIONS LATENCY"
    port = rig.cluster.port
    first, second, third = (line.split() for line in lines[:3])
    assert first[:5] == [f"127.0.0.1:{port}", "aws.west.a", "primary", "up", "2"]
    assert float(first[5]) > 0 and first[6] == "ms"
    assert second[:5] == [f"127.0.0.2:{port}", "aws.west.b", "read_replica", "up", "0"]
    assert third == [f"127.0.0.3:{port}", "aws.east.a", "primary", "down", "-", "-"]
    assert lines[3].endswith("2 of 3 nodes up")
    assert lines[4].startswith(f"127.0.0.3:{port}: ") and "refused" in lines[4]


def test_json(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nodes", rig.cluster.dsn, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["cluster"] == rig.node(1).universe_uuid
    assert report["static"] is False
    assert [node["uuid"] for node in report["nodes"]] == [n.uuid for n in rig.cluster.nodes]
    assert {node["state"] for node in report["nodes"]} == {"up"}


def test_plain_server(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nodes", dsn]) == 0
    output = capsys.readouterr().out
    assert "plain PostgreSQL servers, as configured: 1 of 1 nodes up" in output


def test_no_server(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.node(1).stop()
    assert main(["nodes", rig.cluster.dsn]) == 1
    assert "refused" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more",
    [
        "target_session_attrs=standby",  # None is, and all can be looked at.
        "yb_use_public_ip=true",
        "yb_address_map=203.0.113.1=127.0.0.1,203.0.113.2=127.0.0.2,203.0.113.3=127.0.0.3",
    ],
)
def test_nodes_are_reached_as_connections_are(
    rig: Rig, capsys: pytest.CaptureFixture[str], more: str
) -> None:
    if "session" not in more:
        rows = [dict(node._row()) for node in rig.cluster.nodes]
        for number, row in enumerate(rows, 1):
            row["host"], row["public_ip"] = f"203.0.113.{number}", row["host"]
        rig.cluster.publish(rows)
    assert main(["nodes", f"{rig.cluster.dsn} {more}", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [node["state"] for node in report["nodes"]] == ["up"] * 3, report


def test_connections_are_counted_for_anybody(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    """Also for a user who may not look at the sessions of others."""
    rig.connect(6)
    dsn = {**rig.cluster.conninfo, **GUARDED}
    assert main(["nodes", make_conninfo(**dsn), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [node["connections"] for node in report["nodes"]] == [2, 2, 2]


@pytest.mark.parametrize("mode", [[], ["--watch"]])
@pytest.mark.parametrize(
    "dsn",
    [
        "host=127.0.0.1 password=geheim=1 x",
        "postgresql://u:geheim@[::1",
        "postgresql://u:p%zzgeheim@h/",
        "password=geheim topology_keys=x",
        "password=geheim load_balance=maybe",
        "host=\udcffgeheim",
    ],
)
def test_bad_connection_string(
    capsys: pytest.CaptureFixture[str], dsn: str, mode: list[str]
) -> None:
    """It is said once, and without what is secret."""
    assert main(["nodes", dsn, *mode]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("nodes: ") and len(output.err.splitlines()) == 1
    assert "geheim" not in output.err


def test_narrow_screen(rig: Rig) -> None:
    """What matters most stays, and nothing is wrapped."""
    known = cluster.get(rig.cluster.dsn)
    rows = look(known, rig.cluster.dsn)
    heading, *lines = to_table(known, rows, 40).splitlines()
    assert heading.split() == ["NODE", "STATE", "CONNECTIONS"]
    assert all(" up " in line for line in lines[:3])
    for width in (1, 20, 40, 60, 80):
        assert all(len(line) <= width for line in to_table(known, rows, width).splitlines()[:4])


def test_what_a_server_says_is_no_order_to_the_terminal(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.get(rig.cluster.dsn)
    rig.node(2).refuse("53300", "too many\x1b[2J\x07 of you")
    assert main(["nodes", rig.cluster.dsn]) == 0
    output = capsys.readouterr().out
    assert "too many" in output and output.isascii() is False
    assert "\x1b" not in output and "\x07" not in output


def test_reader_that_goes_away(rig: Rig) -> None:
    command = [sys.executable, "-m", "psycoxide", "nodes", rig.cluster.dsn, "--watch", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 1
        assert process.stderr.read() == ""


def test_interrupted(rig: Rig) -> None:
    command = [sys.executable, "-m", "psycoxide", "nodes", rig.cluster.dsn, "--watch"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline().startswith("NODE"), "no orders to what is no terminal"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""


def test_watch(rig: Rig) -> None:
    command = [sys.executable, "-m", "psycoxide", "nodes", rig.cluster.dsn, "--watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert len(json.loads(process.stdout.readline())["nodes"]) == 3
        rig.cluster.add("cloud.region.d")
        assert len(json.loads(process.stdout.readline())["nodes"]) == 4
        process.terminate()


def test_demonstration(
    session_rig: local.Cluster,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PSYCOXIDE_PG_BIN", str(session_rig.binaries.bin))
    assert main(["demo-cluster"]) == 0
    output = capsys.readouterr().out
    assert "stand in for a YugabyteDB cluster" in output
    chapters = output.split("\n\n")
    assert "".join(chapters).count("####\n") >= 3
    assert "8 answered, 4 were lost" in output
    assert f"zone b  127.0.0.2     6  {'#' * 6}" in output
    assert os.linesep + "connections lost: 4" in output
