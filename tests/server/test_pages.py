"""The pages of the local tagtog, as a browser gets them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html
from strategies import examples

from spacy_tagtog.anndoc import Annotations, Legend, Part, confidence, html_from_blocks
from spacy_tagtog.server import LocalTagtog, create_project, local_tagtog, settings_from_legend
from spacy_tagtog.server.web.excerpts import pages_of

LEGEND = Legend({"e_1": "Person", "e_2": "<Place> & more", "m_1": "topic", "r_1": "lives_in"})
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HOSTILE = "<script>alert('x')</script>\"&amp;"


class Site:
    def __init__(self, server: LocalTagtog) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.auth = (server.username, server.password)
        server.database.write(
            create_project, "local", "my project", settings_from_legend(LEGEND, ["pool/a b/c"])
        )

    def push(self, blocks: list[tuple[str, str]], own: dict[str, Any], name: str, **query: str) -> str:
        content = html_from_blocks(blocks, doc_id="x", origid=name)
        annotations = Annotations({**Annotations.empty().data, **own})
        files = [
            ("f", (f"{name}.plain.html", content.data)),
            ("f", (f"{name}.ann.json", annotations.dumps().encode())),
        ]
        query = {"owner": "local", "project": "my project", "format": "anndoc", "output": "null", **query}
        answer = self.session.post(
            f"{self.server.url}/-api/documents/v1", params=query, files=files, timeout=20
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["items"][0]["docid"]

    def address(self, docid: str) -> str:
        query = {"owner": "local", "project": "my project", "ids": docid, "output": "weburl"}
        return self.session.get(f"{self.server.url}/-api/documents/v1", params=query, timeout=20).text

    def page(self, path: str, status: int = 200) -> Any:
        answer = self.session.get(path if path.startswith("http") else self.server.url + path, timeout=20)
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        tree = lxml_html.fromstring(answer.content.decode())
        # The policy allows the files of this server alone, and nothing is there that it would stop.
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert [href for href in tree.xpath("//link/@href") if "/project/" not in href] == [
            "/-static/icon.svg",
            "/-static/style.css",
            "/-static/pages.css",
        ]
        assert not tree.xpath("//style | //@style | //img | //iframe | //@onclick | //script[text()]")
        return tree


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with local_tagtog(tmp_path_factory.mktemp("pages") / "tagtog.db") as server:
        made = Site(server)
        yield made
        made.session.close()


def entity(
    class_id: str,
    part: str,
    *offsets: tuple[int, str],
    state: str | None = "pre-added",
    prob: float | None = 0.875,
    who: str = "ml:seed",
) -> dict[str, Any]:
    own = confidence(state=state, who=[who], prob=prob)  # type: ignore[arg-type]
    return {
        "classId": class_id,
        "part": part,
        "offsets": [{"start": start, "text": text} for start, text in offsets],
        "confidence": own,
    }


def shown(tree: Any) -> list[str]:
    """The texts of the parts as they stand on the page, with their captions in brackets."""
    texts = []
    for part in tree.xpath("//div[contains(concat(' ', @class, ' '), ' part ')]"):
        for tag in part.xpath(".//span[contains(@class, 'tag')]"):
            tag.text = f"[{tag.text}]"
        texts.append(part.text_content())
    return texts


def test_from_the_start_page_to_a_document(site: Site) -> None:
    docid = site.push(
        [("p", "Ada")],
        {"entities": [entity("e_1", "s1p1", (0, "Ada"))], "anncomplete": True},
        "first 1",
        folder="c",
    )
    start = site.page("/")
    (link,) = start.xpath("//a[text()='my project']/@href")
    assert link == "/local/my%20project"
    project = site.page(link)
    assert "1 to review" in project.text_content()
    (folder,) = project.xpath("//nav[@aria-label='Folders']//a[span='c']/@href")
    assert folder == "/local/my%20project/pool/a%20b/c"
    assert "first 1" in site.page(folder).text_content()
    (document,) = project.xpath("//td[a='first 1']/a[starts-with(., 'details')]/@href")
    assert site.server.url + document == site.address(docid)
    assert shown(site.page(document)) == ["Ada[Person 0.88 · pre-added]"]


def test_no_machine_is_shown_as_certain(site: Site) -> None:
    own = [entity("e_1", "s1p1", (0, "Ada"), prob=0.999999), entity("e_1", "s1p1", (4, "Bob"), prob=0.99)]
    tree = site.page(site.address(site.push([("p", "Ada Bob")], {"entities": own}, "sure")))
    assert shown(tree) == ["Ada[Person > 0.99 · pre-added] Bob[Person 0.99 · pre-added]"]
    assert "> 0.999" in tree.text_content()


def test_pre_annotations_show_their_state_and_probability(site: Site) -> None:
    own = [
        entity("e_1", "s1p1", (0, "Ada"), prob=0.5),
        entity("e_1", "s1p1", (4, "Bob"), state="pre-removed", prob=0.25),
        entity("e_1", "s1p1", (8, "Carl"), state="", prob=1, who="user:ada"),
        entity("e_1", "s1p1", (13, "Dora"), state="", prob=0.5),
        entity("e_1", "s1p1", (18, "Eve"), state=None, prob=None),
    ]
    tree = site.page(site.address(site.push([("p", "Ada Bob Carl Dora Eve")], {"entities": own}, "states")))
    assert shown(tree) == [
        "Ada[Person 0.50 · pre-added] Bob[Person 0.25 · pre-removed] "
        "Carl[Person] Dora[Person 0.50] Eve[Person]"
    ]
    assert "1 pre-added" in tree.text_content()
    assert "1 pre-removed" in tree.text_content()
    rows = [
        [cell.text_content() for cell in row.xpath("td")]
        for row in tree.xpath("//h2[text()='Entities']/following::tbody[1]/tr")
    ]
    assert rows[:3] == [
        ["Person", "Ada", "0.500", "pre-added", "ml:seed", "s1p1, 0", ""],
        ["Person", "Bob", "0.250", "pre-removed", "ml:seed", "s1p1, 4", ""],
        ["Person", "Carl", "1", "by a person", "user:ada", "s1p1, 8", ""],
    ]


def test_overlapping_nested_and_discontinuous_entities_are_told_apart(site: Site) -> None:
    own = [
        entity("e_1", "s1p1", (0, "North and South"), prob=0.9),
        entity("e_2", "s1p1", (6, "and South America"), prob=0.8),
        entity("e_1", "s1p1", (10, "South"), prob=0.7),
        entity("e_1", "s1p1", (0, "North"), (16, "America"), prob=0.6),
    ]
    tree = site.page(
        site.address(site.push([("p", "North and South America")], {"entities": own}, "overlap"))
    )
    assert shown(tree) == [
        "North[Person …] and South[Person 0.70 · pre-added][Person 0.90 · pre-added] "
        "America[<Place> & more 0.80 · pre-added][Person 0.60 · pre-added]"
    ]
    # Whatever covers a piece of text has an underline of its own there.
    for mark in tree.xpath("//mark"):
        around = [mark, *mark.iterancestors("mark")]
        lanes = [lane for one in around for lane in re.findall(r"\bl\d\b", one.get("class"))]
        assert len(lanes) == len(around)
        assert len(set(lanes)) == len(lanes)
    assert [mark.text_content() for mark in tree.xpath("//mark[not(parent::mark)]")] == [
        "North",
        " ",
        "and ",
        "South",
        " ",
        "America",
    ]


@pytest.mark.parametrize("unit", [1, 2])
def test_offsets_count_code_points_or_utf16(site: Site, unit: int) -> None:
    own = {
        "entities": [entity("e_1", "s1p1", (unit + 1, "Ada")), entity("e_1", "s1p1", (2 * unit + 6, "Bob"))]
    }
    tree = site.page(site.address(site.push([("p", "😀 Ada 😀 Bob")], own, f"unit {unit}")))
    assert shown(tree) == ["😀 Ada[Person 0.88 · pre-added] 😀 Bob[Person 0.88 · pre-added]"]


def test_what_cannot_be_placed_is_listed_with_the_reason(site: Site) -> None:
    own = [
        entity("e_1", "s9p9", (0, "Ada")),
        entity("e_1", "s1p1", (1, "Ada")),
        entity("e_1", "s1p1", (0, "")),
        entity("e_1", "s1p1", (10**20, "x")),
    ]
    tree = site.page(site.address(site.push([("p", "Ada")], {"entities": own}, "unplaced")))
    assert shown(tree) == ["Ada"]
    assert "4 of 4 entities can't be shown" in tree.text_content()
    remarks = [
        row.xpath("td")[-1].text_content()
        for row in tree.xpath("//h2[text()='Entities']/following::tbody[1]/tr")
    ]
    assert all(remarks)
    assert "s9p9" in remarks[0]


def test_nothing_of_a_document_becomes_markup(site: Site) -> None:
    own = {
        "entities": [entity("e_2", "s1h1", (0, HOSTILE), who=HOSTILE, state=HOSTILE)],
        "metas": {"m_1": {"value": HOSTILE}},
        "relations": [{"classId": "r_1", "entities": [HOSTILE, "s1p1|e_1|0,3"]}],
    }
    name = "<b>&'name' ?#%2F"
    docid = site.push([("h2", HOSTILE), ("p", HOSTILE), ("pre", HOSTILE)], own, name)
    tree = site.page(site.address(docid))
    assert not tree.xpath("//b")
    assert tree.xpath("//h1")[0].text == name
    assert shown(tree)[1:] == [HOSTILE, HOSTILE]
    assert shown(tree)[0].startswith(HOSTILE)
    assert "<Place> & more" in shown(tree)[0]
    for caption in ("Document labels", "Entities", "Relations"):
        assert HOSTILE in tree.xpath(f"//h2[text()='{caption}']/following::table[1]")[0].text_content()
    assert not site.page("/local/my%20project").xpath("//b")


def test_versions_of_members_are_linked(site: Site) -> None:
    docid = site.push([("p", "Ada")], {}, "versions")
    site.push([("p", "Ada")], {"entities": [entity("e_1", "s1p1", (0, "Ada"))]}, "versions", member="eve")
    master = site.page(site.address(docid))
    assert shown(master) == ["Ada"]
    (link,) = master.xpath("//a[text()='eve']/@href")
    assert shown(site.page(link)) == ["Ada[Person 0.88 · pre-added]"]
    assert "bob has no version" in site.page(f"{site.address(docid)}?member=bob").text_content()


def test_a_long_list_has_pages(site: Site) -> None:
    site.server.database.write(create_project, "local", "long", settings_from_legend(LEGEND))
    files = [("f", (f"{number}.txt", b"x")) for number in range(120)]
    query = {"owner": "local", "project": "long", "output": "null"}
    assert (
        site.session.post(
            f"{site.server.url}/-api/documents/v1", params=query, files=files, timeout=20
        ).status_code
        == 200
    )
    seen, link, pages = [], "/local/long", 0
    while link:
        tree = site.page(link)
        seen += tree.xpath("//tbody/tr/td[1]/a[@class='name']/text()")
        link = next(iter(tree.xpath("//a[contains(text(), 'next')]/@href")), "")
        pages += 1
    assert (pages, seen) == (3, [f"{number}.txt" for number in range(120)])
    assert site.page("/local/long?page=x").text_content().count("page 1 of 3") == 1


@pytest.mark.parametrize(
    "path",
    [
        "/nobody/nothing",
        "/local/my%20project/pool/none",
        "/local/my%20project/none",
        "/local/my%20project/../../etc/passwd",
        "/x",
    ],
)
def test_what_is_not_there_is_a_404(site: Site, path: str) -> None:
    assert site.session.get(site.server.url + path, timeout=20).status_code == 404


@pytest.mark.parametrize(("name", "content"), [("style.css", ".pre-added"), ("pages.css", "td.t")])
def test_a_style_sheet_is_a_file_that_browsers_keep(site: Site, name: str, content: str) -> None:
    address = f"{site.server.url}/-static/{name}"
    answer = site.session.get(address, timeout=20)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert content in answer.text
    etag = answer.headers["ETag"]
    for known in (etag, f'"other", {etag}', f"W/{etag}"):
        again = site.session.get(address, headers={"If-None-Match": known}, timeout=20)
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert (
        site.session.get(address, headers={"If-None-Match": '"other"'}, timeout=20).content == answer.content
    )
    # The page to log in has the same look.
    assert requests.get(address, timeout=20).content == answer.content


@pytest.mark.parametrize(
    "name",
    ["none.css", "..", "%2e%2e%2fpages.py", "..%5cpages.py", "base.html.j2", "style.css/", "STYLE.css"],
)
def test_no_file_is_served_but_those_that_are_known(site: Site, name: str) -> None:
    request = requests.Request("GET", f"{site.server.url}/-static/x", auth=site.session.auth).prepare()
    request.url = f"{site.server.url}/-static/{name}"
    assert site.session.send(request, timeout=20).status_code == 404


def texts_of(tree: Any) -> list[str]:
    """The texts of a page's excerpts, without the captions of entities."""
    excerpts = tree.xpath("//div[contains(concat(' ', @class, ' '), ' part ')] | //div[@class='part']")
    for excerpt in excerpts:
        for tag in excerpt.xpath(".//span[contains(@class, 'tag')]"):
            tag.text = ""
    return [excerpt.text_content().strip("\n") for excerpt in excerpts]


