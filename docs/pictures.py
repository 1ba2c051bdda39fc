"""Draw the pictures of the docs anew: ``python docs/pictures.py`` trains on the demo, and takes screenshots.

It needs the extra ``dev`` and a Chromium (``--chromium PATH``); it takes a minute.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from spacy_tagtog import steps
from spacy_tagtog.server import local_tagtog

DOCS = Path(__file__).parent.resolve()


def make_demo() -> None:
    """The whole job on the demo corpus, in the current folder."""
    steps.load_demo()
    with steps.connect() as tagtog:
        steps.fetch(tagtog, "assets/reviewed", query="anncomplete:true")
        steps.fetch(tagtog, "assets/new", query="anncomplete:false")
        steps.convert("assets/reviewed", "corpus", split="dev=0.2")
        steps.train("corpus/train.spacy", "corpus/dev.spacy", "training")
        steps.calibrate("training/model-best", "training/model", train="corpus/train.spacy")
        steps.annotate("training/model", "assets/new", "annotated")
        steps.rank("annotated", "ranking.json", pipeline="training/model", reviewed=["corpus/train.spacy"])
        steps.push(tagtog, "annotated", ranking="ranking.json")


def main() -> None:
    """Make the demo in a scratch folder, and photograph its review page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_demo()
        with (
            local_tagtog(Path("local-tagtog.db")) as server,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(
                executable_path=arguments.chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            for name, scheme, width in (("review", "light", 1280), ("review-dark", "dark", 1280)):
                context = browser.new_context(
                    color_scheme=scheme,  # type: ignore[arg-type]
                    viewport={"width": width, "height": 760},
                )
                page = context.new_page()
                page.goto(f"{server.url}/-local/login")
                page.get_by_label("user name").fill(server.username)
                page.get_by_label("password").fill(server.password)
                page.keyboard.press("Enter")
                page.wait_for_url(f"{server.url}/")
                page.goto(f"{server.url}/local/stargazing?view=review")
                page.wait_for_selector("#text mark")
                for key in ("a", "a", "j"):
                    page.keyboard.press(key)
                page.wait_for_selector("#saved[data-state=saved]")
                page.screenshot(path=DOCS / f"{name}.png")
                for key in ("u", "u"):
                    page.keyboard.press(key)
                page.wait_for_selector("#saved[data-state=saved]")
            browser.close()
        os.chdir(DOCS)


if __name__ == "__main__":
    main()
