"""The page to explore a run, as a person uses it: in a real Chromium, from file://, with no network."""

import json
import shlex
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

import superposition_jax
from superposition_jax import labels

pytestmark = pytest.mark.browser

_OWN = ("file:", "data:", "blob:")
SMALL = ["model.n_features=8", "model.n_hidden=3", "train.steps=200", "train.snapshots=12"]
AXES = [
    "sweep=sparsity",
    "sweep.axes.sparsity.values=[0.0, 0.7, 0.9, 0.97, 0.99]",
    "sweep.axes.seed.range=4",
    "+sweep.axes.rate={path: train.learning_rate, values: [0.01, 0.03, 1e30]}",
    "+sweep.axes.decay={path: data.importance.decay, values: [0.8, 1.0]}",
]


@pytest.fixture(scope="session")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    return superposition_jax.run([*SMALL, *AXES], directory=folder), folder / "explorer.html"


@pytest.fixture(scope="session")
def diagram(tmp_path_factory):
    folder = tmp_path_factory.mktemp("diagram")
    return superposition_jax.run(["experiment=phase_n2m1"], directory=folder), folder / "explorer.html"


@pytest.fixture
def visit(chromium):
    """Open a page; at the end it must have complained of nothing and asked for no other file."""
    contexts, complaints = [], []

    def go(file: Path, hash: str = "", **options):
        context = chromium.new_context(**{"viewport": {"width": 1400, "height": 1000}, "offline": True, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: complaints.append(asked.url) if not asked.url.startswith(_OWN) else None)
        page.goto(f"file://{file}{hash}")
        page.wait_for_selector("article")
        return page

    yield go
    for context in contexts:
        context.close()
    assert not complaints


def point(page, column, row=0):
    """Move the pointer to a place of the map, by its indices on the two axes; returns where that is."""
    box = page.locator("#map").bounding_box()
    x, y = page.evaluate(
        "([i, j]) => [map.x.centres[i], map.y ? map.y.centres[j] : (map.box.top + map.box.bottom) / 2]", [column, row]
    )
    page.mouse.move(box["x"] + x, box["y"] + y)
    settle(page)
    return box["x"] + x, box["y"] + y


def settle(page):
    """Wait until two frames are drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def headings(page):
    settle(page)
    return page.locator("article h2").all_inner_texts()


def row(page, name):
    """A number in the first panel's table."""
    return page.locator("article tr", has=page.locator("th", has_text=name)).first.locator("td").first.inner_text()


def pixels(page, selector):
    return page.evaluate("s => document.querySelector(s).toDataURL()", selector)


def test_pointing_at_a_cell_shows_its_model(visit, sweep):
    dataset, file = sweep
    page = visit(file, "#x=sparsity&y=rate&measure=loss&at=decay:1")
    for column, cell in ((1, {"sparsity": 1, "rate": 0, "decay": 1}), (4, {"sparsity": 4, "rate": 1, "decay": 1})):
        point(page, column, cell["rate"])
        here = dataset.isel(cell)
        seed = int(here["loss"].argmin("seed"))
        assert f"seed = {seed}" in headings(page)[0]
        assert labels.label(dataset, "sparsity", column) in headings(page)[0]
        assert float(row(page, "loss")) == pytest.approx(float(here["loss"].min()), rel=1e-3)
        assert page.locator("#readout").inner_text().endswith(row(page, "loss"))
    point(page, 2, 2)
    assert "diverged at step" in page.locator(".state").inner_text()


def test_clicks_pin_two_models_to_compare_and_let_them_go(visit, sweep):
    page = visit(sweep[1], "#x=sparsity&y=rate&at=decay:0")
    assert len(headings(page)) == 1
    first = point(page, 1, 0)
    page.mouse.click(*first)
    assert headings(page)[0].startswith("A: ")
    point(page, 2, 1)
    assert [text[:2] for text in headings(page)] == ["A:", "1 "]
    page.mouse.click(*point(page, 3, 1))
    assert [text[:2] for text in headings(page)] == ["A:", "B:"]
    point(page, 4, 0)
    assert "1 − S = 0.03" in headings(page)[1], "two pins stay while the pointer moves"
    page.mouse.click(*first)
    assert headings(page)[0].startswith("A: 1 − S = 0.03")
    page.keyboard.press("Escape")
    assert not [text for text in headings(page) if text.startswith("A")]


def test_keys_move_and_pin(visit, sweep):
    page = visit(sweep[1], "#x=sparsity&y=rate&cursor=sparsity:2,rate:0,decay:0")
    page.locator("#map").focus()
    page.keyboard.press("ArrowRight")
    assert "1 − S = 0.03" in headings(page)[0]
    page.keyboard.press("ArrowUp")
    assert "rate = 0.03" in headings(page)[0]
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    assert [text.partition(",")[0] for text in headings(page)] == ["A: 1 − S = 0.03", "1 − S = 0.1"]


def test_seeds_and_sliders(visit, sweep):
    dataset, file = sweep
    page = visit(file, "#x=sparsity&y=rate&measure=loss&at=decay:0&cursor=sparsity:3,rate:1,decay:0")
    page.locator(".strip").focus()
    seen = set()
    for _ in range(4):
        page.keyboard.press("ArrowUp")
        (text,) = headings(page)
        seed = int(text.partition("seed = ")[2].partition(",")[0])
        expected = float(dataset["loss"].isel(sparsity=3, rate=1, decay=0, seed=seed))
        assert float(row(page, "loss")) == pytest.approx(expected, rel=1e-3)
        seen.add(seed)
    assert seen == {0, 1, 2, 3}
    page.locator("#at-decay").fill("1")
    assert "decay = 1" in headings(page)[0]
    before = pixels(page, "#map")
    page.locator("#measure").select_option("superposition")
    page.locator("#feature").fill("7")
    settle(page)
    assert pixels(page, "#map") != before
    assert "of feature 7" in page.locator("#readout").inner_text()


def test_training_time_moves_the_geometry(visit, sweep):
    dataset, file = sweep
    page = visit(file, "#x=sparsity&y=rate&cursor=sparsity:3,rate:1,decay:1")
    page.wait_for_timeout(50)
    final = pixels(page, ".directions")
    page.locator("#time input").fill("3")
    settle(page)
    assert pixels(page, ".directions") != final
    assert page.locator("#time output").inner_text() == f"step {int(dataset['snapshot'][3])}"
    page.evaluate("state.time = times.length - 1")
    found = page.evaluate("geometryAt(state.cursor)")
    best = labels.best_seed(dataset).isel(sparsity=3, rate=1, decay=1)
    for name in ("feature_norm", "superposition", "dimensionality"):
        np.testing.assert_allclose(found[name], best[name], rtol=0.01, atol=0.01, err_msg=name)
    page.locator("#play").click()
    page.locator("#time output", has_text="end of training").wait_for(timeout=5000)
    page.get_by_role("button", name="Play", exact=True).wait_for(timeout=3000)


def test_dragging_turns_three_dimensions(visit, sweep):
    page = visit(sweep[1])
    before = pixels(page, ".directions")
    box = page.locator(".directions").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 130, box["y"] + 90, steps=4)
    page.mouse.up()
    settle(page)
    assert pixels(page, ".directions") != before


