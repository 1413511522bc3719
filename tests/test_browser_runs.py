"""Pages of all kinds of runs, large and strange ones too, on screens of all sizes."""

import time

import numpy as np
import pytest
from browser import headings, point, row, settle

import superposition_jax

pytestmark = pytest.mark.browser


def test_what_a_run_says_cannot_act(visit, sweep, tmp_path):
    bad = "</script><script>document.title = 'acted'</script><!--<script>{{content}}"
    dataset = sweep[0].assign_attrs(name=bad, findings=bad)
    dataset["loss"] = dataset["loss"].assign_attrs(long_name=bad)
    text = superposition_jax.explore(dataset, tmp_path / "bad.html").html
    assert text.count("</script") == 3
    page = visit(tmp_path / "bad.html", "#measure=loss")
    settle(page)
    assert page.title() != "acted"
    assert page.locator("h1").inner_text() == bad
    assert page.locator("#findings").inner_text() == bad


_FOREIGN = "#x=none&y=%00&at=rate:99,foo:1&pin=sparsity:-1&time=1e9&feature=-3"


@pytest.mark.parametrize("hash", [_FOREIGN, "#%E0%A4%A", "#cursor=sparsity:x", "#measure=constructor"])
def test_links_of_other_pages_do_no_harm(visit, sweep, hash):
    assert len(headings(visit(sweep[1], hash))) >= 1


def test_values_are_as_hydra_reads_them(visit, sweep):
    page = visit(sweep[1])
    for value, words in ((None, "null"), (True, "true"), ([1, [2.5, "a"]], "[1,[2.5,a]]"), (1e-8, "1e-8")):
        assert page.evaluate("value => written(value)", value) == words


def test_seeds_may_be_an_axis(visit, sweep):
    dataset, file = sweep
    page = visit(file, "#x=sparsity&y=rate&at=decay:1&measure=loss&cursor=sparsity:2,rate:1,decay:1")
    page.locator("#y").select_option("seed")
    settle(page)
    assert page.locator("#at-rate").input_value() == "1", "an axis that leaves the map stays where the cursor was"
    point(page, 3, 2)
    assert "seed = 2" in headings(page)[0]
    expected = float(dataset["loss"].isel(sparsity=3, rate=1, decay=1, seed=2))
    assert page.locator("#readout").inner_text().endswith(f"loss: {row(page, 'loss')}")
    assert float(row(page, "loss")) == pytest.approx(expected, rel=1e-3)


def test_cells_of_which_some_seeds_failed_say_so(visit, sweep, tmp_path):
    dataset = sweep[0].copy(deep=True)
    dataset["status"][{"sparsity": 2, "rate": 1, "decay": 0, "seed": slice(0, 3)}] = 2
    superposition_jax.explore(dataset, tmp_path / "part.html")
    page = visit(tmp_path / "part.html", "#x=sparsity&y=rate&measure=loss&cursor=sparsity:2,rate:1,decay:0&at=decay:0")
    settle(page)
    assert "1 of 4 seeds trained" in page.locator(".state").inner_text()
    assert row(page, "ok seeds") == "1"
    point(page, 1, 2)
    assert "diverged at step" in page.locator(".state").inner_text()
    assert not page.locator(".directions").first.is_visible()
    assert page.locator(".curve").first.is_visible()


@pytest.mark.parametrize("name", ["privileged", "untied"])
def test_snapshots_of_models_with_neurons_measure_as_the_engine(visit, tmp_path, name):
    given = [f"model={name}", "model.n_features=6", "model.n_hidden=5", "train.steps=50", "train.snapshots=4"]
    dataset = superposition_jax.run([*given, "+sweep.axes.seed={path: seed, range: 2}"], directory=tmp_path)
    page = visit(tmp_path / "explorer.html", "#cursor=seed:1&x=seed")
    page.evaluate("state.time = times.length - 1")
    found = page.evaluate("geometryAt({ seed: 1 })")
    for measure in ("feature_norm", "superposition", "dimensionality"):
        np.testing.assert_allclose(found[measure], dataset[measure].isel(seed=1), rtol=0.01, atol=0.01, err_msg=measure)
    w, out = ((dataset["W"],) * 2) if name == "privileged" else (dataset["W_in"], dataset["W_out"])
    np.testing.assert_allclose(found["gram"], out.isel(seed=1).T.values @ w.isel(seed=1).values, rtol=0.01, atol=0.01)


