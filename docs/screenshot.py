"""Photograph the page to explore a run for the README (extra test-browser).

python docs/screenshot.py outputs/phase_n3m2/<time>
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

VIEW = "#x=density&y=importance&measure=phase&pin=density:30,importance:38&pin=density:6,importance:24"
"""A digon with the third feature on an axis of its own, and near the triple point."""


def main(folder: Path) -> None:
    """docs/explorer.png and docs/explorer_dark.png."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for theme, name in (("light", "explorer"), ("dark", "explorer_dark")):
            page = browser.new_page(viewport={"width": 1500, "height": 760}, device_scale_factor=1.5)
            page.goto(f"file://{folder.resolve()}/explorer.html{VIEW}&theme={theme}")
            page.wait_for_selector("article")
            page.wait_for_timeout(500)
            image = Image.open(io.BytesIO(page.screenshot()))
            image.convert("RGB").save(Path(__file__).parent / f"{name}.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
