"""The page of a project in a real browser: found by keyboard, uploaded by dropping."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from local_api import LEGEND, People, annotated, entity, password_of
from logins import logged_in
from playwright.sync_api import Browser, Page, Route, expect

from spacy_tagtog.anndoc import confidence

DROP = """
([name, text]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([text], name));
  for (const type of ["dragenter", "dragover", "drop"]) {
    const event = new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true });
    document.querySelector("h1").dispatchEvent(event);
  }
}
"""


@pytest.fixture
def page(people: People, browser: Browser) -> Iterator[Page]:
    """The page of a project of the admin's."""
    context = logged_in(browser, people.server, "admin", password_of("admin"))
    made = context.new_page()
    made.on("pageerror", lambda error: pytest.fail(f"an error in the page: {error}"))
    yield made
    context.close()


def open_project(page: Page, people: People, more: str = "") -> None:
    page.goto(f"{people.server.url}/owner/{people.name}{more}")


def names(page: Page) -> list[str]:
    return page.locator("td .name").all_inner_texts()


def files(*given: tuple[str, str]) -> list[dict[str, object]]:
    return [{"name": name, "mimeType": "", "buffer": text.encode()} for name, text in given]


def test_documents_are_found_and_opened_by_keyboard(page: Page, people: People) -> None:
    own = annotated(entity("e_1", 0, "Ada", confidence=confidence(state="pre-added", who=["ml:x"], prob=0.4)))
    for number in (10, 2, 1):
        people.save(f"Ada {number}", own, name=f"doc{number}", folder="train")
    people.text("Eve", filename="other")
    open_project(page, people)
    assert names(page) == ["doc1", "doc2", "doc10", "other.txt"]
    page.get_by_role("searchbox", name="Search").focus()
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("3 documents")
    expect(page.get_by_role("searchbox")).to_have_value("Ada")
    page.get_by_role("navigation", name="Folders").get_by_role("link", name="train").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("train")
    expect(page.get_by_role("searchbox")).to_have_value("Ada")
    page.get_by_role("columnheader").get_by_role("link", name="Document").press("Enter")
    expect(page.get_by_role("columnheader", name="Document")).to_have_attribute("aria-sort", "descending")
    assert names(page) == ["doc10", "doc2", "doc1"]
    page.go_back()
    assert names(page) == ["doc1", "doc2", "doc10"]
    page.get_by_label("Sort by").select_option(label="created: newest first")
    page.get_by_role("button", name="Apply").press("Enter")
    expect(page.get_by_role("columnheader", name="Created")).to_be_visible()
    assert names(page) == ["doc1", "doc2", "doc10"]
    page.get_by_role("link", name="Remove the filter search: Ada").press("Enter")
    expect(page.get_by_role("searchbox")).to_have_value("")
    page.get_by_role("link", name="doc2", exact=True).press("Enter")
    expect(page.locator("#title")).to_have_text("doc2")  # the review page


def test_help_and_errors_of_a_search_are_beside_it(page: Page, people: People) -> None:
    open_project(page, people)
    example = page.get_by_role("link", name="entity:Person")
    expect(example).to_be_hidden()
    page.get_by_text("How to search").press("Enter")
    example.press("Enter")
    expect(page.get_by_role("searchbox")).to_have_value("entity:Person")
    page.get_by_role("searchbox").fill("Ada AND (")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The query ends too early. It is at character 10.")
    expect(page.get_by_role("searchbox")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("searchbox")).to_have_value("Ada AND (")


@pytest.mark.parametrize("width", [320, 700, 1000, 1230, 1300, 1800])
def test_nothing_scrolls_sideways_at_any_width(page: Page, people: People, width: int) -> None:
    own = annotated(entity("e_1", 0, "Ada", confidence=confidence(state="pre-added", who=["ml:x"], prob=0.4)))
    docid = people.save("Ada " + "x" * 200, own, name="n" * 150, folder="train", distributeToMembers="*")
    people.call("local", "PUT", "/-local/flag", docid=docid, json={"note": "y" * 200})
    people.call("local", "PUT", "/-local/ranking", json={"documents": [{"id": docid, "rank": 1, "batch": 1}]})
    page.set_viewport_size({"width": width, "height": 800})
    open_project(page, people, "?q=" + "Ada+" * 30)
    assert names(page) == ["n" * 150]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    table = page.locator("table.documents")
    assert table.evaluate("element => element.scrollWidth <= element.clientWidth + 1")
    if width == 320:  # a card says what each number is
        expect(page.get_by_text("Least sure", exact=True).last).to_be_visible()


# ----------------------------------------------------------------------------------------------------- upload


def test_dropped_files_are_uploaded_to_the_folder_that_is_shown(page: Page, people: People) -> None:
    open_project(page, people, "/pool/train")
    page.evaluate(DROP, ["dropped.txt", "Vega rose."])
    expect(page.locator("#uploads [role=status]")).to_have_text("1 of 1 document done: 1 new")
    expect(page.locator("body")).not_to_have_class("documents-page dropping")
    page.evaluate(DROP, ["dropped.png", "x"])
    expect(page.locator("#uploads [role=status]")).to_have_text("2 of 2 documents done: 1 new, 1 refused")
    (refused,) = page.locator(".uploads .refused").all_inner_texts()
    assert "can't import files of this kind" in refused
    page.get_by_role("link", name="Show the documents").click()
    expect(page.get_by_role("link", name="dropped.txt", exact=True)).to_be_visible()
    assert [(one["filename"], one["folder"]) for one in people.docs()] == [("dropped.txt", "pool/train")]