def test_a_link_restores_the_view(visit, sweep):
    page = visit(sweep[1], "#x=decay&y=sparsity&measure=represented&statistic=spread&at=rate:1")
    page.mouse.click(*point(page, 1, 3))
    page.mouse.click(*point(page, 0, 2))
    page.locator("#theme").click()
    page.locator("#time input").fill("5")
    page.locator("#link").click()
    settle(page)
    copied = page.evaluate("link()")
    other = visit(sweep[1], copied)
    settle(other)
    assert other.evaluate("link()") == copied
    assert headings(other) == headings(page)
    assert pixels(other, "#map") == pixels(page, "#map")
    assert pixels(other, ".gram") == pixels(page, ".gram")


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


_FOREIGN = (
    "#x=none&y=%00&at=rate:99,foo:1&pin=sparsity:-1&time=1e9&feature=-3",
    "#%E0%A4%A",
    "#cursor=sparsity:x",
    "#measure=constructor",
)


@pytest.mark.parametrize("hash", _FOREIGN)
def test_links_of_other_pages_do_no_harm(visit, sweep, hash):
    assert len(headings(visit(sweep[1], hash))) >= 1


def test_theme_follows_the_system_and_the_button(visit, sweep):
    def back(page):
        settle(page)
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light, dark = visit(sweep[1], color_scheme="light"), visit(sweep[1], color_scheme="dark")
    assert back(light) == "rgb(255, 255, 255)"
    assert back(dark) == "rgb(18, 22, 29)"
    light.locator("#theme").click()
    assert back(light) == back(dark)


