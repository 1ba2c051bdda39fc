"""What the model is unsure of or may have missed, on the review page; and blind documents."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect
from review_site import Site, entity, is_saved, press

EMOJI = "🌟 Vega and Mars and Ada and Deneb."


def miss(text: str, surface: str, probability: float, **more: Any) -> dict[str, Any]:
    """As rank writes it: in code points of the part."""
    start = text.index(surface)
    place = {"part": "s1p1", "start": start, "end": start + len(surface)}
    return {"text": surface, "probability": probability, **place, **more}


def ranked(site: Site, docid: str, *misses: dict[str, Any], **more: Any) -> None:
    places = [{"id": docid, "rank": 1, "batch": 1, "why": {"maybe_missed": list(misses)}, **more}]
    site.call("PUT", "/-local/ranking", json={"documents": places})


def test_unsure_ones_and_likely_misses_are_visited_in_the_order_of_the_text(site: Site) -> None:
    docid = site.add(
        "emoji.txt", EMOJI, [entity(EMOJI, "Vega", prob=0.5), entity(EMOJI, "Ada", "e_3", prob=0.6)]
    )
    ranked(site, docid, miss(EMOJI, "Deneb", 0.2), miss(EMOJI, "Mars", 0.34))
    page = site.open(docid)
    expect(page.locator("#text mark.missed")).to_have_text(["Mars", "Deneb"])
    strong = page.locator("#card strong")
    seen = []
    for _ in range(4):
        press(page, "Shift+J")
        seen.append(strong.inner_text())
    assert seen == ["Vega", "Mars", "Ada", "Deneb"]
    press(page, "Shift+J")
    expect(page.locator("#live")).to_have_text("No more after this one.")
    # A key of a type makes the entity; it is the person's own, and no miss any more.
    press(page, "1")
    expect(page.locator("#text mark.missed")).to_have_text(["Mars"])
    is_saved(page)
    made = site.saved(docid)["entities"][-1]
    assert made["offsets"] == [{"start": EMOJI.index("Deneb") + 1, "text": "Deneb"}]
    assert made["confidence"] == {"state": "", "who": ["user:local"], "prob": 1}
    press(page, "u")
    expect(page.locator("#text mark.missed")).to_have_text(["Mars", "Deneb"])


def test_a_likely_miss_is_dismissed_and_the_next_one_comes(site: Site) -> None:
    docid = site.add("emoji.txt", EMOJI)
    ranked(site, docid, miss(EMOJI, "Vega", 0.5), miss(EMOJI, "Mars", 0.34))
    page = site.open(docid)
    press(page, "Shift+J")
    expect(page.locator("#card")).to_contain_text("the model may have missed it, 50 %: choose its type")
    press(page, "x")
    expect(page.locator("#card strong")).to_have_text("Mars")
    expect(page.locator("#text mark.missed")).to_have_count(1)
    # Accepting needs a type: it is asked for, and found by name.
    press(page, "a")
    page.get_by_label("Find a type").fill("pers")
    press(page, "Enter")
    is_saved(page)
    assert [(one["classId"], one["offsets"][0]["text"]) for one in site.saved(docid)["entities"]] == [
        ("e_3", "Mars")
    ]


def test_likely_misses_are_in_the_list_and_can_be_clicked(site: Site) -> None:
    docid = site.add("emoji.txt", EMOJI)
    ranked(site, docid, miss(EMOJI, "Vega", 0.5), miss(EMOJI, "Mars", 0.34))
    page = site.open(docid)
    expect(page.locator("#side")).to_contain_text("2 likely misses")
    page.get_by_role("button", name="Mars 34 %").click()
    expect(page.locator("#card strong")).to_have_text("Mars")
    press(page, "Escape")
    page.locator("#text mark.missed").first.click()
    expect(page.locator("#card strong")).to_have_text("Vega")


@pytest.mark.parametrize(
    "wrong",
    [
        miss(EMOJI, "Mars", 0.3, start=0),
        miss(EMOJI, "Mars", 0.3, part="s9p9"),
        {"text": "Mars", "probability": 0.3},
        miss(EMOJI, "Mars", 0.3, start="7"),
    ],
)
def test_a_miss_of_another_text_is_not_marked(site: Site, wrong: dict[str, Any]) -> None:
    docid = site.add("emoji.txt", EMOJI)
    ranked(site, docid, wrong, miss(EMOJI, "Vega", 0.5))
    page = site.open(docid)
    expect(page.locator("#text mark.missed")).to_have_text(["Vega"])


def test_a_blind_document_shows_nothing_of_the_model(site: Site) -> None:
    docid = site.add("emoji.txt", EMOJI)
    ranked(site, docid, miss(EMOJI, "Vega", 0.5), blind=True)
    page = site.open(docid)
    expect(page.locator("#why")).to_have_text(
        "Blind: without suggestions, so that it shows how good the model is."
    )
    expect(page.locator("#queue")).to_contain_text("Blind: without suggestions")
    expect(page.locator("#text mark")).to_have_count(0)
    expect(page.locator("#side")).not_to_contain_text("likely miss")
    assert "Vega" not in str(site.call("GET", "/-local/review", params={"docid": docid}).json()["misses"])