def test_many_features_turn_fast(visit, tmp_path):
    given = ["model.n_features=400", "model.n_hidden=30", "train.steps=5", "train.batch_size=8"]
    superposition_jax.run(given, directory=tmp_path)
    page = visit(tmp_path / "explorer.html")
    settle(page)
    spent = page.evaluate(
        """() => {
          const began = performance.now();
          for (let k = 0; k < 5; k++) drawPanels();
          return (performance.now() - began) / 5;
        }"""
    )
    assert spent < 100, "milliseconds a drawing"


def test_phones_need_not_scroll_sideways(visit, sweep):
    page = visit(sweep[1], viewport={"width": 390, "height": 800}, is_mobile=True, has_touch=True)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.locator("#map").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5)
    assert headings(page)[0].startswith("A: ")


def test_one_axis_is_a_plot_and_one_model_a_panel(visit, tmp_path):
    superposition_jax.run(["sweep=sparsity", "train.steps=30", "sweep.axes.seed.range=2"], directory=tmp_path / "line")
    page = visit(tmp_path / "line" / "explorer.html")
    point(page, 2)
    assert "1 − S = 0.1" in headings(page)[0]
    for name, seeds in (("seeds", 2), ("seed", 1)):
        given = ["train.steps=30", f"+sweep.axes.seed={{path: seed, range: {seeds}}}"]
        superposition_jax.run(given, directory=tmp_path / name)
        page = visit(tmp_path / name / "explorer.html", "#measure=superposition")
        assert page.locator("#overview").is_visible() == (seeds > 1)
        assert headings(page)[0].startswith("seed = ")
    superposition_jax.run(["train.steps=30"], directory=tmp_path / "one")
    page = visit(tmp_path / "one" / "explorer.html")
    assert headings(page) == ["single"]
    assert not page.locator("#overview").is_visible()


def test_classes_differ_by_lightness_too(visit, diagram):
    page = visit(diagram[1])
    lightness = page.evaluate("CLASSES.slice(0, 3).map(colour => d3.lab(colour).l)")
    assert np.min(np.abs(np.subtract.outer(lightness, lightness)[np.triu_indices(3, 1)])) > 15
    steps = page.evaluate("d3.range(0, 1.01, 0.05).map(t => d3.lab(d3.interpolateCividis(t)).l)")
    assert (np.diff(steps) > 0).all()


def test_a_phase_diagram_opens_and_moves_fast(visit, diagram, tell):
    dataset, file = diagram
    assert dataset["loss"].shape == (50, 50, 10)
    began = time.perf_counter()
    page = visit(file)
    settle(page)
    opened = time.perf_counter() - began
    frames = page.evaluate(
        """async () => {
          const box = map.canvas.getBoundingClientRect(), times = [];
          for (let k = 0; k < 90; k++) {
            const x = map.x.centres[k % 50], y = map.y.centres[(7 * k) % 50];
            map.canvas.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + x, clientY: box.top + y }));
            times.push(await new Promise(requestAnimationFrame));
          }
          return times;
        }"""
    )
    spent = np.diff(frames)[5:]
    rate, slowest = 1000 / np.mean(spent), 1000 / spent.max()
    tell(f"a 50×50×10 diagram opens in {opened:.2f} s and moves at {rate:.0f} frames/s (slowest {slowest:.0f})")
    assert opened < 2
    assert rate > 30
