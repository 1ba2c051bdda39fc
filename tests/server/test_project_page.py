"""The page of a project, as a browser without scripts gets it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from local_api import LEGEND, People, annotated, entity, password_of
from logins import Surfer
from lxml import html as lxml_html

from spacy_tagtog.anndoc import confidence
from spacy_tagtog.server import LocalTagtog, create_project, settings_from_legend


class Visitor:
    """Somebody who is logged in and looks at the page."""

    def __init__(self, people: People, user: str) -> None:
        self.people = people
        self.surfer = Surfer(people.server.url)
        name, password = (user, password_of(user))
        if user == "local":
            name, password = people.server.username, people.server.password
        assert self.surfer.log_in(name, password).ok
        self.path = f"/owner/{people.name}"

    def page(self, address: str = "", status: int = 200) -> Any:
        """A page: below the project's, or of a link."""
        path = address if address.startswith("/owner/") else self.path + address
        answer = self.surfer.open(path)
        assert answer.status_code == status, answer.text
        return lxml_html.fromstring(answer.content.decode())

    def names(self, address: str = "") -> list[str]:
        """The names of the documents, in their order."""
        return [str(name) for name in self.page(address).xpath("//td//a[@class='name']/text()")]


@pytest.fixture
def visit(people: People) -> Iterator[Any]:
    visitors: list[Visitor] = []

    def log_in(user: str = "local") -> Visitor:
        visitors.append(Visitor(people, user))
        return visitors[-1]

    yield log_in
    for one in visitors:
        one.surfer.close()


def link(tree: Any, text: str) -> str:
    """Where the one link leads whose text begins with this."""
    (found,) = [
        a.get("href") for a in tree.xpath("//a") if " ".join(a.text_content().split()).startswith(text)
    ]
    return str(found)


def suggested(start: int, text: str, prob: float) -> dict[str, Any]:
    return entity("e_1", start, text, confidence=confidence(state="pre-added", who=["ml:x"], prob=prob))


def fill(people: People) -> dict[str, str]:
    """Four documents. Gives their ids by their names."""
    return {
        "doc10": people.save(
            "Ada met Bob", annotated(suggested(0, "Ada", 0.6), suggested(8, "Bob", 0.9)), name="doc10"
        ),
        "doc2": people.save(
            "Eve left", annotated(complete=True, metas={"m_4": {"value": "art"}}), name="doc2", folder="train"
        ),
        "doc1": people.save("Ada stayed", annotated(suggested(0, "Ada", 0.3)), name="doc1", folder="train"),
        "alone": people.text("Nobody annotated this", filename="alone"),
    }


# ----------------------------------------------------------------------------------------- search and filters


def test_a_search_is_kept_in_the_form_and_in_every_link(people: People, visit: Any) -> None:
    fill(people)
    visitor = visit()
    assert visitor.names("?q=Ada") == ["doc1", "doc10"]
    tree = visitor.page("?q=Ada&sort=-name")
    assert tree.xpath("//input[@id='q']/@value") == ["Ada"]
    assert visitor.names(link(tree, "to review")) == ["doc10", "doc1"]
    assert visitor.names(link(tree, "train")) == ["doc1"]
    assert visitor.names(link(tree, "Remove the filter search: Ada")) == [
        "doc10",
        "doc2",
        "doc1",
        "alone.txt",
    ]


@pytest.mark.parametrize(
    ("query", "problem", "marked"),
    [
        ("Ada AND", "The query ends too early. It is at character 8.", "…"),
        ("Ada AND (Bob OR) Eve", ") can't stand here. It is at character 16.", ")"),
        ('say "Ada', "A quote isn't closed.", '"Ada'),
        ("entitty:Person x", "The query uses a field that isn't known.", "entitty"),
        ("entity:Person a^2 b", "A boosted term (^) can't be searched for in the local tagtog.", "a^2"),
        ("updated:yesterday", "Updated: needs a date.", "yesterday"),
    ],
)
def test_what_is_wrong_with_a_search_is_said_in_words_and_shown_in_it(
    people: People, visit: Any, query: str, problem: str, marked: str
) -> None:
    fill(people)
    visitor = visit()
    answer = visitor.surfer.get(
        people.server.url + visitor.path, params={"q": query, "state": "open"}, timeout=20
    )
    assert answer.status_code == 400
    tree = lxml_html.fromstring(answer.content.decode())
    (said,) = tree.xpath("//*[@role='alert']")
    assert problem in " ".join(said.text_content().split())
    assert said.xpath(".//mark/text()") == [marked]
    assert said.xpath(".//code")[0].text_content().removesuffix("…") == query
    assert tree.xpath("//input[@id='q']/@value") == [query]
    assert not tree.xpath("//table")
    # The other filters are still there.
    assert visitor.names(link(tree, "Remove the filter search")) == ["alone.txt", "doc1", "doc10"]


