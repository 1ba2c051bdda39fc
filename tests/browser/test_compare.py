"""The page that compares two versions, in a real browser: what people decide, and exactly what is saved."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_api import People, annotated, password_of
from local_api import entity as made
from logins import logged_in
from playwright.sync_api import Browser, BrowserContext, Page, expect
from versions import annotated as drawn

from spacy_tagtog.agreement import adjudicate, compare_sides
from spacy_tagtog.anndoc import Annotations, confidence, html_from_blocks

JsonObject = dict[str, Any]
TEXT = "Ada saw Vega 🙂 in London, Bob saw <b>Mars</b> in Paris."


def entity(surface: str, class_id: str = "e_1", **labels: Any) -> JsonObject:
    start = len(TEXT[: TEXT.index(surface)].encode("utf-16-le")) // 2
    fields = {
        task: {"value": value, "confidence": confidence(state="", who=["user:x"], prob=1)}
        for task, value in labels.items()
    }
    return {**made(class_id, start, surface), "fields": fields}


LEFT = [entity("Ada"), entity("Vega", "e_2"), entity("London", "e_2"), entity("Bob", f_3="guest")]
RIGHT = [entity("Ada"), entity("Vega"), entity("in London", "e_2"), entity("Bob"), entity("Paris", "e_2")]
# In the order of the text: Vega's type, London's borders and Bob's label differ, Paris is the right's alone.


@dataclass
class Desk:
    """A project with members, and browsers in which they are logged in."""

    people: People
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)

    def add(self, name: str = "doc", left: Any = LEFT, right: Any = RIGHT) -> str:
        """A document that the curator (left) and the supercurator (right) confirmed."""
        html = html_from_blocks([("p", TEXT)], doc_id="x", origid=name).data
        for member, entities in (("master", []), ("curator", left), ("supercurator", right)):
            own = annotated(*entities, complete=member != "master").dumps().encode()
            there = [("f", (f"{name}.plain.html", html)), ("f", (f"{name}.ann.json", own))]
            query = {"format": "anndoc", "output": "null", "member": member}
            answer = self.people.call("local", "POST", "documents/v1", files=there, **query)
            assert answer.status_code == 200, answer.text
        return str(answer.json()["items"][0]["docid"])

    def save(self, docid: str, member: str, *entities: JsonObject, complete: bool = True) -> None:
        answer = self.people.call(
            "local",
            "PUT",
            "/-local/annotations",
            docid=docid,
            member=member,
            json=annotated(*entities, complete=complete).data,
        )
        assert answer.status_code == 200, answer.text

    def saved(self, docid: str, member: str = "master") -> JsonObject:
        answer = self.people.ann(docid, member=member)
        assert answer.status_code == 200, answer.text
        found: JsonObject = answer.json()
        return found

    def history(self, docid: str) -> list[JsonObject]:
        answer = self.people.call("local", "GET", "/-local/history", docid=docid)
        found: list[JsonObject] = answer.json()["history"]
        return found

    def adjudicated(
        self,
        docid: str,
        *choices: str | None,
        left: str = "curator",
        right: str = "supercurator",
        **more: Any,
    ) -> JsonObject:
        """What Python makes of the versions as they are now."""
        versions = {name: Annotations(self.saved(docid, name)) for name in (left, right)}
        ids = [one.id for one in compare_sides(versions, left, right).differences]
        chosen: Any = {name: choice for name, choice in zip(ids, choices, strict=True) if choice}
        made = adjudicate(versions, left, right, chosen, who="user:reviewer", **more).annotations.data
        return {**made, "anncomplete": False}

    def open(self, docid: str = "", user: str = "reviewer", options: Any = None, **query: str) -> Page:
        """The page. An error in its scripts fails, and so does a request elsewhere."""
        size = {"viewport": {"width": 1300, "height": 850}}
        server = self.people.server
        context = logged_in(self.browser, server, user, password_of(user), **{**size, **(options or {})})
        self.contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"an error in the page: {error}"))
        page.on("request", lambda request: self._ours(request.url))
        given = "&".join(f"{key}={value}" for key, value in {"docid": docid, **query}.items() if value)
        page.goto(f"{server.url}/owner/{self.people.name}?view=compare&{given}")
        expect(page.locator("#live")).not_to_be_empty()
        return page

    def _ours(self, url: str) -> None:
        assert url.startswith(self.people.server.url), url


@pytest.fixture
def desk(people: People, browser: Browser) -> Iterator[Desk]:
    found = Desk(people, browser)
    yield found
    for context in found.contexts:
        context.close()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def open_number(page: Page, number: int) -> None:
    expect(page.locator("#left-over")).to_have_text(f"{number} undecided" if number else "all decided")


# ---------------------------------------------------------------------------------------------- by keyboard


def test_a_key_per_difference_and_one_per_document(desk: Desk) -> None:
    first, second = desk.add("first"), desk.add("second")
    page = desk.open()
    expect(page.locator("#title")).to_have_text("first")
    expect(page.locator("#card strong")).to_have_text("Vega")
    expect(page.locator("#card .side.left")).to_contain_text("Place")
    expect(page.locator("#card .side.right")).to_contain_text("Person")
    press(page, "2", "h", "ArrowLeft", "l")
    open_number(page, 0)
    press(page, "Enter")
    expect(page.locator("#title")).to_have_text("second")
    assert desk.saved(first) == desk.adjudicated(first, "right", "left", "left", "right")
    assert desk.saved(second)["entities"] == []
    press(page, "3", "0", "2", "x", "Enter")
    expect(page.locator("#notice")).to_have_text("Saved to master. No other document differs.")
    assert desk.saved(second) == desk.adjudicated(second, "both", "neither", "right", "neither")
    last = desk.history(second)[0]
    assert (last["author"], last["source"], last["action"]) == (
        "reviewer",
        "GUI",
        "adjudicated curator and supercurator",
    )


def test_everything_can_be_taken_back_and_done_again(desk: Desk) -> None:
    docid = desk.add()
    page = desk.open(docid)
    press(page, "1", "2", "1", "2")
    open_number(page, 0)
    press(page, "u", "Control+z", "u")
    open_number(page, 3)
    expect(page.locator("#card strong")).to_have_text("London")
    press(page, "Control+y", "Control+y")
    open_number(page, 1)
    press(page, "Backspace")
    open_number(page, 2)
    press(page, "Shift+L")  # right wherever nothing is decided, as one step
    open_number(page, 0)
    press(page, "u")
    open_number(page, 2)
    press(page, "Shift+H", "Enter")
    expect(page.locator("#notice")).to_contain_text("Saved to master")
    assert desk.saved(docid) == desk.adjudicated(docid, "left", "right", "left", "left")


def test_what_is_undecided_is_asked_about_and_in_master_on_neither_side(desk: Desk) -> None:
    docid = desk.add()
    page = desk.open(docid)
    press(page, "1", "Enter")
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("3 differences aren't decided. Master will have neither side of them.")
    press(page, "Escape")
    expect(dialog).to_be_hidden()
    press(page, "Enter", "Enter")  # the safe button has the focus
    expect(dialog).to_be_hidden()
    assert desk.saved(docid)["entities"] == []
    press(page, "Enter")
    dialog.get_by_role("button", name="Save to master").click()
    expect(page.locator("#notice")).to_contain_text("Saved to master, 3 undecided left out.")
    assert desk.saved(docid) == desk.adjudicated(docid, "left", None, None, None)


def test_a_confirmed_master_with_other_annotations_is_replaced_only_after_asking(desk: Desk) -> None:
    docid = desk.add(left=[entity("Ada")], right=[entity("Ada"), entity("Vega")])
    desk.save(docid, "master", entity("Paris", "e_2"))
    page = desk.open(docid, left="curator", right="supercurator")
    expect(page.locator("#said")).to_contain_text("Saving replaces what master has now (1 entity).")
    press(page, "2", "Enter")
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("Master has 1 annotation that people made or accepted. They are replaced")
    expect(dialog).to_contain_text("Master is confirmed. After this it isn't any more.")
    press(page, "Escape")
    page.get_by_label("and confirm master").check()
    press(page, "Enter")
    expect(dialog).not_to_contain_text("isn't any more")
    dialog.get_by_role("button", name="Save to master").click()
    expect(page.locator("#notice")).to_contain_text("Saved to master, confirmed.")
    assert desk.saved(docid) == {**desk.adjudicated(docid, "right"), "anncomplete": True}
    assert [one["action"] for one in desk.history(docid)][:2] == [
        "adjudicated curator and supercurator",
        "saved",
    ]


def test_a_label_has_one_value(desk: Desk) -> None:
    docid = desk.add(left=[entity("Ada", f_3="guest")], right=[entity("Ada", f_3="host")])
    page = desk.open(docid)
    press(page, "b")
    expect(page.locator("#live")).to_have_text("A label has one value: take left, right, or neither.")
    expect(page.locator("#card").get_by_role("button", name="Both")).to_be_disabled()
    press(page, "2", "Enter")
    expect(page.locator("#notice")).to_contain_text("Saved to master")
    assert desk.saved(docid)["entities"][0]["fields"]["f_3"]["value"] == "host"


def test_master_as_a_side_is_decided_alike(desk: Desk) -> None:
    docid = desk.add(left=[entity("Ada"), entity("Vega")])
    suggested = {**entity("Ada"), "confidence": confidence(state="pre-added", who=["ml:x"], prob=0.6)}
    desk.save(docid, "master", suggested, entity("Paris", "e_2"), complete=False)
    before = desk.adjudicated(docid, "right", "right", left="master", right="curator")
    page = desk.open(docid, left="master", right="curator")
    press(page, "2", "2", "Enter")
    expect(page.locator("#notice")).to_contain_text("Saved to master.")
    assert desk.saved(docid) == before
    assert [one["offsets"][0]["text"] for one in before["entities"]] == ["Ada", "Vega"]
    expect(page.locator("#left-over")).to_have_text("no difference")


def test_keys_can_be_changed_and_switched_off(desk: Desk) -> None:
    docid = desk.add()
    page = desk.open(docid)
    press(page, "?")
    page.get_by_label("take both", exact=True).fill("v")
    page.get_by_role("button", name="Close").click()
    press(page, "3")
    open_number(page, 4)
    press(page, "v")
    open_number(page, 3)
    press(page, "?")
    page.get_by_label("single keys are on").uncheck()
    page.get_by_role("button", name="Close").click()
    press(page, "v", "1")
    open_number(page, 3)


# ----------------------------------------------------------------------------------- by mouse, touch, and ear


def test_the_list_and_the_buttons_are_a_complete_second_way(desk: Desk) -> None:
    docid = desk.add()
    page = desk.open(docid)
    rows = page.locator("#list button.difference")
    expect(rows.locator(".text")).to_have_text(["Vega", "London", "Bob: role", "Paris"])
    rows.first.focus()
    press(page, "ArrowDown")
    expect(page.locator("#live")).to_contain_text(
        "London, other borders. curator: Place; supercurator: Place. undecided"
    )
    expect(rows.nth(1)).to_be_focused()
    page.locator("#card .side.right").focus()
    press(page, "Enter")  # presses the button, and doesn't save
    open_number(page, 3)
    expect(page.locator("#card .side.right")).to_be_focused()
    assert desk.saved(docid)["entities"] == []
    page.locator("#list").get_by_role("button", name="Undecided 3").click()
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    open_number(page, 4)
    page.locator("#list").get_by_role("button", name="All 4").click()
    page.locator("#text mark", has_text="Paris").click()
    page.locator("#card .side.left").click()
    expect(rows.last).to_contain_text("left out")


def test_a_tap_is_enough_in_a_narrow_window(desk: Desk) -> None:
    docid = desk.add()
    options = {"viewport": {"width": 320, "height": 740}, "has_touch": True, "is_mobile": True}
    page = desk.open(docid, options=options)
    page.locator("#text mark.left").first.tap()
    page.locator("#card .side.right").tap()
    expect(page.locator("#card strong")).to_contain_text("London")
    page.locator("#card .side.left").tap()
    page.get_by_role("button", name="List", exact=True).tap()
    page.locator("#list button.difference").last.tap()
    press(page, "Escape")
    page.locator("#card .side.right").tap()
    page.locator("#card .side.right").tap()
    page.get_by_role("button", name="Save to master").tap()
    expect(page.locator("#notice")).to_contain_text("Saved to master")
    assert desk.saved(docid) == desk.adjudicated(docid, "right", "left", "right", "right")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_texts_are_shown_as_texts(desk: Desk) -> None:
    docid = desk.add(left=[entity("<b>Mars</b>")], right=[entity("Mars", f_3="<img src=x onerror=alert(1)>")])
    page = desk.open(docid)
    assert page.locator("#text .part").text_content() == TEXT
    assert page.locator("#text b, #text img, #card img, #list img, #list b").count() == 0
    marked = page.locator("#text mark").evaluate_all("marks => marks.map((mark) => mark.textContent)")
    assert marked == ["<b>", "Mars", "Mars", "</b>"]  # the left's entity, and the right's within it
    expect(page.locator("#card .side.left .context b")).to_have_text("<b>Mars</b>")
    expect(page.locator("#card .side.right")).to_contain_text("role: <img src=x onerror=alert(1)>")


# -------------------------------------------------------------------------------------- what is compared


def test_other_versions_are_chosen_and_the_address_names_them(desk: Desk) -> None:
    docid = desk.add()
    desk.save(docid, "master", entity("Paris", "e_2"), complete=False)
    page = desk.open(docid)
    page.get_by_label("right").select_option("master")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#said")).to_contain_text("curator and master share 0 entities.")
    assert "right=master" in page.url
    page.go_back()
    expect(page.locator("#said")).to_contain_text("curator and supercurator")
    page.goto(f"{desk.people.server.url}/owner/{desk.people.name}/pool/{docid}?view=history")
    page.get_by_role("link", name="compare with now").first.click()
    expect(page.locator("#said")).to_contain_text("and master share 0 entities. They differ in 1 place.")
    expect(page.get_by_label("left").locator("option:checked")).to_contain_text("master, ")
    expect(page.locator("#queue")).to_contain_text("An earlier save is of this document alone.")
    press(page, "2", "Enter")
    assert [one["offsets"][0]["text"] for one in desk.saved(docid)["entities"]] == ["Paris"]


def test_the_models_version_is_compared_with_a_person(desk: Desk) -> None:
    docid = desk.add()
    suggested = {**entity("Ada"), "confidence": confidence(state="pre-added", who=["ml:x"], prob=0.6)}
    html = html_from_blocks([("p", TEXT)], doc_id="x", origid="doc").data
    own = annotated(suggested).dumps().encode()
    there = [("f", ("doc.plain.html", html)), ("f", ("doc.ann.json", own))]
    desk.people.call("local", "POST", "documents/v1", files=there, format="anndoc", output="null")
    page = desk.open(docid, left="save:model", right="curator")
    expect(page.locator("#said")).to_contain_text("the model's version and curator share 1 entity.")
    expect(page.get_by_label("left").locator("option:checked")).to_have_text("the model's version, as pushed")


# ----------------------------------------------------------------------------------------- who may what


@pytest.mark.parametrize("user", ["reader", "curator"])
def test_who_may_not_change_master_only_looks(desk: Desk, user: str) -> None:
    docid = desk.add()
    desk.save(docid, "master", entity("Paris", "e_2"), complete=False)
    page = desk.open(docid, user, left=f"save:{desk.history(docid)[-1]['id']}", right="master")
    expect(page.locator("#said")).to_contain_text(f"A {user} may not edit the master version.")
    press(page, "1", "3", "Enter")
    open_number(page, 1)
    expect(page.locator("#save")).to_be_disabled()
    expect(page.locator("#card .side.left")).to_be_disabled()
    copy = page.get_by_role("button", name="Copy master to me")
    expect(copy).to_have_count(1 if user == "curator" else 0)
    if user == "curator":
        copy.click()
        expect(page.locator("#dialog")).to_contain_text("This can't be done: your version is confirmed.")
    assert [one["offsets"][0]["text"] for one in desk.saved(docid)["entities"]] == ["Paris"]


def test_a_curator_copies_master_to_an_own_version(desk: Desk) -> None:
    docid = desk.add()
    desk.save(docid, "master", entity("Paris", "e_2"), complete=False)
    desk.save(docid, "curator", entity("Ada"), complete=False)
    page = desk.open(docid, "curator", left="master", right="curator")
    page.get_by_role("button", name="Copy master to me").click()
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("master (1 entity) becomes your version, not confirmed.")
    expect(dialog).to_contain_text("Your version has 1 entity now: they are replaced. The history keeps them")
    press(page, "Enter")  # the safe button has the focus
    assert desk.saved(docid, "curator")["entities"][0]["offsets"][0]["text"] == "Ada"
    page.get_by_role("button", name="Copy master to me").click()
    dialog.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator("#notice")).to_contain_text("master was copied to your version.")
    assert desk.saved(docid, "curator") == desk.saved(docid)
    page.get_by_role("link", name="Its history can take it back.").click()
    page.get_by_role("button", name="restore").first.click()
    assert desk.saved(docid, "curator")["entities"][0]["offsets"][0]["text"] == "Ada"


def test_a_version_is_copied_to_master_unless_somebody_saved_it_meanwhile(desk: Desk) -> None:
    docid = desk.add()
    page = desk.open(docid)
    page.get_by_role("button", name="Copy curator to master").click()
    desk.save(docid, "master", entity("Paris", "e_2"), complete=False)
    page.locator("#dialog").get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator("#notice")).to_contain_text("Not done: somebody else saved that version meanwhile.")
    assert len(desk.saved(docid)["entities"]) == 1
    page.get_by_role("button", name="Copy curator to master").click()
    page.locator("#dialog").get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator("#notice")).to_contain_text("curator was copied to master.")
    assert desk.saved(docid) == {**desk.saved(docid, "curator"), "anncomplete": False}
    desk.save(docid, "master", entity("Paris", "e_2"))
    page.reload()
    page.get_by_role("button", name="Copy curator to master").click()
    expect(page.locator("#dialog")).to_contain_text("This can't be done: master is confirmed.")


def test_all_confirmed_versions_are_merged(desk: Desk) -> None:
    docid = desk.add()
    page = desk.open(docid)
    page.get_by_role("button", name="Merge all confirmed versions…").click()
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("The confirmed versions are those of curator, supercurator.")
    expect(dialog).to_contain_text("Master would have 2 entities.")
    dialog.get_by_label("everything that any of them has").check()
    expect(dialog).to_contain_text("Master would have 7 entities.")
    assert desk.saved(docid)["entities"] == []
    dialog.get_by_role("button", name="Merge", exact=True).click()
    expect(page.locator("#notice")).to_contain_text("The confirmed versions were merged into master.")
    assert len(desk.saved(docid)["entities"]) == 7
    assert desk.history(docid)[0]["action"] == "merged (union_v1)"


# --------------------------------------------------------------------------------------------- bad moments


def test_what_somebody_saved_in_between_keeps_the_decisions_that_still_apply(desk: Desk) -> None:
    docid = desk.add()
    page = desk.open(docid)
    press(page, "1", "2", "1", "2")
    desk.save(docid, "curator", *LEFT[:1], entity("Vega", "e_2"), LEFT[3])  # London is gone
    press(page, "Enter")
    expect(page.locator("#notice")).to_contain_text(
        "Not saved: the left version was changed meanwhile. The versions were compared again. "
        "3 decisions of 4 still apply."
    )
    assert desk.saved(docid)["entities"] == []
    open_number(page, 1)
    expect(page.locator("#card strong")).to_have_text("in London")
    press(page, "1")
    desk.save(docid, "master", entity("Ada"), complete=False)
    press(page, "Enter")
    expect(page.locator("#notice")).to_contain_text("somebody else saved this version since it was read")
    press(page, "Enter")
    page.locator("#dialog").get_by_role("button", name="Save to master").click()
    expect(page.locator("#notice")).to_contain_text("Saved to master.")
    assert desk.saved(docid) == desk.adjudicated(docid, "left", "left", "left", "right")


def test_a_session_that_ends_keeps_the_decisions(desk: Desk) -> None:
    docid = desk.add()
    page = desk.open(docid)
    press(page, "1", "2", "1", "2")
    desk.contexts[-1].clear_cookies()
    press(page, "Enter")
    page.get_by_label("User name").fill("reviewer")
    page.get_by_label("Password").fill(password_of("reviewer"))
    press(page, "Enter")
    open_number(page, 0)
    press(page, "Enter")
    expect(page.locator("#notice")).to_contain_text("Saved to master.")
    assert desk.saved(docid) == desk.adjudicated(docid, "left", "right", "left", "right")


def test_decisions_wait_in_the_browser_while_the_server_is_away(desk: Desk) -> None:
    docid = desk.add()
    page = desk.open(docid)
    press(page, "1", "2", "1", "2")
    desk.contexts[-1].set_offline(True)
    press(page, "Enter")
    expect(page.locator("#notice")).to_contain_text("Your decisions are kept in this browser")
    desk.contexts[-1].set_offline(False)
    page.reload()
    open_number(page, 0)
    press(page, "Enter")
    expect(page.locator("#notice")).to_contain_text("Saved to master.")
    page.reload()  # what was saved isn't kept any longer
    open_number(page, 4)


def test_a_full_disk_is_said_and_nothing_is_lost(desk: Desk) -> None:
    docid = desk.add()
    page = desk.open(docid)
    press(page, "1", "2", "1", "2")
    body = "there is no space left for the database\n  to do: free some space"
    page.route(
        "**/-local/compare?*",
        lambda route: (
            route.fulfill(status=507, body=body) if route.request.method == "PUT" else route.continue_()
        ),
    )
    press(page, "Enter")
    expect(page.locator("#notice")).to_have_text("There is no space left for the database. Free some space.")
    open_number(page, 0)


def test_a_version_or_document_that_is_gone_is_said(desk: Desk) -> None:
    docid = desk.add()
    page = desk.open(docid)
    press(page, "1", "2", "1", "2")
    with desk.people.server.database.writing() as connection:
        connection.execute("DELETE FROM versions WHERE member = 'curator'")
    press(page, "Enter")
    notice = page.locator("#notice")
    expect(notice).to_have_text(
        "Curator has no version of this document, or not any more. Choose another version."
    )
    page.reload()
    expect(notice).to_contain_text("Curator has no version of this document")
    page.get_by_label("left").select_option("master")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#said")).to_contain_text("master and supercurator")
    desk.people.call("local", "DELETE", "documents/v1", ids=docid)
    press(page, "1")
    page.reload()
    expect(notice).to_contain_text("The project has no such document.")


def test_a_text_that_was_replaced_is_said(desk: Desk) -> None:
    docid = desk.people.text("Ada in London")
    desk.save(docid, "master", complete=False)
    desk.save(docid, "master", made("e_1", 0, "Ada"), complete=False)
    page = desk.open(docid, left=f"save:{desk.history(docid)[-1]['id']}", right="master")
    expect(page.locator("#live")).not_to_be_empty()
    desk.people.save("Ada in Paris", annotated(), name=docid)
    press(page, "2", "Enter")
    expect(page.locator("#notice")).to_have_text(
        "The document has another text than when this was saved. Choose another version."
    )


def test_what_has_nothing_to_compare_says_so(desk: Desk) -> None:
    page = desk.open()
    expect(page.locator("#text")).to_contain_text("No document")
    docid = desk.people.text("alone")
    page = desk.open(docid)
    expect(page.locator("#text")).to_contain_text("There is one version of this document")


# --------------------------------------------------------------------------------------------- for everyone


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "scale"), [(1440, 1), (720, 2), (320, 1)])
def test_axe_finds_nothing(desk: Desk, scheme: str, width: int, scale: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    docid = desk.add()
    # axe is put into the page by the test, which the page's own policy forbids.
    options = {
        "color_scheme": scheme,
        "viewport": {"width": width, "height": 800},
        "device_scale_factor": scale,
        "bypass_csp": True,
    }
    page = desk.open(docid, options=options)
    press(page, "1", "2", "k")
    steps: list[tuple[str, ...]] = [(), ("Enter",), ("Escape", "?")]
    for keys in steps:
        press(page, *keys)
        result = Axe().run(page)
        assert result.violations_count == 0, result.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


# ------------------------------------------------------------------------------------- the page's decisions


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def model(browser: Browser) -> Iterator[Page]:
    """A page that has loaded the decisions, and nothing else."""
    folder = str(files("spacy_tagtog.server.web") / "static" / "compare")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/decisions.js")
        page.evaluate(
            """async () => {
                const { Decisions } = await import("/decisions.js");
                window.replay = ([differences, steps]) => {
                  const decisions = new Decisions(differences);
                  for (const [name, ...given] of steps) decisions[name](...given);
                  const kept = decisions.toJSON();
                  const again = new Decisions(differences, { ...kept, gone: "left" }).toJSON();
                  while (decisions.undo());
                  return [kept, again, decisions.toJSON()];
                };
            }"""
        )
        yield page
        page.close()
        server.shutdown()
        thread.join()


@given(drawn(), drawn(), st.data())
@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
def test_the_page_keeps_what_was_decided_whatever_is_taken_back(
    model: Page, left: Annotations, right: Annotations, data: st.DataObject
) -> None:
    sides = {"ann": left, "bob": right}
    found = compare_sides(sides, "ann", "bob").differences
    told = [
        {"id": one.id, "how": one.how, "left": one.left, "right": one.right, "choices": list(one.choices)}
        for one in found
    ]
    plain: dict[str, Any] = {}
    done: list[dict[str, Any]] = []
    undone: list[dict[str, Any]] = []
    steps: list[list[Any]] = []
    for _ in range(data.draw(st.integers(0, 8)) if found else 0):
        action = data.draw(st.sampled_from(["decide", "decide", "decide", "clear", "undo", "redo"]))
        if action in ("undo", "redo"):
            steps.append([action])
            source, target = (done, undone) if action == "undo" else (undone, done)
            if source:
                target.append(plain)
                plain = source.pop()
            continue
        one = data.draw(st.sampled_from(found))
        choice = (
            None if action == "clear" else data.draw(st.sampled_from(["left", "right", "both", "neither"]))
        )
        steps.append(["decide", [one.id], choice])
        after = {key: value for key, value in plain.items() if key != one.id}
        if choice is not None and choice in one.choices:
            after[one.id] = said(one, choice)
        elif choice is not None:
            continue
        if after != plain:
            done.append(plain)
            undone, plain = [], after
    kept, again, first = model.evaluate("replay", [told, steps])
    assert kept == again == plain
    assert first == {}


def said(one: Any, choice: str) -> str:
    """Where one side has nothing, both and neither are other words for one of both sides."""
    if one.how != "only" or choice not in ("both", "neither"):
        return choice
    has_left = one.left is not None
    return "left" if has_left == (choice == "both") else "right"


@given(drawn(), drawn(), st.data())
@settings(max_examples=30, deadline=None)
def test_what_the_page_sends_for_both_and_neither_writes_the_same(
    left: Annotations, right: Annotations, data: st.DataObject
) -> None:
    sides = {"ann": left, "bob": right}
    found = compare_sides(sides, "ann", "bob").differences
    raw: Any = {one.id: data.draw(st.sampled_from(one.choices)) for one in found}
    sent: Any = {one.id: said(one, raw[one.id]) for one in found}
    made_of = [
        adjudicate(sides, "ann", "bob", decisions, who="user:x").annotations.data for decisions in (raw, sent)
    ]
    assert made_of[0] == made_of[1]
