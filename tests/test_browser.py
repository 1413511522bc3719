"""The page to explore a run, as a person uses it: pointer, keys, sliders, links, downloads."""

import json
import shlex

import numpy as np
import pytest
from browser import headings, pixels, point, row, settle

import superposition_jax
from superposition_jax.results import labels, select

pytestmark = pytest.mark.browser


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
        stated = float(page.locator("#readout").inner_text().split()[-1])
        assert stated == pytest.approx(float(select.best_seed(here)["loss"]), rel=1e-3)
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
    best = select.best_seed(dataset).isel(sparsity=3, rate=1, decay=1)
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
    best = select.best_seed(dataset).isel(sparsity=3, rate=1, decay=1)
    np.testing.assert_allclose(held["W"], best["W"], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(held["loss_curve"], best["loss_curve"], rtol=1e-3)
    assert held["measures"]["loss_again"] == pytest.approx(float(best["loss"]), rel=1e-6)
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