def test_filters_add_up_and_can_be_taken_away_one_by_one(people: People, visit: Any) -> None:
    ids = fill(people)
    people.call("local", "PUT", "/-local/flag", docid=ids["doc1"], json={"note": "Ada or Ava?"})
    visitor = visit()
    tree = visitor.page()
    assert visitor.names(link(tree, "confirmed 1")) == ["doc2"]
    assert visitor.names(link(tree, "to review 3")) == ["alone.txt", "doc1", "doc10"]
    flagged = visitor.page(link(tree, "flagged 1"))
    assert "Ada or Ava? (local)" in " ".join(flagged.text_content().split())
    both = visitor.page(link(flagged, "confirmed 1"))
    assert "There is no document here" in both.text_content()
    assert visitor.names(link(both, "Remove the filter confirmed")) == ["doc1"]
    assert visitor.names(link(both, "Remove the filter flagged")) == ["doc2"]
    assert len(visitor.names(link(both, "Remove all"))) == 4


def test_document_labels_are_filters_with_their_values(people: People, visit: Any) -> None:
    fill(people)
    visitor = visit()
    options = visitor.page().xpath("//select[@name='m_4']/option/text()")
    assert options == ["any or none", "art (1)", "any value", "not set"]
    for wanted, names in (
        ("is:art", ["doc2"]),
        ("is:none", []),
        ("set", ["doc2"]),
        ("unset", ["alone.txt", "doc1", "doc10"]),
    ):
        assert visitor.names(f"?m_4={wanted}") == names
    tree = visitor.page("?m_4=unset")
    assert tree.xpath("//select[@name='m_4']/option[@selected]/@value") == ["unset"]
    assert len(visitor.names(link(tree, "Remove the filter topic: not set"))) == 4


def test_members_find_what_is_theirs(people: People, visit: Any) -> None:
    fill(people)
    given = people.text("For the curator", filename="given", distributeToMembers="curator")
    done = people.text("Done by the curator", filename="done", distributeToMembers="curator")
    own = annotated(complete=True)
    answer = people.call("curator", "PUT", "/-local/annotations", docid=done, json=own.data)
    assert answer.ok, answer.text
    visitor = visit("curator")
    tree = visitor.page()
    assert visitor.names(link(tree, "waiting for me 1")) == ["given.txt"]
    assert visitor.names(link(tree, "confirmed by me")) == ["done.txt"]
    assert visitor.names(link(tree, "all mine")) == ["done.txt", "given.txt"]
    assert "curator ✓" in visitor.page("?mine=confirmed").text_content()
    assert "for curator" in visitor.page("?mine=open").text_content()
    assert given
    # Who reviews master has nothing of the own, and a reader neither.
    assert "waiting for me" not in visit("admin").page().text_content()
    assert "waiting for me" not in visit("reader").page().text_content()


def test_many_document_labels_are_folded_up(server: LocalTagtog, people: People, visit: Any) -> None:
    settings = settings_from_legend(
        type(LEGEND)({f"m_{number}": f"label {number}" for number in range(1, 9)})
    )
    server.database.write(create_project, "owner", f"{people.name} labels", settings)
    visitor = visit()
    visitor.path += "%20labels"
    (folded,) = visitor.page().xpath("//form[@role='search']//details[.//select]")
    assert folded.xpath("summary/text()") == ["8 document labels"]
    assert folded.get("open") is None
    (open_now,) = visitor.page("?m_3=set").xpath("//form[@role='search']//details[.//select]")
    assert open_now.get("open") is not None