def test_downloads(visit, sweep, tmp_path):
    dataset, file = sweep
    page = visit(file, "#x=sparsity&y=rate&cursor=sparsity:3,rate:1,decay:1")
    with page.expect_download() as picture:
        page.locator("#picture").click()
    picture.value.save_as(tmp_path / "view.png")
    import matplotlib.image

    image = matplotlib.image.imread(tmp_path / "view.png")
    assert image.shape[1] > 2000
    assert len(np.unique(image.reshape(-1, image.shape[-1])[::97], axis=0)) > 50
    with page.expect_download() as record:
        page.locator(".json").click()
    record.value.save_as(tmp_path / "cell.json")
    held = json.loads((tmp_path / "cell.json").read_text())
    best = labels.best_seed(dataset).isel(sparsity=3, rate=1, decay=1)
    np.testing.assert_allclose(held["W"], best["W"], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(held["loss_curve"], best["loss_curve"], rtol=1e-3)
    assert held["measures"]["loss"] == pytest.approx(float(best["loss"]), rel=1e-6)
    cell = {"data.sparsity": 0.97, "seed": int(best["seed"]), "train.learning_rate": 0.03, "data.importance.decay": 1}
    assert held["cell"] == cell


def test_the_command_trains_the_cell_again(visit, sweep):
    dataset, file = sweep
    page = visit(file, "#x=sparsity&y=rate&cursor=sparsity:1,rate:0,decay:0,seed:2")
    settle(page)
    program, *overrides = shlex.split(page.locator("article code").inner_text().removeprefix("python -m "))
    assert program == "superposition_jax.run"
    again = superposition_jax.run(overrides)
    own = dataset.isel(sparsity=1, rate=0, decay=0, seed=2)
    assert float(again["loss"]) == pytest.approx(float(own["loss"]), rel=1e-3)
    np.testing.assert_allclose(again["W"], own["W"], atol=1e-2)


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


def test_menus_keep_the_keyboard(visit, sweep):
    page = visit(sweep[1], "#x=sparsity&y=rate")
    page.locator("#measure").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
        settle(page)
        assert page.evaluate("document.activeElement.id") == "measure"
    page.locator("#measure").select_option("loss")
    settle(page)
    page.locator("#log").focus()
    page.keyboard.press("Space")
    settle(page)
    assert page.evaluate("document.activeElement.id") == "log"


def test_two_seeds_of_a_cell_may_be_compared(visit, sweep):
    page = visit(sweep[1], "#x=sparsity&y=rate&cursor=sparsity:2,rate:1,decay:0,seed:0&at=decay:0")
    page.locator("article .pin").click()
    page.locator("article .strip").first.focus()
    page.evaluate("() => { state.cursor = { ...state.cursor, seed: 3 }; refresh('models'); }")
    settle(page)
    page.locator("article .pin").nth(1).click()
    assert [text.partition("seed = ")[2][0] for text in headings(page)] == ["0", "3"]
    page.locator("article .pin").first.click()
    assert headings(page)[0].startswith("A: ")


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
