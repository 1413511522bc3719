"""The tables of `benchmarks.device`, as Markdown."""

import itertools
import platform
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from benchmarks.report import markdown


def tables(results: dict[str, Any]) -> str:
    """All parts that measured something, as Markdown, and a line for each that did not end."""
    versions = f"JAX {jax.__version__}, Python {platform.python_version()}"
    parts = [f"{results['peaks'][0]['device'] if results['peaks'] else 'unknown devices'}, {versions}"]
    parts += [draw(results) for part, draw in _TABLES.items() if results.get(part)]
    return "\n\n".join([*parts, *(f"{part}: {error}" for part, error in results["errors"].items())])


def _peaks(results: dict[str, Any]) -> str:
    device, *products = results["peaks"]
    rows = [[p["precision"], f"{p['gflops']:,.0f}", f"{p['error']:.1e}"] for p in products]
    copy = f"A copy: {device['gigabytes']:,.0f} GB/s. Free memory: {device['free'] / 2**30:.3g} GiB."
    return markdown(["product (the engine: default)", "GFLOP/s", "relative error"], rows) + "\n\n" + copy


def _losses(results: dict[str, Any]) -> str:
    columns = ["losses of 16 models", "product", "rms z", "largest z", "error of the check", "from a CPU: largest, median"]
    cpu = {(row["spec"], row["steps"]): row["losses"] for row in results.get("losses on a CPU", results["losses"])}
    rows = []
    for row in results["losses"]:
        z, theirs = np.abs(row["z"]), cpu.get((row["spec"], row["steps"]), np.nan)
        apart = np.abs(np.array(row["losses"]) / theirs - 1)
        checks = [f"{np.mean(z**2) ** 0.5:.2f}", f"{z.max():.1f}", f"{row['error']:.1e}"]
        rows.append(
            [f"{row['spec']}, {row['steps']} steps", row["precision"], *checks, f"{apart.max():.1e}, {np.median(apart):.1e}"]
        )
    return markdown(columns, rows)


def _commands(results: dict[str, Any]) -> str:
    columns = ["command, compiling afresh", "models", "start to end", "compile", "train", "evaluate"]
    rows = []
    for run in results["commands"]:
        taken = (run["seconds"], *map(run["parts"].get, columns[3:])) if "parts" in run else ()
        numbers = [f"{run['models']:,}", *(f"{seconds:.1f} s" for seconds in taken)] if taken else ["", run["failed"], *[""] * 3]
        rows.append([run["command"], *numbers])
    return markdown(columns, rows)


def _throughput(results: dict[str, Any], part: str) -> str:
    columns = ["", "models at once on a device", "of the choice", "model-steps/s", "a step", "share of product peak, copy peak"]
    columns += ["compile", "memory", "evaluation of a model"]
    device, product, *_ = [*results["peaks"], {}, {}]
    gflops, gigabytes = (
        device.get("peaks", 1) * peak for peak in (product.get("gflops", np.nan), device.get("gigabytes", np.nan))
    )
    rows = []
    for name, of_spec in itertools.groupby(results[part], lambda row: row["spec"]):
        ordered = sorted(of_spec, key=lambda row: row["chunk"])
        best = min(row.get("seconds_a_step", np.inf) for row in ordered)
        for row in ordered:
            cells = [name, f"{row['chunk']:,}", f"{row['chunk'] / row['chosen']:.3g}"]
            if "failed" in row:
                rows.append([*cells, row["failed"], *[""] * 5])
                continue
            rate = f"{1 / row['seconds_a_step']:,.0f}"
            shares = f"{row['gflops'] / gflops:.1%}, {row['gigabytes'] / gigabytes:.0%}"
            took = "" if row["evaluation"] is None else f"{1e6 * row['evaluation']:,.0f} µs"
            rate = f"**{rate}**" if row["seconds_a_step"] == best and len(ordered) > 1 else rate
            cells += [rate, f"{1e6 * row['seconds_a_tile']:,.0f} µs", shares, f"{row['compile']:.1f} s"]
            rows.append([*cells, f"{row['bytes'] / 2**20:,.0f} MiB", took])
    return markdown(columns, rows)


_TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "peaks": _peaks,
    "losses": _losses,
    "commands": _commands,
    "chunks": lambda results: _throughput(results, "chunks"),
    "sizes": lambda results: _throughput(results, "sizes"),
}