@pytest.mark.parametrize("shape", ["one paragraph", "many paragraphs"])
def test_a_long_document_has_pages_on_which_all_of_it_stands(site: Site, shape: str) -> None:
    words = [f"word{number}" for number in range(8_000)]
    size = len(words) if shape == "one paragraph" else 3
    paragraphs = [" ".join(words[start : start + size]) for start in range(0, len(words), size)]
    blocks = [("p", paragraph) for paragraph in paragraphs]
    own = []
    for number in range(0, len(words), 10):
        part, inside = divmod(number, size)
        start = sum(len(word) + 1 for word in words[part * size : number])
        own.append(entity("e_1", f"s1p{part + 1}", (start, words[number])))
        assert inside == number % size
    docid = site.push(blocks, {"entities": own}, f"long {shape}", member="master")
    found, marked, listed = [], 0, []
    address = site.address(docid)
    for number in range(1000):
        answer = site.session.get(f"{address}?page={number}", timeout=20)
        assert len(answer.content) < 400_000
        tree = site.page(f"{address}?page={number}")
        marked += len(tree.xpath("//mark"))
        found += texts_of(tree)
        if not tree.xpath("//a[contains(., 'next') and not(contains(@href, 'rows='))]"):
            break
    assert number >= 1
    assert "".join(found).replace(" ", "") == "".join(paragraphs).replace(" ", "")
    assert marked == len(own)
    for number in range(1000):
        tree = site.page(f"{address}?rows={number}")
        listed += tree.xpath("//h2[text() = 'Entities']/following::tbody[1]/tr/td[2]/text()")
        if not tree.xpath("//a[contains(., 'next') and contains(@href, 'rows=')]"):
            break
    assert listed == [words[number] for number in range(0, len(words), 10)]
    # A page that isn't there is the last one, and the API answers with the first.
    assert texts_of(site.page(f"{address}?page=999999"))[-1].endswith(words[-1])
    query = {"owner": "local", "project": "my project", "ids": docid}
    shown = site.session.get(f"{site.server.url}/-api/documents/v1", params=query, timeout=20)
    assert len(shown.content) < 400_000
    assert words[0] in shown.text


