"""psycoxide.cluster.register_otel(): the numbers of the clusters in OpenTelemetry's hands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import psycoxide
from psycoxide import cluster, local

export = pytest.importorskip("opentelemetry.sdk.metrics.export")
sdk = pytest.importorskip("opentelemetry.sdk.metrics")


@pytest.fixture(scope="module")
def rig(start_cluster: Any) -> Iterator[local.Cluster]:
    with start_cluster(["c.r.a", "c.r.b", "c.s.c/read_replica"]) as running:
        yield running
    cluster.forget()


@pytest.fixture
def reader() -> Iterator[Any]:
    """What exports; `psycoxide.cluster` is registered, and knows of no cluster."""
    cluster.forget()
    reader = export.InMemoryMetricReader()
    provider = sdk.MeterProvider([reader])
    cluster.register_otel(provider.get_meter("psycoxide"))
    yield reader
    provider.shutdown()


def collect(reader: Any) -> dict[str, Any]:
    """What an exporter gets: metrics by their names."""
    data = reader.get_metrics_data()
    if data is None:
        return {}
    (resource,) = data.resource_metrics
    (scope,) = resource.scope_metrics
    assert scope.scope.name == "psycoxide"
    return {metric.name: metric for metric in scope.metrics}


def samples(metric: Any, *labels: str) -> dict[Any, Any]:
    """The numbers by these attributes."""
    points = metric.data.data_points
    return {tuple(point.attributes[label] for label in labels): point.value for point in points}


def test_numbers_are_those_of_metrics(rig: local.Cluster, reader: Any) -> None:
    conns = [psycoxide.connect(rig.dsn, load_balance="true") for _ in range(6)]
    # The time of the first list is not told: that was part of a connect.
    assert conns[0].info.cluster is not None
    conns[0].info.cluster.refresh()
    (snapshot,) = cluster.metrics()
    found = collect(reader)
    key = snapshot["cluster"]
    for name in cluster._COUNTERS:
        metric = found.pop(f"psycoxide.cluster.{name}")
        assert metric.data.is_monotonic
        assert samples(metric, "cluster") == {(key,): snapshot[name]}
    age, took = (
        found.pop("psycoxide.cluster.refresh_age"),
        found.pop("psycoxide.cluster.refresh_time"),
    )
    assert age.unit == took.unit == "s"
    assert samples(age, "cluster")[key,] >= snapshot["refresh_age"]
    assert samples(took, "cluster") == {(key,): snapshot["refresh_time"]}
    for name, of_node, unit in [
        ("connections", "live", "{connection}"),
        ("connecting", "connecting", "{connection}"),
        ("connects", "connects", "{connection}"),
        ("failures", "failures", "{attempt}"),
        ("connect_time", "latency", "s"),
        ("drained", "drained", "1"),
        ("listed", "listed", "1"),
    ]:
        metric = found.pop(f"psycoxide.node.{name}")
        assert metric.unit == unit
        assert metric.description
        expected = {
            (key, node["node"], node["placement"], node["node_type"]): node[of_node]
            for node in snapshot["nodes"]
        }
        assert samples(metric, "cluster", "node", "placement", "node_type") == expected
    assert set(samples(found.pop("psycoxide.node.breaker"), "node").values()) == {0}
    assert not found, "nothing else"
    for conn in conns:
        conn.close()


def test_they_follow_what_happens(rig: local.Cluster, reader: Any) -> None:
    node = f"{rig.node(2).host}:{rig.node(2).port}"

    def numbers(name: str) -> Any:
        return samples(collect(reader)[f"psycoxide.node.{name}"], "node")[node,]

    with psycoxide.connect(rig.dsn, load_balance="true", topology_keys="c.r.b") as conn:
        assert numbers("connections") == 1
        found = conn.info.cluster
        assert found is not None
        found.drain(node)
        assert numbers("drained") == 1
        found.undrain(node)
    assert numbers("connections") == 0
    assert numbers("drained") == 0
    cluster.forget()
    assert all(not metric.data.data_points for metric in collect(reader).values())


def test_what_is_not_known_yet_is_left_out(rig: local.Cluster, reader: Any) -> None:
    """Nobody has connected to some of the nodes, so nobody knows how long that takes."""
    cluster.forget()
    cluster.get(rig.dsn)
    found = collect(reader)
    (snapshot,) = cluster.metrics()
    known = {(node["node"],) for node in snapshot["nodes"] if node["latency"] is not None}
    assert len(known) < 3
    timed = found.get("psycoxide.node.connect_time")
    assert (set(samples(timed, "node")) if timed is not None else set()) == known
    assert len(samples(found["psycoxide.node.connections"], "node")) == 3


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_is_imported_before() -> None:
    program = "import sys; from psycoxide import cluster; print('opentelemetry' in sys.modules)"
    assert run(program) == "False\n"


def test_without_the_package() -> None:
    program = """
import sys
from psycoxide import cluster
sys.modules["opentelemetry"] = None
try:
    cluster.register_otel()
except ImportError as ex:
    print(ex)
"""
    assert "needs the package opentelemetry-api, which is not installed" in run(program)


def test_the_global_provider() -> None:
    program = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
import psycoxide
from psycoxide import cluster
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
cluster.register_otel()
with psycoxide.local.cluster(1) as rig, psycoxide.connect(rig.dsn, load_balance="true"):
    (resource,) = reader.get_metrics_data().resource_metrics
    (scope,) = resource.scope_metrics
    assert scope.scope.version == psycoxide.__version__
    print(scope.scope.name, len(scope.metrics))
"""
    program = program.replace("import psycoxide\n", "import psycoxide\nimport psycoxide.local\n")
    name, count = run(program).split()
    assert (name, int(count) >= 20) == ("psycoxide", True)
