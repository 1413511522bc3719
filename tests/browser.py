"""Pages in a real Chromium, from file://, with no network: fixtures, and what a person does."""

import shutil
from pathlib import Path

import pytest

import superposition_jax

_OWN = ("file:", "data:", "blob:")
SMALL = ["model.n_features=8", "model.n_hidden=3", "train.steps=200", "train.snapshots=12"]
AXES = ["sweep=sparsity", "sweep.axes.sparsity.values=[0.0, 0.7, 0.9, 0.97, 0.99]", "sweep.axes.seed.range=4"]
AXES += ["+sweep.axes.rate={path: train.learning_rate, values: [0.01, 0.03, 1e30]}"]
AXES += ["+sweep.axes.decay={path: data.importance.decay, values: [0.8, 1.0]}"]


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