def test_texts_of_one_entity_are_shortened_in_the_table(site: Site) -> None:
    text = "long " * 40_000
    docid = site.push([("p", text)], {"entities": [entity("e_1", "s1p1", (0, text.strip()))]}, "wide")
    answer = site.session.get(site.address(docid), timeout=20)
    assert len(answer.content) < 400_000
    (cell,) = site.page(site.address(docid)).xpath(
        "//h2[text() = 'Entities']/following::tbody[1]/tr/td[2]/text()"
    )
    assert cell.endswith("...")
    assert text.startswith(cell.removesuffix("..."))
    assert len(cell) <= 300


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.integers(0, 200_000).map(lambda size: "ab " * (size // 3)), max_size=6),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 199_999), st.integers(0, 5)), max_size=400),
)
def test_pages_hold_each_character_once_and_no_more_than_they_may(
    texts: list[str], starts: list[tuple[int, int, int]]
) -> None:
    parts = [Part(f"s1p{number}", "p", text) for number, text in enumerate(texts)]
    only = Annotations.empty().entities
    spans: dict[str, list[Any]] = {}
    for number, start, lane in starts:
        if number < len(texts) and start < len(texts[number]):
            spans.setdefault(f"s1p{number}", []).append((lane, SimpleNamespace(start=start, entity=only)))
    pages = pages_of(parts, spans)
    for part in parts:
        own = [one for page in pages for one in page if one.part is part]
        assert "".join(part.text[one.start : one.end] for one in own) == part.text
        assert [one.start for one in own] == [0, *(one.end for one in own)][:-1]
    for page in pages:
        entities = sum(
            one.start <= span.start < one.end for one in page for _, span in spans.get(one.part.id, ())
        )
        assert sum(one.end - one.start for one in page) + 50 * entities <= 60_000


@settings(max_examples=examples(40), deadline=None)
@given(data=st.data(), text=st.text("a<&😀 \n", min_size=1, max_size=12))
def test_the_text_of_any_annotated_document_stays_what_it_is(
    site: Site, data: st.DataObject, text: str
) -> None:
    spans = st.tuples(st.integers(0, len(text) - 1), st.integers(1, 8)).map(
        lambda pair: (pair[0], text[pair[0] : pair[0] + pair[1]])
    )
    own = [entity("e_1", "s1p1", span) for span in data.draw(st.lists(spans, max_size=10))]
    docid = site.push([("p", text)], {"entities": own}, "random", member="master")
    tree = site.page(site.address(docid))
    tags = tree.xpath("//div[contains(concat(' ', @class, ' '), ' part ')]//span[contains(@class, 'tag')]")
    for tag in tags:
        tag.text = ""
    assert shown(tree)[0].replace("[]", "") == text
    assert len(tags) <= len(own)
