"""The search for the entry that an entity is, in a real browser: by keyboard alone, and by touch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from logins import logged_in
from playwright.sync_api import Browser, Page, Route, expect
from review_site import JsonObject, Site, by_python, entity, is_saved, press

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.server import LocalTagtog, create_project, settings_from_legend
from spacy_tagtog.server.db.dictionaries import Entry
from spacy_tagtog.server.db.dictionary_loading import StagedEntries, load_dictionary
from spacy_tagtog.server.db.projects import project_key

LEGEND = Legend({"e_1": "Gene", "e_2": "Disease", "n_3": "HGNC", "n_4": "OMIM"})
TEXT = "p53 and HER2 meet p53 again."
GENES = [
    Entry("HGNC:11998", ("TP53", "p53", "tumor protein p53")),
    Entry("HGNC:16074", ("TP53I3", "PIG3")),
    Entry("HGNC:3430", ("ERBB2", "HER2", "neu")),
]


@pytest.fixture
def site(server: LocalTagtog, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A project of its own with two dictionaries, one of them uploaded."""
    name = f"genes{abs(hash(request.node.nodeid)) % 10**9}"
    server.database.write(create_project, "local", name, settings_from_legend(LEGEND))
    with StagedEntries() as staged:
        for number, entry in enumerate(GENES):
            staged.add(entry, number)
        load_dictionary(server.database, server.database.read(project_key, "local", name), "n_3", staged)
    context = logged_in(browser, server, viewport={"width": 1300, "height": 850})
    yield Site(server, name, context)
    context.close()


def normalized(norm_id: str, name: str, *, source: str = "HGNC", dictionary: str = "n_3") -> JsonObject:
    own = {"state": "", "who": ["user:ann"], "prob": 1}
    return {
        dictionary: {
            "source": {"name": source, "id": norm_id, "url": "x:y"},
            "recName": name,
            "confidence": own,
        }
    }


def document(site: Site, name: str = "p53.txt", **normalizations: JsonObject) -> str:
    """A document whose first entity is normalized, where that is asked for."""
    entities = [entity(TEXT, "p53"), entity(TEXT, "HER2"), entity(TEXT, "p53", nth=1)]
    for one in entities:
        one["confidence"] = {"state": "", "who": ["user:ann"], "prob": 1}
    entities[0]["normalizations"] = normalizations
    return site.add(name, TEXT, entities)


def norm_of(site: Site, docid: str, nth: int = 0) -> JsonObject:
    found: JsonObject = site.saved(docid)["entities"][nth]["normalizations"]
    return found


def search(page: Page) -> Any:
    return page.get_by_role("combobox", name="Search by name or id")


def options(page: Page) -> Any:
    return page.locator("#dialog [role=option]")


def has_fields(page: Page, entry_id: str, name: str) -> None:
    """What Enter would save. Keys that were pressed before an answer came act when it is there."""
    dialog = page.locator("#dialog")
    expect(dialog.get_by_label("Id", exact=True)).to_have_value(entry_id)
    expect(dialog.get_by_label("Name", exact=True)).to_have_value(name)


def test_an_entity_is_normalized_by_keyboard_alone(site: Site) -> None:
    docid = document(site)
    before = site.saved(docid)
    page = site.open(docid)
    press(page, "j", "m")
    expect(search(page)).to_be_focused()
    # Before any key, the entity's own text is looked up.
    expect(options(page)).to_have_text(["TP53 HGNC:11998 also p53", "TP53I3 HGNC:16074"])
    page.keyboard.type("her2")
    expect(options(page)).to_have_text(["ERBB2 HGNC:3430 also HER2", "New, with a name and no id: her2"])
    press(page, "ArrowDown")
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    expect(search(page)).to_be_focused()
    expect(search(page)).to_have_attribute("aria-activedescendant", "entry0")
    has_fields(page, "HGNC:3430", "ERBB2")
    press(page, "Enter")
    expect(page.locator("#dialog")).to_be_hidden()
    expect(page.locator("#card dl")).to_contain_text("ERBB2 · HGNC:3430")
    is_saved(page)
    review = by_python(before, TEXT)
    review.normalize(0, "n_3", {"source": "HGNC", "id": "HGNC:3430", "url": None, "name": "ERBB2"})
    assert site.saved(docid) == review.annotations.data
    press(page, "u")
    is_saved(page)
    assert site.saved(docid) == before


