"""The review page in a real browser: what people do, and exactly what is saved."""

from __future__ import annotations

import json

import pytest
from logins import logged_in
from playwright.sync_api import Browser, expect
from review_site import LEGEND, SKY, Site, by_python, entity, is_saved, press, sky

from spacy_tagtog.anndoc import Legend, OffsetConverter, confidence
from spacy_tagtog.server import LocalTagtog, create_project, settings_from_legend

# ---------------------------------------------------------------------------------------------- by keyboard


def test_a_document_with_nothing_marked_says_how_to_begin(site: Site) -> None:
    docid = site.add("plain.txt", "No star here.", [])
    page = site.open(docid)
    expect(page.locator("#card")).to_contain_text("Double-click a word, or press n.")
    press(page, "n", "1")
    expect(page.locator("#card strong")).to_have_text("No")
    is_saved(page)
    press(page, "x", "Escape")
    is_saved(page)
    expect(page.locator("#card")).to_contain_text("Nothing is marked yet.")


def test_a_reviewer_needs_a_key_per_decision_and_one_per_document(site: Site) -> None:
    first, second = sky(site, "first.txt"), sky(site, "second.txt")
    before = site.saved(first)
    page = site.open()
    expect(page.locator("#title")).to_have_text("first.txt")
    press(page, "a", "2", "j", "x", "a", "Enter")
    expect(page.locator("#title")).to_have_text("second.txt")
    review = by_python(before)
    review.accept(0)  # a
    review.retype(1, "e_2")  # 2, and j goes on
    review.reject(2)  # x
    review.accept(2)  # a: the second Vega
    review.confirm()
    assert site.saved(first) == review.annotations.data
    assert site.saved(second)["anncomplete"] is False
    expect(page.locator("#progress-text")).to_have_text("1 of 2 confirmed")