@pytest.mark.parametrize(
    "query", ["state=none", "mine=yours", "flagged=no", "sort=size", "m_4=art", "m_99=set", "m_x=set"]
)
def test_a_filter_that_there_is_not_is_refused(people: People, visit: Any, query: str) -> None:
    tree = visit().page(f"?{query}", status=400)
    assert "This can't be done" in tree.text_content()


# ----------------------------------------------------------------------------------------- orders and folders


def test_documents_are_sorted_by_what_one_asks_for(people: People, visit: Any) -> None:
    ids = fill(people)
    visitor = visit()
    assert visitor.names() == ["alone.txt", "doc1", "doc2", "doc10"]
    assert visitor.names("?sort=-name") == ["doc10", "doc2", "doc1", "alone.txt"]
    assert visitor.names("?sort=created") == ["doc10", "doc2", "doc1", "alone.txt"]
    assert visitor.names("?sort=sureness") == ["doc1", "doc10", "doc2", "alone.txt"]
    assert visitor.names("?sort=-sureness") == ["doc10", "doc1", "doc2", "alone.txt"]
    changed = people.call(
        "local", "PUT", "/-local/annotations", docid=ids["doc2"], member="master", json=annotated().data
    )
    assert changed.ok
    assert visitor.names("?sort=-changed")[0] == "doc2"
    places = [{"id": ids[name], "rank": n, "batch": 1} for n, name in enumerate(("doc2", "doc10"), 1)]
    assert people.call("local", "PUT", "/-local/ranking", json={"documents": places}).ok
    assert visitor.names() == ["doc2", "doc10", "doc1", "alone.txt"]  # as they are to be reviewed
    assert visitor.names("?sort=-rank") == ["doc10", "doc2", "doc1", "alone.txt"]
    (order,) = visitor.page("?sort=-name").xpath("//th[@aria-sort]")
    assert (order.get("aria-sort"), order.text_content().split()[0]) == ("descending", "Document")
    assert visitor.names(order.xpath("a/@href")[0]) == ["alone.txt", "doc1", "doc2", "doc10"]


def test_folders_are_a_tree_in_natural_order_with_counts(
    server: LocalTagtog, people: People, visit: Any
) -> None:
    for path in ("pool/set 10", "pool/set 2", "pool/set 2/deep"):
        assert people.call("local", "POST", "settings/v1/folders/add", json={"path": path}).ok
    people.text("Vega", filename="in deep", folder="pool/set 2/deep")
    people.text("Vega", filename="in set", folder="pool/set 2")
    people.text("Vega", filename="in pool")
    visitor = visit()
    tree = visitor.page()
    shown = [" ".join(a.text_content().split()) for a in tree.xpath("//nav[@aria-label='Folders']//a")]
    assert shown == ["all documents 3", "pool 3", "set 2 2", "deep 1", "set 10 0", "train 0"]
    inside = link(tree, "set 2 2")
    assert visitor.names(inside) == ["in deep.txt", "in set.txt"]  # with what is below it
    assert visitor.page(inside).xpath("//*[@aria-current='page']/span[1]/text()") == ["set 2"]
    assert "in pool/set 2/deep" in visitor.page(inside).text_content().lower()
    assert visitor.names(link(visitor.page(inside), "Remove the filter folder")) == [
        "in deep.txt",
        "in pool.txt",
        "in set.txt",
    ]


def test_in_a_large_tree_only_the_way_to_the_current_folder_is_open(
    server: LocalTagtog, people: People, visit: Any
) -> None:
    folders = [f"pool/{letter}/{number}" for letter in "ab" for number in range(20)]
    server.database.write(
        create_project, "owner", f"{people.name} large", settings_from_legend(LEGEND, folders)
    )
    visitor = visit()
    visitor.path += "%20large"
    closed = visitor.page("/pool").xpath("//nav//details")
    assert [one.xpath("summary")[0].text_content() for one in closed] == [
        "20 folders in a",
        "20 folders in b",
    ]
    assert [
        one.xpath("summary")[0].text_content() for one in visitor.page("/pool/a/3").xpath("//nav//details")
    ] == ["20 folders in b"]


# ----------------------------------------------------------------------------------------------------- counts


