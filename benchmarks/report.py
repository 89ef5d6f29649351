"""The tables of a run: medians, spread, rates, ratios and how far the targets are."""

from __future__ import annotations

import statistics
from typing import Any

from .workloads import TARGETS, WORKLOADS

Results = dict[str, dict[str, list[dict[str, Any]]]]
"""Workload -> variant -> one result per round, as `Run.result`, or with an "error"."""


def cpu(results: list[dict[str, Any]]) -> float | None:
    """Return the median client CPU per operation in microseconds, or None if there is none."""
    values = [r["cpu"] / r["operations"] * 1e6 for r in results if "cpu" in r]
    return statistics.median(values) if values else None


def number(value: float) -> str:
    """Return `value` with four digits, and not in powers of ten."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def markdown(results: Results, environment: dict[str, Any]) -> str:
    """Return the whole report."""
    lines = ["# Benchmark", ""]
    lines += [f"- {name}: {value}" for name, value in environment.items()]
    for workload in WORKLOADS:
        if workload.name in results:
            lines += ["", f"## {workload.name}: {workload.what}", ""]
            lines += _table(results[workload.name], workload.unit)
    lines += _targets(results)
    return "\n".join(lines) + "\n"


def _table(variants: dict[str, list[dict[str, Any]]], unit: str) -> list[str]:
    medians = {name: value for name, runs in variants.items() if (value := cpu(runs)) is not None}
    peers = [value for name, value in medians.items() if not name.startswith("psycoxide")]
    best = min(peers, default=None)
    lines = [
        f"| driver | client CPU, µs per {unit} | least – most | {unit}s/s | MiB | to best peer |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, median in sorted(medians.items(), key=lambda item: item[1]):
        runs = [run for run in variants[name] if "cpu" in run]
        each = [run["cpu"] / run["operations"] * 1e6 for run in runs]
        rate = statistics.median(run["operations"] / run["wall"] for run in runs)
        peaks = [run["memory"] for run in runs if run["memory"] is not None]
        memory = number(statistics.median(peaks)) if peaks else ""
        ratio = f"{median / best:.2f}×" if best else ""
        lines.append(
            f"| {name} | {number(median)} | {number(min(each))} – {number(max(each))}"
            f" | {number(rate)} | {memory} | {ratio} |"
        )
    for name, runs in variants.items():
        if error := next((run["error"] for run in runs if "error" in run), None):
            lines.append(f"| {name} | failed: {error} | | | | |")
    return lines


def _targets(results: Results) -> list[str]:
    lines = []
    for target in TARGETS:
        variants = results.get(target.workload, {})
        ours, peers = (
            [value for name in names if (value := cpu(variants.get(name, []))) is not None]
            for names in (target.ours, target.peers)
        )
        if not ours or (target.peers and not peers):
            continue
        if peers:
            value, unit = min(ours) / min(peers), "×"
        else:
            value, unit = min(ours), " µs"
        verdict = "reached" if value <= target.limit else "missed"
        lines.append(
            f"| {target.workload} | {target.ours[0]} | {target.against}"
            f" | {number(value)}{unit} | ≤ {target.limit:,g}{unit} | {verdict} |"
        )
    if not lines:
        return []
    head = ["", "## Targets (client CPU)", "", "| workload | ours | against | is | target | |"]
    return [*head, "|---|---|---|--:|--:|---|", *lines]
