"""The benchmarks measure what they say: the same models on all sides, the same recipe, a table from numbers, rooflines."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from benchmarks import device, device_tables, peers, plain_jax, published, report, scale, starts, worker
from benchmarks.settings import FAST, LOSSES, PROBLEMS
from superposition_jax.config import run_config


@pytest.mark.parametrize("recipe", ["fast", "paper"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_engine_gets_the_problems_models(problem, recipe):
    this, (density, importance) = PROBLEMS[problem], PROBLEMS[problem].cells
    (group,) = run_config.load(this.overrides(recipe)).groups
    assert len(group.points) == this.models
    np.testing.assert_allclose(group.hparams.density[:, 0], np.repeat(density, this.seeds), rtol=1e-6)
    np.testing.assert_allclose(group.hparams.importance, np.repeat(importance, this.seeds, axis=0), rtol=1e-6)
    assert (group.spec.n_features, group.spec.n_hidden) == (this.n, this.m)


def test_plain_jax_times_what_it_says():
    density, importance = PROBLEMS["n=2, m=1"].cells
    assert plain_jax.seconds_a_step(density[:3], importance[:3], 1, steps=2) > 0


def test_published_losses_fit_their_problems():
    for problem in json.loads(published.PATH.read_text(encoding="utf-8")):
        losses, _ = published.losses(problem)
        assert len(losses) == len(PROBLEMS[problem].cells[0])
        assert np.all(losses > 0)


@pytest.mark.parametrize("problem", ["n=5, m=2", "n=2, m=1"])
def test_a_higher_loss_shows_as_one(problem):
    losses, _ = published.losses(problem)
    ours = peers.losses(problem, 1.1 * losses)
    np.testing.assert_allclose(ours["ratio"], 1.1)
    assert len(ours["density"]) == len(ours["ratio"]) == len(ours["error"])


def test_problems_differ_only_in_their_models():
    for name, this in PROBLEMS.items():
        for other in (FAST[name], LOSSES[name]):
            groups = [run_config.load(problem.overrides("fast")).groups for problem in (this, other)]
            assert [group.spec for group in groups[0]] == [group.spec for group in groups[1]]
    assert FAST["n=2, m=1"].models == 25_000
    assert LOSSES["n=2, m=1"].models == 4_000


@pytest.mark.parametrize("torch", [True, False])
def test_the_readme_and_the_figure_do_without_parts_that_did_not_run(torch, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    (tmp_path / "README.md").write_text(f"before\n{report._START}\nold\n{report._END}\nafter", encoding="utf-8")
    assert report.figure() is None
    run = {"models": 5, "seconds": 1.5, "parts": {"train": 0.5}, "peak_bytes": 3e8, "results_bytes": 2e6}
    report.write("diagrams", {"`a command`": run})
    report.write("peers", {"n=5, m=2": {**({"torch": {}} if torch else {}), "plain": {}}} if not torch else {})
    report.update_readme()
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| `a command` | 5 | 1.5 s | 0.5 s | 0.30 GB | 2.0 MB |" in text
    assert text.startswith("before\n")
    assert text.endswith("\nafter")
    assert "old" not in text


def test_the_table_holds_the_ratios():
    seconds = {"torch": 8.0, "plain": 16.0, "paper": 0.4}
    result = {name: {"seconds_a_model": {"median": value}} for name, value in seconds.items()}
    rest = ("seconds_a_model", "with_evaluation_and_saving", "with_process_start_and_compilation", "compile")
    result["fast"] = {name: {"median": value} for name, value in zip(rest, (0.004, 0.01, 0.1, 1.5), strict=True)}
    result |= {"losses": {"ratio": [0.99, 1.01], "error": [0.01, 0.02]}, "compile_again": 0.123}
    result |= {"models": 112, "fast_models": 25000}
    row = report.table({"n=5, m=2": result}).splitlines()[-1]
    assert row == (
        "| n=5, m=2, 112 models (25,000 by fast) | 8 s per model | 0.5× | 20× | 2,000× | 800× | 80× | 1.5 s, 0.12 s "
        "| 1.000, 1.010 ± 0.020 |"
    )


def test_losses_of_a_diagram_are_compared_cell_by_cell():
    """Where one cell of a density loses twice as much and another half, the geometric mean is 1."""
    theirs, _ = published.losses("n=2, m=1")
    cells = np.tile([2.0, 0.5], 200)[:, None]
    ours = peers.losses("n=2, m=1", theirs * cells)
    assert len(ours["ratio"]) == 20
    np.testing.assert_allclose(ours["ratio"], 1)
    np.testing.assert_allclose(ours["error"], np.log(2) / 19**0.5)


def test_a_step_has_the_operations_of_its_products_and_a_few_more():
    cost = scale.counted("n=20, m=5")
    assert 1 < cost["operations"] / cost["products"] < 3
    assert cost["state_bytes"] == 2 * 3 * 4 * (20 * 5 + 20)
    assert cost["bytes"] > cost["state_bytes"]


@pytest.mark.parametrize("chip", scale.CHIPS, ids=lambda chip: chip.name)
def test_the_ends_of_a_roofline_are_in_order_and_no_faster_than_the_peaks(chip):
    low, high = scale.seconds_a_step("n=20, m=5", chip)
    assert scale.counted("n=20, m=5")["products"] / chip.matrix <= low <= high


def test_words_for_times_and_sizes():
    assert scale._time(90) == "90 s"
    assert scale._time(3 * 365 * 86400) == "3 years"
    assert scale._bytes(1.19e12) == "1.19 TB"
    assert scale._number(7123.0) == "7,100"


@pytest.mark.slow
def test_torchs_recipe_finds_what_train_paper_finds():
    pytest.importorskip("torch")
    import superposition_jax
    from benchmarks import torch_recipe

    density, importance = np.repeat([1.0, 0.1], 8), np.tile(0.9 ** np.arange(5), (16, 1))
    theirs = torch_recipe.train(density, importance, 2, steps=3000, seed=0)
    losses = published.evaluate("n=5, m=2", density, importance, theirs.W, theirs.b).reshape(2, 8)
    given = ["model.n_features=5", "model.n_hidden=2", "data.importance.decay=0.9", "train=paper", "train.steps=3000"]
    axes = ["+sweep.axes.density={path: data.density, values: [1.0, 0.1]}", "+sweep.axes.seed={path: seed, range: 8}"]
    ours = superposition_jax.run([*given, *axes])["loss"].values
    error = np.hypot(losses.std(1, ddof=1), ours.std(1, ddof=1)) / np.sqrt(8)
    assert np.all(np.abs(losses.mean(1) - ours.mean(1)) < 4 * error + 1e-3 * ours.mean(1))


@pytest.mark.slow
def test_a_worker_is_a_process_of_its_own():
    run = worker.measure("engine", overrides=["model.n_features=3", "model.n_hidden=2", "train.steps=60"])
    assert run["models"] == 1
    assert run["process"] > run["all"] >= run["compile"] + run["train"] + run["evaluate"]
    with pytest.raises(RuntimeError, match="no such key"):
        worker.measure("engine", overrides=["model.size=3"])


def test_the_check_of_losses_is_right_and_its_error_honest():
    """Without weights a model loses I·E x² of every feature: p/3."""
    n, density = 20_000, np.array([0.5, 0.1])
    loss, stderr = device._sampled_loss(
        np.random.default_rng(0), density, np.array([1.0, 3.0]), np.zeros((1, 2)), np.zeros(2), inputs=2 * n
    )
    variance = sum(i * i * (p / 5 - (p / 3) ** 2) for i, p in zip((1, 3), density, strict=True))
    assert abs(loss - (0.5 / 3 + 0.1)) < 4 * stderr
    np.testing.assert_allclose(stderr, (variance / n) ** 0.5, rtol=0.05)


def test_a_chunk_that_does_not_fit_is_a_line_of_the_table(monkeypatch):
    def exhausted(*_):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory\nallocator's statistics")

    monkeypatch.setattr(device.limit, "Training", exhausted)
    rows = [*device.chunks(short=False, seconds=60)]
    assert all(row["failed"] == "RESOURCE_EXHAUSTED: Out of memory" for row in rows)
    assert {row["spec"] for row in rows} == {*device.SPECS}
    assert max(row["chunk"] / row["chosen"] for row in rows) == 1
    table = device_tables.tables({"peaks": [], "chunks": rows, "errors": {"peaks": "stopped after 9 s"}})
    assert f"| n=2, m=1 | {rows[0]['chunk']:,} | 1 | {rows[0]['failed']} |" in table
    assert table.endswith("peaks: stopped after 9 s")


def test_losses_of_a_gpu_are_compared_with_those_of_a_cpu(monkeypatch):
    row = {"spec": "n=20, m=5", "steps": 25, "z": [0.6, -0.8], "error": 0.01}

    def stream(what, limit, platform, part, **_):
        if part == "peaks":
            return [{"device": "1 gpu device", "platform": "gpu", "gigabytes": 4e3, "free": 1e9, "peaks": 1}], ""
        if part == "losses":
            return [row | {"precision": "default", "losses": [1.0, 2.0] if platform == "cpu" else [1.001, 2.0]}], ""
        return [], "traceback\nRuntimeError: no such device\n"

    monkeypatch.setattr(worker, "stream", stream)
    table = device_tables.tables(device.measure(short=False, seconds=10))
    assert "| n=20, m=5, 25 steps | default | 0.71 | 0.8 | 1.0e-02 | 1.0e-03, 5.0e-04 |" in table
    assert table.endswith(
        "commands: RuntimeError: no such device\n\nchunks: RuntimeError: no such device\n\nsizes: RuntimeError: no such device"
    )


def test_a_part_that_lasts_too_long_ends():
    rows, error = worker.stream("device", limit=0.1, part="sizes", short=True, seconds=60)
    assert (rows, error) == ([], "stopped after 0 s")


@pytest.mark.slow
def test_a_device_is_measured(tmp_path):
    done = subprocess.run([sys.executable, "-m", "benchmarks.device", "--short"], capture_output=True, text=True, check=True)
    *_, table = done.stdout.split("\n\n")
    assert "cpu device" in done.stdout
    assert all(f"{part}: 0 measured" not in done.stderr for part in device.PARTS)
    assert "| n=5 | " in table


def test_cells_that_miss_their_best_by_seeds_drawn_at_random():
    """Against draws of seeds: ten of one scale, or five of each of two."""
    rng = np.random.default_rng(0)
    by_scale = {1.0: rng.choice([1, 2], (30, 20), p=[0.1, 0.9]), 2.0: rng.choice([1.0005, 1.01], (30, 20), p=[0.05, 0.95])}
    by_scale[1.0][:, 0] = 1  # the best
    draws = {(1.0,): [(1.0, 10)], (2.0,): [(2.0, 10)], (1.0, 2.0): [(1.0, 5), (2.0, 5)]}
    for scales, expected in starts.missed(by_scale).items():
        counts = []
        for _ in range(2000):
            drawn = [rng.permutation(by_scale[scale], axis=1)[:, :seeds] for scale, seeds in draws[scales]]
            counts.append(np.sum(np.concatenate(drawn, axis=1).min(axis=1) > 1.001))
        assert abs(np.mean(counts) - expected) < 4 * np.std(counts) / 2000**0.5