def test_chosen_files_are_uploaded_by_keyboard_each_with_its_result(page: Page, people: People) -> None:
    own = annotated(entity("e_1", 0, "Ada")).dumps()
    open_project(page, people)
    page.get_by_role("link", name="Upload", exact=True).press("Enter")
    expect(page.get_by_label("Files", exact=True)).to_be_focused()
    chosen = files(
        ("one.txt", "Ada"),
        ("one.ann.json", own),
        ("two.txt", "Eve"),
        ("empty.txt", ""),
        ("alone.ann.json", own),
    )
    page.get_by_label("Files", exact=True).set_input_files(chosen)  # type: ignore[arg-type]
    page.get_by_label("Into the folder").select_option(label="pool/train")
    page.get_by_label("Read them as").select_option(label="plain text, a part per paragraph")
    page.get_by_role("button", name="Upload", exact=True).press("Enter")
    expect(page.locator("#uploads [role=status]")).to_have_text("4 of 4 documents done: 2 new, 2 refused")
    results = page.locator(".uploads li").all_inner_texts()
    assert sorted(text.split()[0].rstrip(",") for text in results) == [
        "alone.ann.json",
        "empty.txt",
        "one.txt",
        "two.txt",
    ]
    assert any("need their document beside them" in text for text in results)
    page.get_by_role("link", name="one.txt, one.ann.json").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("one.txt")
    assert len(people.docs("folder:train")) == 2
    # A second time nothing is chosen any more.
    open_project(page, people, "#upload")
    page.get_by_role("button", name="Upload", exact=True).press("Enter")
    assert page.get_by_label("Files", exact=True).evaluate("input => input.validationMessage")


def test_a_whole_folder_is_uploaded(page: Page, people: People, tmp_path: Path) -> None:
    for path in ("notes/a.txt", "notes/deep/a.txt", "notes/.hidden"):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"Vega in {path}", encoding="utf-8")
    open_project(page, people, "#upload")
    page.get_by_label("All files of a folder").set_input_files(tmp_path / "notes")
    page.get_by_role("button", name="Upload", exact=True).press("Enter")
    expect(page.locator("#uploads [role=status]")).to_contain_text("2 new")
    shown = " ".join(page.locator(".uploads li").all_inner_texts())
    assert "notes/deep/a.txt" in shown
    assert [one["filename"] for one in people.docs()] == ["a.txt", "a.txt"]


def test_what_could_not_be_sent_is_kept_and_sent_again(page: Page, people: People) -> None:
    open_project(page, people, "#upload")

    def abort(route: Route) -> None:
        route.abort()

    page.route("**/-local/upload*", abort)
    page.get_by_label("Files", exact=True).set_input_files(files(("a.txt", "Vega"), ("b.txt", "Mars")))  # type: ignore[arg-type]
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#uploads [role=status]")).to_have_text("2 of 2 documents done: 2 not sent")
    assert people.docs() == []
    page.unroute("**/-local/upload*", abort)
    page.get_by_role("button", name="Try again what failed").click()
    expect(page.locator("#uploads [role=status]")).to_have_text("2 of 2 documents done: 2 new")
    assert sorted(one["filename"] for one in people.docs()) == ["a.txt", "b.txt"]
    # The session ends, in the middle of work.
    page.context.clear_cookies()
    page.evaluate(DROP, ["c.txt", "Deneb"])
    expect(page.locator(".uploads .failed")).to_contain_text("you aren't logged in any more")


def test_an_answer_that_is_not_the_servers_own_is_no_success(page: Page, people: People) -> None:
    open_project(page, people)
    page.route("**/-local/upload*", lambda route: route.fulfill(status=200, body="<html>a proxy</html>"))
    page.evaluate(DROP, ["a.txt", "Vega"])
    expect(page.locator(".uploads .failed")).to_contain_text("not known whether it was stored")
    page.unroute("**/-local/upload*")
    page.get_by_role("button", name="Try again what failed").press("Enter")
    expect(page.locator("#uploads [role=status]")).to_have_text("1 of 1 document done: 1 new")


def test_a_new_project_says_how_to_begin(page: Page, people: People) -> None:
    open_project(page, people)
    expect(page.get_by_text("Choose files below, or drop them on this page.")).to_be_visible()
    expect(page.get_by_label("Files", exact=True)).to_be_visible()


# ------------------------------------------------------------------------------------------------- guidelines


def test_guidelines_are_one_key_away_and_edited_by_keyboard(page: Page, people: People) -> None:
    open_project(page, people)
    page.get_by_role("link", name="Guidelines").press("Enter")
    page.get_by_role("link", name="Write them").press("Enter")
    page.get_by_label("The guidelines, as Markdown").focus()
    page.keyboard.type("# What counts\n\nNames of people <b>only</b>.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What counts")).to_be_visible()
    expect(page.get_by_text("Names of people <b>only</b>.")).to_be_visible()
    page.get_by_role("link", name="Edit").press("Enter")
    expect(page.get_by_label("The guidelines, as Markdown")).to_have_value(
        "# What counts\n\nNames of people <b>only</b>."
    )
    assert list(LEGEND)  # the rest of the settings stayed
    assert people.call("admin", "GET", "settings/v1/annotationsLegend").json() == dict(LEGEND)
