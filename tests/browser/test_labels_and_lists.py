"""Labels of documents and entities, many types, and the list with its filters, on the review page."""

from __future__ import annotations

import pytest
from logins import logged_in
from playwright.sync_api import Browser, expect
from review_site import SKY, Site, entity, is_saved, press, sky

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.server import LocalTagtog, create_project, settings_from_legend
from spacy_tagtog.server.settings import with_types


@pytest.fixture
def rich(site: Site, request: pytest.FixtureRequest) -> Site:
    """A project with labels of each kind, and with more types than keys."""
    types = {f"e_{number}": f"Type_{number}" for number in range(1, 13)}
    settings = settings_from_legend(Legend({**types, "f_20": "hot", "f_21": "colour", "n_1": "wiki"}))
    settings["entities"]["e_12"]["description"] = "the twelfth wonder"
    settings["fields"]["f_20"]["type"] = "boolean"
    settings["fields"]["f_21"] |= {"type": "enum", "description": "red, blue"}
    settings, _ = with_types(settings, [], {"Topic": ["art", "science"], "Clear": bool, "Remark": str})
    site.project = f"rich{abs(hash(request.node.nodeid)) % 10**9}"
    site.server.database.write(create_project, "local", site.project, settings)
    return site


def test_labels_of_a_document_are_chosen_by_their_values(rich: Site) -> None:
    docid = rich.add("sky.txt", SKY)
    page = rich.open(docid)
    press(page, "l")
    topic = page.get_by_role("group", name="Topic")
    expect(topic.get_by_role("button")).to_have_text(["art", "science", "?"])
    expect(topic.get_by_role("button", name="art")).to_be_focused()
    # The focus stays where it is, so that the next key goes on from there.
    press(page, "Tab", "Enter")
    expect(topic.get_by_role("button", name="science")).to_be_focused()
    expect(topic.get_by_role("button", name="science")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("group", name="Clear").get_by_role("button", name="no", exact=True).click()
    page.get_by_label("Remark").fill("ä <b>")
    press(page, "Tab")
    is_saved(page)
    values = {key: one["value"] for key, one in rich.saved(docid)["metas"].items()}
    assert sorted(values.values(), key=str) == [False, "science", "ä <b>"]
    topic.get_by_role("button", name="not set").click()
    is_saved(page)
    assert len(rich.saved(docid)["metas"]) == 2


def test_labels_of_an_entity_are_set_and_taken_away(rich: Site) -> None:
    docid = rich.add("sky.txt", SKY, [entity(SKY, "Vega")])
    page = rich.open(docid)
    expect(page.get_by_role("group", name="colour")).not_to_be_visible()
    press(page, "l")
    expect(page.get_by_role("group", name="hot").get_by_role("button", name="yes")).to_be_focused()
    press(page, "Enter")
    page.get_by_role("group", name="colour").get_by_role("button", name="blue").click()
    is_saved(page)
    fields = rich.saved(docid)["entities"][0]["fields"]
    assert {key: one["value"] for key, one in fields.items()} == {"f_20": True, "f_21": "blue"}
    assert fields["f_20"]["confidence"] == {"state": "", "who": ["user:local"], "prob": 1}
    page.get_by_role("group", name="hot").get_by_role("button", name="not set").click()
    is_saved(page)
    assert list(rich.saved(docid)["entities"][0]["fields"]) == ["f_21"]


def test_more_types_than_keys_are_found_by_name_or_description(rich: Site) -> None:
    docid = rich.add("sky.txt", SKY, [entity(SKY, "Vega")])
    page = rich.open(docid)
    expect(page.locator("#card .choices button", has_text="Type_")).to_have_count(9)
    page.get_by_role("button", name="3 more").click()
    page.get_by_label("Find a type").fill("wonder")
    expect(page.locator("#dialog li button")).to_have_text(["Type_12"])
    press(page, "Enter")
    expect(page.get_by_role("group", name="Type").get_by_role("button", name="Type_12")).to_have_attribute(
        "aria-pressed", "true"
    )
    press(page, "y", "ArrowDown", "ArrowDown", "Enter")
    is_saved(page)
    assert rich.saved(docid)["entities"][0]["classId"] == "e_2"
    press(page, "y")
    page.get_by_label("Find a type").fill("nothing of the kind")
    expect(page.locator("#dialog")).to_contain_text("No type is called so.")
    press(page, "Enter", "Escape", "Escape")  # the first one empties the field
    expect(page.locator("#dialog")).not_to_be_visible()


def test_the_list_filters_and_groups(rich: Site) -> None:
    labelled = {**entity(SKY, "Ada", "e_3", prob=0.6), "fields": {"f_21": {"value": "red"}}}
    vegas = [entity(SKY, "Vega", prob=0.9), entity(SKY, "Vega", "e_2", nth=1, prob=0.3)]
    page = rich.open(rich.add("sky.txt", SKY, [*vegas, labelled]))
    rows = page.locator("#list button.entity .text")
    page.get_by_text("More filters").click()
    page.get_by_role("combobox", name="Type").select_option(label="Type_2")
    expect(rows).to_have_text(["Vega"])
    page.get_by_role("combobox", name="Type").select_option(label="every type")
    page.get_by_label("Label").select_option(label="colour: blue")
    expect(rows).to_have_count(0)
    page.get_by_label("Label").select_option(label="with colour")
    expect(rows).to_have_text(["Ada"])
    page.get_by_label("Label").select_option(label="any label")
    page.get_by_label("Probability at most").fill("60")
    expect(rows).to_have_text(["Ada", "Vega"])
    page.get_by_label("Probability at most").fill("100")
    page.get_by_label("equal texts together").check()
    expect(rows).to_have_text(["Vega", "Ada"])
    group = page.get_by_role("button", name="Vega 2 ×")
    expect(group).to_contain_text("Type_1 1, Type_2 1, 2 to look at")
    group.click()
    expect(page.locator("#card .head")).to_contain_text("30 %")
    expect(group).to_be_focused()


def test_what_accept_all_and_all_equal_take_is_chosen(
    site: Site, browser: Browser, server: LocalTagtog
) -> None:
    text = "Vega, vega and VEGA near Mars."
    docid = site.add(
        "case.txt", text, [entity(text, "Vega", prob=0.7), entity(text, "Mars", "e_2", prob=0.5)]
    )
    page = site.open(docid)
    press(page, "Shift+A")
    expect(page.locator("#live")).to_have_text("No suggestion with at least 95 %")
    press(page, "?")
    page.get_by_role("spinbutton").fill("60")
    page.get_by_label("written in another case").check()
    press(page, "Escape")
    press(page, "Shift+A")
    expect(page.locator("#live")).to_have_text("1 suggestion accepted")
    page.locator("#list button.entity").first.click()
    page.locator("#text").click()
    press(page, "j", "j", "k", "k")
    expect(page.locator("#card strong")).to_have_text("Vega")
    press(page, "e")
    is_saved(page)
    assert [one["offsets"][0]["text"] for one in site.saved(docid)["entities"]] == [
        "Vega",
        "Mars",
        "vega",
        "VEGA",
    ]


def test_a_browser_without_scripts_is_told(site: Site, browser: Browser) -> None:
    docid = sky(site)
    context = logged_in(browser, site.server, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.server.url}/local/{site.project}?view=review&docid={docid}")
    assert "This page needs JavaScript" in page.content()
    expect(page.locator("#loading")).to_contain_text("this browser is too old")
    context.close()
