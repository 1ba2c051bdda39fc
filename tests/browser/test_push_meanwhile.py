"""A model's push while people are at work on the review page: what they decided stays, open page or not."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect
from review_site import SKY, Site, entity, is_saved, press

from spacy_tagtog.anndoc import Annotations, Document, html_from_blocks
from spacy_tagtog.client import PushReport, TagtogClient, push

SURFACES = ("Vega", "Mars", "Ada")


def pushed(site: Site, docid: str, *entities: dict[str, Any], force: bool = False) -> PushReport:
    """What a model sends: these entities."""
    annotations = Annotations.empty(["s1p1"])
    annotations.data["entities"] = list(entities)
    html = html_from_blocks([("p", SKY)], doc_id=docid, origid="sky.txt")
    server = site.server
    with TagtogClient(
        server.url,
        username=server.username,
        password=server.password,
        owner="local",
        project=site.project,
    ) as client:
        return push(client, [Document(docid, html, {"master": annotations})], force=force)


def texts(site: Site, docid: str) -> list[tuple[str, str]]:
    return [(one["offsets"][0]["text"], one["confidence"]["state"]) for one in site.saved(docid)["entities"]]


def test_what_was_decided_on_a_page_that_is_closed_is_not_undone(site: Site) -> None:
    proposals = [entity(SKY, surface) for surface in SURFACES]
    docid = site.add("sky.txt", SKY, proposals)
    page = site.open(docid)
    press(page, "a", "x")
    is_saved(page)
    page.close()
    decided = [("Vega", ""), ("Ada", "pre-added")]
    assert texts(site, docid) == decided
    # A round that began before the decisions: it doesn't know them.
    report = pushed(site, docid, *[entity(SKY, surface, prob=0.8) for surface in SURFACES])
    assert report.refused == [(docid, "people are reviewing it in tagtog: this would undo what they decided")]
    assert texts(site, docid) == decided
    # The next one knows what was accepted, but suggests again what was rejected.
    accepted = site.saved(docid)["entities"][0]
    assert pushed(site, docid, accepted, entity(SKY, "Mars", prob=0.8)).refused
    assert texts(site, docid) == decided
    # What keeps the decisions may come.
    assert pushed(site, docid, accepted, entity(SKY, "Deneb")).updated == [docid]
    assert texts(site, docid) == [("Vega", ""), ("Deneb", "pre-added")]
    # And so may everything by force.
    assert pushed(site, docid, force=True).updated == [docid]


def test_a_document_that_nobody_touched_takes_every_push(site: Site) -> None:
    docid = site.add("sky.txt", SKY, [entity(SKY, surface) for surface in SURFACES])
    site.open(docid).close()
    assert pushed(site, docid, entity(SKY, "Deneb")).updated == [docid]
    assert pushed(site, docid, entity(SKY, "Vega", "e_2")).updated == [docid]


def test_a_push_while_the_page_is_open_is_merged(site: Site) -> None:
    docid = site.add("sky.txt", SKY, [entity(SKY, surface) for surface in SURFACES])
    page = site.open(docid)
    assert pushed(site, docid, *[entity(SKY, surface) for surface in (*SURFACES, "Deneb")]).updated
    press(page, "a")
    is_saved(page)
    expect(page.locator("#list")).to_contain_text("Deneb")
    assert texts(site, docid) == [
        ("Vega", ""),
        ("Mars", "pre-added"),
        ("Ada", "pre-added"),
        ("Deneb", "pre-added"),
    ]
