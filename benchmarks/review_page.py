"""How quick the review page is with long documents, in a real browser on a real local tagtog.

    python benchmarks/review_page.py [--characters 200000] [--entities 5000] [--keys 100]

A tenth of the entities overlap others. "Script and layout" is what a key press costs until the page is
laid out again; "to the frame" is the time until the browser shows it.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Page, sync_playwright

from spacy_tagtog.anndoc import Annotations, Legend, confidence, html_from_blocks
from spacy_tagtog.server import LocalTagtog, create_project, local_tagtog, settings_from_legend

LEGEND = Legend({f"e_{number}": f"Type{number}" for number in range(1, 7)})
PARAGRAPH = 500
MEASURE = """
async (key) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  await frame();
  const start = performance.now();
  document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  document.body.getBoundingClientRect();
  const laidOut = performance.now();
  await frame();
  return [laidOut - start, performance.now() - start];
}
"""


def long_document(
    characters: int, entities: int, chance: random.Random
) -> tuple[list[str], list[dict[str, Any]]]:
    """Paragraphs of words, and suggestions on them, a tenth of which overlap the one before."""
    texts = []
    for _ in range(max(1, characters // PARAGRAPH)):
        words = ["".join(chance.choices("abcdefghij", k=chance.randint(3, 9))) for _ in range(PARAGRAPH // 7)]
        texts.append(" ".join(words)[:PARAGRAPH].strip())
    made = []
    for number in range(entities):
        part = number * len(texts) // entities
        text = texts[part]
        start = chance.randrange(len(text) - 20)
        if number % 10 == 9 and made and made[-1]["part"] == f"s1p{part + 1}":
            start = made[-1]["offsets"][0]["start"] + 2
        surface = text[start : start + chance.randint(4, 12)]
        made.append(
            {
                "classId": f"e_{chance.randint(1, 6)}",
                "part": f"s1p{part + 1}",
                "offsets": [{"start": start, "text": surface}],
                "coordinates": [],
                "confidence": confidence(state="pre-added", who=["ml:model"], prob=chance.uniform(0.3, 1)),
                "fields": {},
                "normalizations": {},
            }
        )
    return texts, made


def upload(server: LocalTagtog, texts: list[str], entities: list[dict[str, Any]]) -> None:
    """Put the document into a project of its own."""
    server.database.write(create_project, "local", "long", settings_from_legend(LEGEND))
    html = html_from_blocks([("p", text) for text in texts], doc_id="x", origid="long.txt")
    annotations = Annotations.empty(list(html.parts))
    annotations.data["entities"] = entities
    requests.post(
        f"{server.url}/-api/documents/v1",
        params={"owner": "local", "project": "long", "format": "anndoc", "output": "null"},
        files=[("f", ("l.plain.html", html.data)), ("f", ("l.ann.json", annotations.dumps().encode()))],
        auth=(server.username, server.password),
        timeout=120,
    ).raise_for_status()


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure(page: Page, address: str, keys: int) -> None:
    """Open the page and press keys."""
    page.goto(address)
    page.wait_for_selector("#text mark")
    # From the beginning of the navigation: with the answer of the server, parsing and drawing.
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null")
    shown = page.evaluate("performance.now()")
    print(f"first paint {paint:.0f} ms, entities shown after {shown:.0f} ms")
    for name, pressed in (
        ("next entity", "j"),
        ("accept and next", "a"),
        ("another type", "3"),
        ("undo", "u"),
    ):
        costs = [page.evaluate(MEASURE, pressed) for _ in range(keys)]
        script, frame = [cost[0] for cost in costs], [cost[1] for cost in costs]
        print(
            f"{name:16}  script and layout "
            f"p50 {statistics.median(script):5.1f} p95 {percentile(script, 0.95):5.1f} ms   to the frame "
            f"p50 {statistics.median(frame):5.1f} p95 {percentile(frame, 0.95):5.1f} ms"
        )


def main() -> None:
    """Make the document, and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--characters", type=int, default=200_000)
    parser.add_argument("--entities", type=int, default=5000)
    parser.add_argument("--keys", type=int, default=100)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    texts, entities = long_document(arguments.characters, arguments.entities, random.Random(0))
    with (
        tempfile.TemporaryDirectory() as folder,
        local_tagtog(Path(folder) / "tagtog.db") as server,
        sync_playwright() as playwright,
    ):
        upload(server, texts, entities)
        browser = playwright.chromium.launch(
            executable_path=arguments.chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_context().new_page()
        page.goto(f"{server.url}/-local/login")
        page.get_by_label("user name").fill(server.username)
        page.get_by_label("password").fill(server.password)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{server.url}/")
        print(f"{sum(map(len, texts)):,} characters, {len(entities):,} entities")
        measure(page, f"{server.url}/local/long?view=review", arguments.keys)
        browser.close()


if __name__ == "__main__":
    main()
