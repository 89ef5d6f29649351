"""`python -m psycoxide nodes` and `demo-cluster`."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from psycoxide import local
from psycoxide.__main__ import main
from support.cluster import Rig

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