def test_what_was_used_for_the_same_text_comes_before_any_key(site: Site) -> None:
    document(site, "earlier.txt", **normalized("Q283350", "cellular tumor antigen"))
    docid = document(site)
    page = site.open(docid)
    press(page, "j", "m", "ArrowDown", "Enter")  # faster than the server answers: the keys wait for it
    expect(page.locator("#dialog")).to_be_hidden()
    is_saved(page)
    assert norm_of(site, docid)["n_3"]["source"] == {"name": "HGNC", "id": "Q283350", "url": None}
    # The second p53 of this document: known here, whether it is saved yet or not.
    press(page, "j", "j", "m")
    expect(options(page).first).to_have_text("cellular tumor antigen Q283350 2 times for this text")


def test_the_same_text_in_this_document_is_offered_before_it_is_saved(site: Site) -> None:
    docid = document(site)
    page = site.open(docid)
    site.context.set_offline(True)
    press(page, "j", "m")
    page.keyboard.type("Q1")
    press(page, "Enter")
    press(page, "j", "j", "m")  # at once: no key is lost while the window closes
    expect(options(page)).to_have_text(["Q1 in this document"])
    press(page, "ArrowDown", "Enter")
    site.context.set_offline(False)
    press(page, "Control+s")
    is_saved(page)
    assert [norm_of(site, docid, nth)["n_3"]["source"]["id"] for nth in (0, 2)] == ["Q1", "Q1"]


def test_what_is_typed_becomes_a_new_entry(site: Site) -> None:
    docid = document(site)
    page = site.open(docid)
    press(page, "j", "m")
    page.keyboard.type("LOCAL:1")
    expect(page.locator("#dialog [role=status]")).to_contain_text(
        "Enter makes a new one, with the id LOCAL:1"
    )
    press(page, "Enter")
    is_saved(page)
    assert norm_of(site, docid)["n_3"]["source"]["id"] == "LOCAL:1"
    assert norm_of(site, docid)["n_3"]["recName"] is None
    press(page, "j", "m")
    page.keyboard.type("the receptor")
    expect(options(page)).to_have_text(["New, with a name and no id: the receptor"])
    press(page, "ArrowUp")  # the last one
    has_fields(page, "", "the receptor")
    press(page, "Enter")
    is_saved(page)
    made = norm_of(site, docid, 1)["n_3"]
    assert (made["source"]["id"], made["recName"]) == (None, "the receptor")


def test_id_and_name_can_be_written_by_hand(site: Site) -> None:
    docid = document(site)
    page = site.open(docid)
    press(page, "j", "m")
    page.keyboard.type("tp53")
    press(page, "ArrowDown", "ArrowDown")
    has_fields(page, "HGNC:16074", "TP53I3")
    page.locator("#dialog").get_by_label("Name", exact=True).fill("PIG3 سلام")
    press(page, "Enter")
    is_saved(page)
    made = norm_of(site, docid)["n_3"]
    assert (made["source"]["id"], made["recName"]) == ("HGNC:16074", "PIG3 سلام")


def test_what_it_is_already_is_shown_kept_and_taken_away(site: Site) -> None:
    both = {
        **normalized("HGNC:11998", "TP53"),
        **normalized("191170", "", source="OMIM", dictionary="n_4"),
    }
    docid = document(site, **both)
    before = site.saved(docid)
    page = site.open(docid)
    press(page, "j", "m")
    expect(page.locator("#dialog dl")).to_contain_text("TP53 · HGNC:11998")
    expect(page.locator("#dialog dl")).to_contain_text("191170")
    has_fields(page, "HGNC:11998", "TP53")
    press(page, "Enter")  # nothing was changed
    expect(page.locator("#dialog")).to_be_hidden()
    is_saved(page)
    assert site.saved(docid) == before
    press(page, "m")
    page.get_by_role("button", name="Nothing").press("Enter")
    is_saved(page)
    assert list(norm_of(site, docid)) == ["n_4"]