def test_what_is_accepted_keeps_its_author_and_probability(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    press(page, "j", "a")
    is_saved(page)
    saved = site.saved(docid)["entities"][0]
    assert saved["confidence"] == {"state": "", "who": ["ml:model"], "prob": 0.9}
    assert saved["a key of somebody else"] == {"stays": True}


def test_everything_can_be_taken_back_and_done_again(site: Site) -> None:
    docid = sky(site)
    before = site.saved(docid)
    page = site.open(docid)
    press(page, "j", "a", "x", "3", "n", "1")
    is_saved(page)
    after = site.saved(docid)
    assert after != before
    for _ in range(9):
        press(page, "u")
    is_saved(page)
    assert site.saved(docid) == before
    for _ in range(9):
        press(page, "Control+y")
    is_saved(page)
    assert site.saved(docid) == after


def test_borders_move_by_words_and_characters(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    press(page, "j", "Shift+ArrowRight", "Shift+ArrowRight")
    expect(page.locator("#card strong")).to_have_text("Vega and Mars")
    press(page, "Alt+ArrowLeft", "b", "Shift+ArrowRight")
    expect(page.locator("#card strong")).to_have_text("and Mar")
    is_saved(page)
    assert site.saved(docid)["entities"][0]["offsets"] == [{"start": 5, "text": "and Mar"}]
    assert site.saved(docid)["entities"][0]["confidence"] == confidence(state="", who=["user:local"], prob=1)


def test_new_entities_are_made_without_a_mouse(site: Site) -> None:
    docid = site.add("plain.txt", SKY)
    page = site.open(docid)
    press(page, "n", "ArrowRight", "ArrowRight", "2")  # Vega, and, Mars
    press(page, "Escape", "n", "Shift+ArrowRight", "Shift+ArrowRight", "1")
    is_saved(page)
    made = [(one["classId"], one["offsets"]) for one in site.saved(docid)["entities"]]
    assert made == [
        ("e_2", [{"start": 9, "text": "Mars"}]),
        ("e_1", [{"start": 0, "text": "Vega and Mars"}]),
    ]


def test_the_same_is_done_to_all_equal_strings(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    press(page, "j", "j", "2", "e")  # Mars is a planet, and so is the Mars that nobody suggested
    is_saved(page)
    found = [(one["classId"], one["offsets"][0]["start"]) for one in site.saved(docid)["entities"]]
    assert [place for place in found if place[0] == "e_2"] == [("e_2", 9), ("e_2", SKY.rindex("Mars"))]


def test_all_that_is_sure_is_accepted_at_once_and_taken_back_at_once(site: Site) -> None:
    text = "Vega Mars Deneb"
    docid = site.add(
        "x.txt",
        text,
        [entity(text, "Vega", prob=0.99), entity(text, "Mars", prob=0.94), entity(text, "Deneb", prob=0.95)],
    )
    page = site.open(docid)
    press(page, "Shift+A")
    is_saved(page)
    assert [one["confidence"]["state"] for one in site.saved(docid)["entities"]] == ["", "pre-added", ""]
    press(page, "u")
    is_saved(page)
    assert [one["confidence"]["state"] for one in site.saved(docid)["entities"]] == ["pre-added"] * 3


def test_relations_connect_two_entities_and_follow_them(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    press(page, "j", "r", "j", "Enter")
    expect(page.locator("#relations")).to_contain_text("Vega → Mars")
    press(page, "2")  # Mars becomes a planet: the relation still means it
    is_saved(page)
    (relation,) = site.saved(docid)["relations"]
    assert relation["entities"] == ["s1p1|e_1|0,4", "s1p1|e_2|9,13"]
    press(page, "x")
    is_saved(page)
    assert site.saved(docid)["relations"] == []


def test_a_project_without_relations_offers_none(site: Site) -> None:
    page = site.open(sky(site))
    press(page, "j")
    expect(page.locator(".decisions button", has_text="Relation")).to_be_visible()
    legend = Legend({key: name for key, name in LEGEND.items() if not key.startswith("r_")})
    other = Site(site.server, f"{site.project}-plain", site.context)
    site.server.database.write(create_project, "local", other.project, settings_from_legend(legend))
    page = other.open(sky(other))
    press(page, "j")
    expect(page.locator(".decisions button", has_text="Accept")).to_be_visible()
    expect(page.locator(".decisions button", has_text="Relation")).to_have_count(0)


def test_keys_can_be_changed_and_switched_off(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    press(page, "?")
    page.get_by_label("accept, and go to the next").fill("v")
    page.get_by_role("button", name="Close").click()
    press(page, "j", "a")
    is_saved(page)
    assert site.saved(docid)["entities"][0]["confidence"]["state"] == "pre-added"
    press(page, "v")
    is_saved(page)
    assert site.saved(docid)["entities"][0]["confidence"]["state"] == ""
    press(page, "?")
    page.get_by_label("single keys are on").uncheck()
    page.get_by_role("button", name="Close").click()
    press(page, "j", "v", "x")
    assert len(site.saved(docid)["entities"]) == 4
    page.reload()  # the choice is kept
    expect(page.locator("#card strong")).to_have_text("Mars")
    press(page, "v", "x")
    expect(page.locator("#card strong")).to_have_text("Mars")
    assert len(site.saved(docid)["entities"]) == 4


# ------------------------------------------------------------------------------------- by mouse and by touch


def test_a_double_click_marks_a_word(site: Site) -> None:
    docid = site.add("plain.txt", "Vega🙂 and Mars")
    page = site.open(docid)
    box = page.locator("#text .part").bounding_box()
    assert box is not None
    page.mouse.dblclick(box["x"] + 12, box["y"] + box["height"] / 2)
    expect(page.locator("#card strong")).to_have_text("Vega")
    page.get_by_role("button", name="Star").click()
    is_saved(page)
    assert site.saved(docid)["entities"][0]["offsets"] == [{"start": 0, "text": "Vega"}]


def test_a_tap_is_enough(site: Site, browser: Browser, server: LocalTagtog) -> None:
    docid = sky(site)
    site.context = logged_in(
        browser, server, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    page = site.open(docid)
    page.locator("#text mark").first.tap()
    page.get_by_role("button", name="Accept", exact=True).tap()
    expect(page.locator("#card strong")).to_have_text("Mars")
    page.get_by_role("button", name="Planet").tap()
    is_saved(page)
    assert [one["classId"] for one in site.saved(docid)["entities"]][:2] == ["e_1", "e_2"]
    site.context.close()


# ----------------------------------------------------------------------------- every kind of text

TEXTS = {
    "emoji": "🙂🙂 Vega 🚀 e\u0301 Mars 👩🏽\u200d🚀 Deneb",
    "right to left": "ראיתי את Vega ואת Mars אתמול",
    "markup": "<img src=x onerror=alert(1)> & <b>Vega</b> &amp; Mars",
    "white space": "  Vega\n\n\tMars\u00a0 ",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_offsets_are_right_in_every_text(site: Site, kind: str) -> None:
    text = TEXTS[kind]
    docid = site.add("odd <b>name.txt", text, [entity(text, "Vega"), entity(text, "Mars")])
    page = site.open(docid)
    assert page.locator("#text .part").text_content() == text
    assert page.locator("#text b, #text img, #queue b, #title b").count() == 0
    marked = page.locator("#text mark").evaluate_all("marks => marks.map((mark) => mark.textContent)")
    assert marked == ["Vega", "Mars"]
    press(page, "j", "j", "Shift+ArrowLeft", "n", "3")
    is_saved(page)
    units = OffsetConverter(text)
    for one in site.saved(docid)["entities"]:
        (offset,) = one["offsets"]
        start = units.to_code_points(offset["start"])
        assert start is not None
        assert text[start:].startswith(offset["text"])


def test_overlapping_nested_and_discontinuous_entities_are_all_shown(site: Site) -> None:
    text = "North and South America"
    north = entity(text, "North", "e_1")
    north["offsets"].append({"start": 16, "text": "America"})
    docid = site.add(
        "x.txt", text, [north, entity(text, "South America", "e_2"), entity(text, "South", "e_3")]
    )
    page = site.open(docid)
    assert page.locator("#text .part").text_content() == text
    shown = page.locator("#text mark").evaluate_all(
        "marks => marks.map((mark) => [mark.dataset.id, mark.textContent])"
    )
    texts: dict[str, str] = {}
    for key, piece in shown:
        texts[key] = texts.get(key, "") + piece
    assert sorted(texts.values()) == ["NorthAmerica", "South", "South America"]
    press(page, "j")
    assert page.locator("#text mark.current").count() == 2  # both fragments
    expect(page.locator("#card strong")).to_have_text("North … America")


def test_wrong_offsets_are_kept_and_listed(site: Site) -> None:
    broken = entity(SKY, "Vega")
    broken["offsets"][0]["start"] = 3
    docid = site.add("x.txt", SKY, [broken, entity(SKY, "Mars")])
    page = site.open(docid)
    assert page.locator("#text mark").count() == 1
    expect(page.locator("#list")).to_contain_text("Vega")
    press(page, "j", "a")
    is_saved(page)
    assert site.saved(docid)["entities"][0] == broken


# ------------------------------------------------------------------------------------------- several at once


def test_what_a_colleague_saved_meanwhile_is_kept(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    theirs = by_python(site.saved(docid))
    theirs.reject(2)
    theirs.add("s1p1", SKY.index("Deneb"), SKY.index("Deneb") + 5, "e_1")
    site.save(docid, theirs.annotations.data)
    press(page, "j", "a")
    is_saved(page)
    found = [(one["offsets"][0]["text"], one["confidence"]["state"]) for one in site.saved(docid)["entities"]]
    assert found == [("Vega", ""), ("Mars", "pre-added"), ("Vega", "pre-added"), ("Deneb", "")]
    expect(page.locator("#text mark")).to_have_count(4)


@pytest.mark.parametrize("choice", ["mine", "theirs"])
def test_what_both_changed_is_shown_side_by_side(site: Site, choice: str) -> None:
    docid = sky(site)
    page = site.open(docid)
    theirs = by_python(site.saved(docid))
    theirs.retype(0, "e_3")
    site.save(docid, theirs.annotations.data)
    press(page, "j", "2")
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("Vega · Planet")
    expect(dialog).to_contain_text("Vega · Person")
    dialog.locator(f"input[value={choice}]").check()
    dialog.get_by_role("button", name="Go on").click()
    is_saved(page)
    entities = site.saved(docid)["entities"]
    assert len(entities) == 4
    classes = {one["classId"] for one in entities if one["offsets"][0]["start"] == 0}
    assert classes == {"e_2" if choice == "mine" else "e_3"}


def test_the_first_save_of_a_version_overwrites_nobody(site: Site) -> None:
    docid = sky(site)
    mine = {"docid": docid, "member": "local"}
    first = {"If-None-Match": "*"}
    site.call("PUT", "/-local/annotations", params=mine, json=site.saved(docid), headers=first)
    with pytest.raises(AssertionError, match="somebody made this version meanwhile"):
        site.call("PUT", "/-local/annotations", params=mine, json=site.saved(docid), headers=first)
    other = {"docid": docid, "member": "nobody-yet"}
    with pytest.raises(AssertionError, match="somebody else saved"):
        site.call(
            "PUT", "/-local/annotations", params=other, json=site.saved(docid), headers={"If-Match": "*"}
        )


def test_changes_wait_in_the_browser_while_the_server_is_away(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    site.context.set_offline(True)
    press(page, "j", "a", "a")
    expect(page.locator("#saved")).to_contain_text("Offline")
    page.close()  # and nothing is lost
    site.context.set_offline(False)
    assert site.saved(docid)["entities"][0]["confidence"]["state"] == "pre-added"
    again = site.open(docid)
    is_saved(again)
    assert [one["confidence"]["state"] for one in site.saved(docid)["entities"]][:2] == ["", ""]


def test_nobody_makes_the_same_entity_twice(site: Site) -> None:
    docid = sky(site)
    before = len(site.saved(docid)["entities"])
    page = site.open(docid)
    # Selecting a suggestion with the mouse means that one: a key of another type changes it.
    box = page.locator("#text .part").bounding_box()
    assert box is not None
    page.mouse.dblclick(box["x"] + 12, box["y"] + box["height"] / 2)
    expect(page.locator("#card strong")).to_have_text("Vega")
    press(page, "2")
    is_saved(page)
    found = site.saved(docid)["entities"]
    assert (len(found), found[0]["classId"]) == (before, "e_2")
    # Marked by keyboard with the type that it has: it is accepted. With another one, both stay.
    press(page, "Escape", "n", "2")
    is_saved(page)
    assert len(site.saved(docid)["entities"]) == before
    press(page, "Escape", "n", "3")
    is_saved(page)
    assert len(site.saved(docid)["entities"]) == before + 1


# ----------------------------------------------------------------------------------------------- the queue


def test_the_ranking_decides_what_comes_first(site: Site) -> None:
    ids = [sky(site, f"{number}.txt") for number in range(3)]
    places = [
        {"id": ids[2], "rank": 1, "batch": 1, "why": {"doubtful": [{"text": "Vega"}]}},
        {"id": ids[1], "rank": 2, "batch": 1, "random": True},
    ]
    answer = site.call(
        "PUT", "/-local/ranking", json={"documents": [*places, {"id": "nowhere", "rank": 3, "batch": 1}]}
    )
    assert answer.json() == {"stored": 2, "missing": ["nowhere"]}
    page = site.open()
    expect(page.locator("#title")).to_have_text("2.txt")
    expect(page.locator("#why")).to_have_text("1 suggestion that the model doubts.")
    press(page, "Enter")
    expect(page.locator("#title")).to_have_text("1.txt")
    expect(page.locator("#why")).to_contain_text("Chosen by chance")
    press(page, "Enter")
    expect(page.locator("#title")).to_have_text("0.txt")
    press(page, "Enter")
    expect(page.locator("#notice")).to_contain_text("Everything in this queue is confirmed")


def test_a_flagged_document_waits_for_a_colleague(site: Site) -> None:
    first, _ = sky(site, "first.txt"), sky(site, "second.txt")
    page = site.open(first)
    press(page, "f")
    page.get_by_label("What should a colleague look at?").fill("is Ada a person <b>here</b>?")
    page.get_by_role("button", name="Flag", exact=True).last.click()
    press(page, "s")
    expect(page.locator("#title")).to_have_text("second.txt")
    expect(page.locator("#queue")).to_contain_text("is Ada a person <b>here</b>?")
    waiting = site.call("GET", "/-local/queue").json()
    assert [one["filename"] for one in waiting["documents"]] == ["second.txt"]
    assert [one["docid"] for one in waiting["flagged"]] == [first]


def test_a_confirmed_document_is_changed_only_after_it_is_opened_again(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    press(page, "Enter")
    is_saved(page)
    before = site.saved(docid)
    assert before["anncomplete"] is True
    press(page, "j", "x")
    expect(page.locator("#live")).to_have_text("This document is confirmed.")
    press(page, "Escape")
    page.get_by_role("button", name="Open it again").click()
    press(page, "j", "x")
    is_saved(page)
    after = site.saved(docid)
    assert after["anncomplete"] is False
    assert len(after["entities"]) == 3


def test_a_document_label_is_set_and_taken_away(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    page.get_by_label("clear").fill("yes")
    page.get_by_label("clear").press("Tab")
    is_saved(page)
    assert site.saved(docid)["metas"]["m_1"]["value"] == "yes"
    page.get_by_label("clear").fill("")
    page.get_by_label("clear").press("Tab")
    is_saved(page)
    assert site.saved(docid)["metas"] == {}


# --------------------------------------------------------------------------------------------- bad moments


def test_a_type_that_was_removed_is_said_and_nothing_is_lost(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    page.route(
        "**/-local/annotations*", lambda route: route.fulfill(status=400, body="the class id has no name")
    )
    press(page, "j", "a")
    expect(page.locator("#saved")).to_have_text("Not saved")
    expect(page.locator("#notice")).to_have_text("the class id has no name")
    page.unroute("**/-local/annotations*")
    press(page, "Control+s")
    is_saved(page)
    assert site.saved(docid)["entities"][0]["confidence"]["state"] == ""


def test_a_full_disk_keeps_the_changes_in_the_page(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    page.route(
        "**/-local/annotations*", lambda route: route.fulfill(status=507, body="there is no space left")
    )
    press(page, "j", "a")
    expect(page.locator("#notice")).to_have_text("there is no space left")
    kept = page.evaluate(
        "Object.keys(localStorage).filter((key) => key.includes('sky')).map((key) => localStorage[key])"
    )
    assert json.loads(kept[0])["annotations"]["entities"][0]["confidence"]["state"] == ""


def test_who_may_only_read_changes_nothing(site: Site) -> None:
    from spacy_tagtog.server import add_user
    from spacy_tagtog.server.db.members import set_member

    site.server.database.write(add_user, "reader", "a long password")
    site.server.database.write(set_member, "local", site.project, "reader", "reader")
    docid = sky(site)
    browser = site.context.browser
    assert browser is not None
    site.context = logged_in(browser, site.server, "reader", "a long password")
    page = site.open(docid)
    press(page, "j", "a", "x", "Enter")
    expect(page.locator("#confirm")).to_be_disabled()
    assert [one["confidence"]["state"] for one in site.saved(docid)["entities"]] == ["pre-added"] * 4
    site.context.close()


def test_a_session_that_ends_in_the_middle_of_work_loses_nothing(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    site.context.clear_cookies()
    press(page, "a")
    page.get_by_label("User name").fill(site.server.username)
    page.get_by_label("Password").fill(site.server.password)
    press(page, "Enter")
    expect(page.locator("#title")).to_have_text("sky.txt")
    is_saved(page)
    assert site.saved(docid)["entities"][0]["confidence"]["state"] == ""


def test_the_buttons_of_the_other_pages_work_in_a_browser(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    press(page, "a")
    is_saved(page)
    assert site.saved(docid)["entities"][0]["confidence"]["state"] == ""
    page.goto(f"{site.server.url}/local/{site.project}/pool/{docid}?view=history")
    page.get_by_role("button", name="restore").last.click()
    expect(page.get_by_role("heading", name="History of sky.txt")).to_be_visible()
    assert site.saved(docid)["entities"][0]["confidence"]["state"] == "pre-added"


# --------------------------------------------------------------------------------------------- for everyone


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "scale"), [(1440, 1), (720, 2), (320, 1)])
def test_axe_finds_nothing(site: Site, browser: Browser, scheme: str, width: int, scale: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    docid = sky(site)
    # axe is put into the page by the test, which the page's own policy forbids.
    site.context = logged_in(
        browser,
        site.server,
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
        device_scale_factor=scale,
        bypass_csp=True,
    )
    page = site.open(docid)
    press(page, "j", "2", "j")
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    press(page, "?")
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    site.context.close()


def test_the_list_is_a_complete_second_way(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    page.locator("#list button.entity").first.focus()
    press(page, "ArrowDown")
    expect(page.locator("#card strong")).to_have_text("Mars")
    expect(page.locator("#live")).to_contain_text("Mars, Star, suggested by model, 50 %")
    page.locator("#list").get_by_role("button", name="Unsure 1").click()
    expect(page.locator("#list button.entity")).to_have_count(1)
    page.get_by_label("Filter by text or type").fill("nothing")
    expect(page.locator("#list button.entity")).to_have_count(0)