def cells(tree: Any, name: str) -> dict[str, str]:
    """The cells of a document's row, by their captions."""
    (row,) = tree.xpath(f"//tr[td//a[@class='name' and .='{name}']]")
    return {
        cell.xpath("span[@class='caption']")[0].text: " ".join(cell.xpath("div")[0].text_content().split())
        for cell in row.xpath("td[span[@class='caption']]")
    }


def test_a_row_says_what_is_to_review_and_what_is_decided(people: People, visit: Any) -> None:
    fill(people)
    own = annotated(suggested(0, "Ada", 0.999), entity("e_2", 8, "Bob"), metas={"m_4": {"value": "x"}})
    people.save("Ada met Bob", own, name="both")
    tree = visit().page()
    assert "1 of 5 documents confirmed" in " ".join(tree.text_content().split())
    both = cells(tree, "both")
    assert both["State"] == "to review"
    assert both["Entities"] == "1 to review 1 decided"
    assert both["Labels"] == "1 of 1 set"
    assert both["Least sure"] == "99 %"  # no suggestion is certain
    assert cells(tree, "doc2")["State"] == "confirmed"
    assert cells(tree, "doc2")["Least sure"] == "–"
    assert "Rank" not in both


def test_a_project_with_document_labels_only_shows_these_alone(
    server: LocalTagtog, people: People, visit: Any
) -> None:
    only = f"{people.name} labels"
    settings = settings_from_legend(type(LEGEND)({"m_1": "topic", "m_2": "tone"}))
    server.database.write(create_project, "owner", only, settings)
    people.project = {"owner": "owner", "project": only}
    one = {"value": "art", "confidence": confidence(state="pre-added", who=["ml:x"], prob=0.55)}
    people.save("Vega", annotated(metas={"m_1": one, "m_2": {"value": "dry"}}), name="labelled")
    visitor = visit()
    visitor.path = f"/owner/{only}".replace(" ", "%20")
    row = cells(visitor.page(), "labelled")
    assert "Entities" not in row
    assert row["Labels"] == "1 to review 1 of 2 set"
    assert row["Least sure"] == "55 %"


def test_the_place_in_the_ranking_has_its_reason(people: People, visit: Any) -> None:
    ids = fill(people)
    places = [{"id": ids["doc10"], "rank": 1, "batch": 1, "why": {"doubtful": [1, 2]}}]
    assert people.call("local", "PUT", "/-local/ranking", json={"documents": places}).ok
    tree = visit().page()
    assert cells(tree, "doc10")["Rank"] == "1"
    assert cells(tree, "doc1")["Rank"] == "–"
    assert "2 suggestions that the model doubts." in tree.text_content()


# ------------------------------------------------------------------------------------------------------ roles


@pytest.mark.parametrize(
    ("user", "uploads", "reviews", "writes"),
    [
        ("reader", False, False, False),
        ("curator", False, True, False),
        ("supercurator", True, True, False),
        ("reviewer", True, True, True),
        ("admin", True, True, True),
    ],
)
def test_everybody_sees_what_they_may_do(
    people: People, visit: Any, user: str, uploads: bool, reviews: bool, writes: bool
) -> None:
    fill(people)
    visitor = visit(user)
    tree = visitor.page()
    assert bool(tree.xpath("//form[contains(@action, '/-local/upload')]")) == uploads
    assert bool(tree.xpath("//script")) == uploads
    assert bool(tree.xpath("//a[.='Review']")) == reviews
    (name,) = tree.xpath("//a[@class='name' and .='doc1']/@href")
    assert ("view=review" in name) == reviews
    assert bool(tree.xpath("//a[.='Guidelines']")) == writes  # nobody wrote any yet
    assert visitor.page(name).xpath("//title")


def test_a_page_behind_the_last_leads_back(people: People, visit: Any) -> None:
    for number in range(3):
        people.text("Vega", filename=f"{number}")
    visitor = visit()
    for address in ("?page=7", "?page=7&q=Vega"):
        tree = visitor.page(address)
        assert "3 documents" in tree.text_content()
        assert "This page is behind the last one" in tree.text_content()
        assert len(visitor.names(link(tree, "Go to the first"))) == 3


def test_the_help_leads_to_searches_that_work(people: People, visit: Any) -> None:
    fill(people)
    visitor = visit()
    examples = visitor.page().xpath("//details[@class='help']//a/@href")
    assert len(examples) > 8
    for address in examples:
        visitor.page(address)