def test_the_first_escape_closes_the_list_and_the_second_the_window(site: Site) -> None:
    docid = document(site)
    page = site.open(docid)
    press(page, "j", "m", "ArrowDown")
    expect(search(page)).to_have_attribute("aria-expanded", "true")
    press(page, "Escape")
    expect(search(page)).to_have_attribute("aria-expanded", "false")
    assert search(page).get_attribute("aria-activedescendant") is None
    has_fields(page, "", "")
    press(page, "Alt+ArrowDown")
    expect(search(page)).to_have_attribute("aria-expanded", "true")
    press(page, "Escape", "Escape")
    expect(page.locator("#dialog")).to_be_hidden()
    assert norm_of(site, docid) == {}


def test_another_dictionary_is_chosen_and_remembered_for_the_type(site: Site) -> None:
    docid = document(site)
    page = site.open(docid)
    press(page, "j", "m")
    page.get_by_label("Dictionary").select_option(label="OMIM")
    expect(options(page)).to_have_count(0)
    expect(page.locator("#dialog [role=status]")).to_have_text("No entry yet: type one.")
    search(page).focus()
    page.keyboard.type("191170")
    press(page, "Enter")
    is_saved(page)
    assert norm_of(site, docid)["n_4"]["source"] == {"name": "OMIM", "id": "191170", "url": None}
    press(page, "j", "m")
    expect(page.get_by_label("Dictionary")).to_have_value("n_4")


def test_a_late_answer_never_replaces_a_newer_one(site: Site) -> None:
    docid = document(site)
    page = site.open(docid)
    held: list[Route] = []

    def late(route: Route) -> None:
        asked = parse_qs(urlsplit(route.request.url).query).get("search", [""])[0]
        if asked == "h":
            held.append(route)
        else:
            route.continue_()

    page.route("**/-local/dictionary?*", late)
    press(page, "j", "m")
    expect(options(page)).to_have_count(2)
    with page.expect_request(lambda request: "search=h&" in f"{request.url}&"):
        page.keyboard.type("h")
    page.keyboard.type("e")
    expect(options(page).first).to_contain_text("ERBB2")
    assert len(held) == 1
    wrong = {
        "dictionary": "n_3",
        "entries": [{"id": "LATE", "name": "", "uses": 0, "same_text": 0, "matched": ""}],
    }
    held[0].fulfill(json=wrong)
    press(page, "ArrowDown")
    has_fields(page, "HGNC:3430", "ERBB2")
    expect(page.locator("#dialog")).not_to_contain_text("LATE")


def test_offline_is_said_and_what_is_typed_is_kept(site: Site) -> None:
    docid = document(site)
    page = site.open(docid)
    site.context.set_offline(True)
    press(page, "j", "m")
    expect(page.locator("#dialog [role=status]")).to_contain_text("Offline")
    page.keyboard.type("HGNC:7")
    press(page, "Enter")
    expect(page.locator("#card dl")).to_contain_text("HGNC:7")
    expect(page.locator("#saved")).to_contain_text("Offline")
    site.context.set_offline(False)
    press(page, "Control+s")
    is_saved(page)
    assert norm_of(site, docid)["n_3"]["source"]["id"] == "HGNC:7"


def test_a_tap_is_enough(site: Site, browser: Browser, server: LocalTagtog) -> None:
    docid = document(site)
    site.context = logged_in(
        browser, server, viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True
    )
    page = site.open(docid)
    page.locator("#text mark").first.tap()
    page.get_by_role("button", name="Normalize").tap()
    options(page).filter(has_text="TP53I3").tap()
    has_fields(page, "HGNC:16074", "TP53I3")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("button", name="Save").tap()
    is_saved(page)
    assert norm_of(site, docid)["n_3"]["source"]["id"] == "HGNC:16074"
    site.context.close()


def test_names_are_text_and_never_markup(site: Site) -> None:
    docid = document(site)
    page = site.open(docid)
    press(page, "j", "m")
    page.keyboard.type("<img src=x>")
    expect(options(page)).to_have_text(["New, with a name and no id: <img src=x>"])
    press(page, "ArrowDown", "Enter")
    is_saved(page)
    press(page, "m")
    expect(page.locator("#dialog dl")).to_contain_text("<img src=x>")
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 320])
def test_axe_finds_nothing(site: Site, browser: Browser, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    docid = document(site, **normalized("HGNC:11998", "TP53"))
    # axe is put into the page by the test, which the page's own policy forbids.
    site.context = logged_in(
        browser, site.server, color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True
    )
    page = site.open(docid)
    press(page, "j", "m", "ArrowDown")
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    site.context.close()
