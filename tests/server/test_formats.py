"""Markdown, HTML, PDF, tables and source code as documents of the local tagtog, over real HTTP."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import requests
from builders import pdf
from databases import number_of_projects
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import examples

from spacy_tagtog.anndoc import Annotations, Legend, PlainHtml, html_from_text
from spacy_tagtog.anndoc.plain_html import Block, Section, html_from_sections
from spacy_tagtog.errors import PlainHtmlError
from spacy_tagtog.server import LocalTagtog, create_project, settings_from_legend
from spacy_tagtog.server.imports import formats
from spacy_tagtog.server.imports.html import parse_html

LEGEND = Legend({"e_1": "Person"})


class Api:
    """A project, and the calls that upload to it."""

    def __init__(self, server: LocalTagtog, project: str) -> None:
        self.query = {"owner": "local", "project": project, "output": "null"}
        self.address = f"{server.url}/-api/documents/v1"
        self.session = requests.Session()
        self.session.auth = (server.username, server.password)
        server.database.write(create_project, "local", project, settings_from_legend(LEGEND))

    def post(self, *files: tuple[str, bytes], **query: Any) -> requests.Response:
        return self.session.post(
            self.address,
            params={**self.query, **query},
            files=[("files", file) for file in files],
            timeout=90,
        )

    def item(self, *files: tuple[str, bytes], **query: Any) -> dict[str, Any]:
        answer = self.post(*files, **query)
        assert answer.status_code == 200, answer.text
        (item,) = answer.json()["items"]
        return item

    def get(self, docid: str, output: str) -> requests.Response:
        answer = self.session.get(
            self.address, params={**self.query, "ids": docid, "output": output}, timeout=20
        )
        assert answer.status_code == 200, answer.text
        return answer

    def parts(self, name: str, data: bytes, **query: Any) -> dict[str, str]:
        """What a file's parts are. The original comes back byte for byte."""
        docid = self.item((name, data), **query)["docid"]
        assert docid.endswith(f"-{name}")
        assert self.get(docid, "orig").content == data
        html = PlainHtml(self.get(docid, "plain.html").content)
        assert html.id == docid
        return {part.id: part.text for part in html.parts.values()}

    def refused(self, status: int, *files: tuple[str, bytes], words: tuple[str, ...], **query: Any) -> None:
        answer = self.post(*files, **query)
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"].startswith("text/plain")
        for word in words:
            assert word in answer.text
        assert (
            self.session.get(
                self.address, params={**self.query, "search": "*", "output": "search"}, timeout=20
            ).json()["totalFound"]
            == 0
        )


@pytest.fixture
def api(server: LocalTagtog) -> Iterator[Api]:
    made = Api(server, f"project {number_of_projects(server.database)}")
    yield made
    made.session.close()


# --- Markdown

MARKDOWN = """\
before

# Title with **stars**

First _paragraph_ &amp; [link](x)
second line.

- one
  - two

    more of two
3. three

## Inner

```python
x = "&lt;"

y
```

    indented

![a cat](cat.png)

> quote

---

# Second

Setext
------

<b>html</b>
"""


def test_markdown_has_sections_headings_paragraphs_lists_and_code(api: Api) -> None:
    assert api.parts("notes.md", MARKDOWN.encode()) == {
        "s1p1": "before",
        "s2h1": "Title with **stars**",
        "s2p1": "First _paragraph_ &amp; [link](x)\nsecond line.",
        "s2p2": "one",
        "s2p3": "two",
        "s2p4": "more of two",
        "s2p5": "three",
        "s2s1h1": "Inner",
        "s2s1v1": 'x = "&lt;"\n\ny',
        "s2s1v2": "indented",
        "s2s1f1p1": "a cat",
        "s2s1p1": "> quote",
        "s2s1p2": "---",
        "s3h1": "Second",
        "s3s1h1": "Setext",
        "s3s1p1": "<b>html</b>",
    }


def test_markdown_is_asked_for_by_format_too(api: Api) -> None:
    assert api.parts("a.txt", b"# A\n\nb", format="markdown") == {"s1h1": "A", "s1p1": "b"}
    assert api.parts("a.txt", b"# A\n\nb", format="verbatim") == {"s1v1": "# A\n\nb"}
    assert api.parts("b.md", b"# A\n\nb", format="formatted") == {"s1p1": "# A", "s1p2": "b"}
    text = api.session.post(
        api.address,
        params={**api.query, "format": "markdown", "output": "html"},
        json={"text": "# A"},
        timeout=20,
    )
    assert list(PlainHtml(text.content).parts) == ["s1h1"]


@pytest.mark.parametrize("line", ["* a\n", "# a\n", "1. a\n\n", "* # a\n", "a\n=\n"])
def test_work_on_markdown_grows_with_its_size_and_no_faster(line: str) -> None:
    small, large = (steps_of(partial(formats.parse_markdown, line * size)) for size in (100, 400))
    assert large <= 4 * small + 1_000


def test_a_heading_is_the_header_of_a_list(api: Api) -> None:
    api.item(("a.md", b"words\n\n# The title\n"))
    found = api.session.get(
        api.address, params={**api.query, "search": "title", "output": "search"}, timeout=20
    ).json()
    assert found["docs"][0]["header"] == "The title"


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "# ",
                "## ",
                "- ",
                "    ",
                "```",
                "\n",
                "\n\n",
                "word",
                "*x*",
                "![a](b)",
                "> ",
                "1. ",
                "\t",
                "&lt;",
                "=",
                "é😀",
            ]
        ),
        max_size=20,
    )
)
@example(["- "] * 20)
def test_no_word_of_a_markdown_file_is_lost(pieces: list[str]) -> None:
    parsed = formats.parse_markdown("".join(pieces))
    texts: list[str] = []
    stack = list(reversed(parsed.sections))
    while stack:
        section = stack.pop()
        texts += [block.text for block in section.blocks]
        stack += reversed(section.sections)
    # The name of a fenced block's language isn't text.
    assert "".join(texts).count("word") >= sum(
        line.count("word") for line in "".join(pieces).splitlines() if "```" not in line
    )


# --- HTML

PAGE = """\
<!doctype html><html><head><title>no</title><style>p{}</style></head><body id="b">
<!-- comment --><h1>The <em>big</em>
 title</h1>loose <a href="http://x">link</a>
<div>one<p id="x">two<br>lines &amp; more</p>three</div>
<ul><li>item<li>item 2</ul><table><tr><td>a</td><td>b</td></tr></table>
<pre>
 keep
   this</pre><script>alert("no")</script><p>é\u00a0😀 &#0; &nbsp;</p><p> </p></body></html>"""


def test_html_is_its_text_a_block_a_part(api: Api) -> None:
    assert api.parts("page.html", PAGE.encode()) == {
        "s1h1": "The big title",
        "s1p1": "loose link",
        "s1p2": "one",
        "s1p3": "two\nlines & more",
        "s1p4": "three",
        "s1p5": "item",
        "s1p6": "item 2",
        "s1p7": "a",
        "s1p8": "b",
        "s1v1": " keep\n   this",
        "s1p9": "é\u00a0😀 \ufffd \u00a0",
    }


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ('<meta charset="latin-1"><p>é'.encode("latin-1"), "é"),
        ("<p>é".encode("windows-1252"), "é"),
        ("<p>é".encode(), "é"),
        ("\ufeff<p>é".encode(), "é"),
        ("<p>é".encode("utf-16"), "é"),
        # A byte order mark counts for more than what is declared.
        ('\ufeff<meta charset="latin-1"><p>é'.encode(), "é"),
        # Only a declaration declares anything.
        ("<script>// charset=utf-16</script><p>Zürich".encode(), "Zürich"),
        (
            "<p>The old page said charset=latin-1. Zürich".encode(),
            "The old page said charset=latin-1. Zürich",
        ),
        ('<!-- <meta charset="gbk"> --><p>Zürich'.encode(), "Zürich"),
        ('<p title="&lt;meta charset=gbk>">Zürich'.encode(), "Zürich"),
        # As browsers read the encodings of old pages: wider than Python's codecs of the same names.
        ("<meta charset=gb2312><p>镕㐀€".encode("gb18030"), "镕㐀€"),
        (b"<meta charset=gbk><p>\x80", "€"),
        ("<meta charset=shift_jis><p>①㈱髙".encode("cp932"), "①㈱髙"),
        ("<meta charset=euc-kr><p>똠방".encode("cp949"), "똠방"),
        ("<meta charset=big5><p>㗎嘅".encode("big5hkscs"), "㗎嘅"),
        (b"<meta charset=euc-jp><p>\xa1\xc1\xad\xa1", "～①"),
        (
            "<meta http-equiv=Content-Type content='text/html; charset=windows-1251'><p>да".encode("cp1251"),
            "да",
        ),
        ("<meta charset=no-such-thing><p>Zürich".encode(), "Zürich"),
        ("<meta charset=utf-16><p>Zürich".encode(), "Zürich"),  # it can't be: it was read
    ],
)
def test_html_is_decoded_as_it_says(data: bytes, text: str) -> None:
    (section,) = parse_html(data, "x.html").sections
    assert [block.text for block in section.blocks] == [text]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        # Saved by Word.
        ("<p>Hello<o:p></o:p></p>", ["Hello"]),
        ("<p class=MsoNormal>One<o:p>&nbsp;</o:p></p><p>Two</p>", ["One\u00a0", "Two"]),
        ("<p>a<![if !supportEmptyParas]>b<![endif]>c", ["abc"]),
        # Names that no XML can have.
        ("<p<x>one", ["one"]),
        ('<foo"bar>one', ["one"]),
        ("<body<article>one", ["one"]),
        ("<p&#1;>one", ["one"]),
        ("<1>one", ["<1>one"]),
        # As browsers mend and show it.
        ("a<p>b<table>c<tr><td>d</table>e", ["a", "bc", "d", "e"]),
        ("<noscript><p>no</noscript><p>yes", ["yes"]),
        ("<p>a\0b&#0;c", ["ab\ufffdc"]),
        ("<textarea>\none</textarea>", ["one"]),
        ("<xmp>a  <b></xmp>", ["a  <b>"]),
        ("one</html>two", ["onetwo"]),
        ("&notit; &amp &unknown;", ["¬it; & &unknown;"]),
    ],
)
def test_html_is_read_as_browsers_do(page: str, text: list[str]) -> None:
    assert [
        block.text for section in parse_html(page.encode(), "x.html").sections for block in section.blocks
    ] == text


def test_deep_html_keeps_its_text() -> None:
    deep = "".join(f"<div>{number} " for number in range(3000))
    (section,) = parse_html(deep.encode(), "x.html").sections
    assert [block.text for block in section.blocks] == [str(number) for number in range(3000)]


def test_characters_that_cannot_be_read_are_counted(api: Api) -> None:
    data = b"<meta charset=euc-kr><p>one \x81\x80 two &#1; three"
    item = api.post(("page.html", data)).json()
    assert item["warnings"] == [
        "page.html: 2 characters that can't be read as EUC-KR, or that XML can't carry, are U+FFFD"
    ]
    assert api.get(item["items"][0]["docid"], "text").text == "one \ufffd two \ufffd three"


def test_html_that_no_browser_decodes_is_refused(api: Api) -> None:
    api.refused(400, ("x.html", b"<meta charset=iso-2022-kr><p>x"), words=("no browser reads", "UTF-8"))
    for empty in (b"", b" ", b"<html/>", b"<script>x</script>"):
        api.refused(400, ("x.html", empty), words=("no text",))


def test_an_html_file_that_is_a_plain_html_stays_one(api: Api) -> None:
    own = html_from_text("Ada", filename="x.txt", doc_id="whatever")
    assert api.parts(
        "x.txt", own.data.replace(b' class="anndoc"', b"").replace(b"3.6", b"3.6"), format="verbatim"
    ) != {"s1v1": "Ada"}
    docid = api.item(("page.html", own.data))["docid"]
    assert api.get(docid, "plain.html").content == own.data
    old = (
        b'<html xmlns="http://www.w3.org/1999/xhtml"><body>'
        b'<p id="s1p1">Ada</p><p id="s2s1f1p1">Bob</p></body></html>'
    )
    assert api.get(api.item(("old.html", old))["docid"], "plain.html").content == old
    # Ids of another kind: some page.
    assert api.parts("new.html", old.replace(b"s1p1", b"intro")) == {"s1p1": "Ada", "s1p2": "Bob"}


BROKEN_HTML: dict[str, Callable[[int], bytes]] = {
    "deep elements": lambda size: b"<div>" * 5 * size + b"x",
    "open paragraphs": lambda size: b"<p>x" * size,
    "open tags": lambda size: b"<" * size + b"x",
    "references": lambda size: b"<p>" + b"&amp;" * 2 * size,
    "deep code": lambda size: b"<pre>" * size + b"x",
    "deep lists": lambda size: b"<ul><li>" * size + b"x",
    "open links": lambda size: b"<a><p>x" * size,
    "forms": lambda size: b"<form><div></form>x" * size,
}


def steps_of(work: Callable[[], object]) -> int:
    """How many functions are called, in Python and from Python: work, whatever else the machine does."""
    steps = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal steps
        steps += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return steps


@pytest.mark.parametrize("name", BROKEN_HTML)
def test_work_on_broken_html_grows_with_its_size_and_no_faster(name: str) -> None:
    def read(size: int) -> None:
        assert parse_html(BROKEN_HTML[name](size), "x.html").has_text

    small, large = (steps_of(partial(read, size)) for size in (5_000, 20_000))
    assert large <= 4 * small + 1_000


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "<p>",
                "</p>",
                "<div>",
                "</div>",
                "<h2>",
                "</h2>",
                "<pre>",
                "</pre>",
                "<b>",
                "</b>",
                "word",
                " ",
                "&lt;",
                "<br>",
                "<script>",
                "</script>",
                "é",
                "\0",
            ]
        ),
        max_size=25,
    ).map("".join)
    | st.text(max_size=40)
)
@example("<")
@example("<!--")
@example("<html/>")
def test_any_html_becomes_a_document(text: str) -> None:
    parsed = parse_html(text.encode("utf-8", "replace"), "x.html")
    html = html_from_sections(parsed.sections, doc_id="a", origid="x.html")
    assert [part.text for part in html.parts.values()] == [
        block.text for section in parsed.sections for block in section.blocks
    ]
    assert all(part.text.strip() for part in html.parts.values())
    if "<script>" not in text and "<!" not in text and "<?" not in text:
        assert "".join(part.text for part in html.parts.values()).count("word") == text.count("word")


# --- PDF


def test_a_pdf_has_a_part_for_each_page(api: Api) -> None:
    data = pdf("First page", "", "Third \\(last\\) page")
    assert api.parts("paper.pdf", data) == {"s1v1": "First page", "s2v1": "", "s3v1": "Third (last) page"}
    docid = api.item(("paper.pdf", data))["docid"]
    assert api.get(docid, "orig").headers["Content-Type"] == "application/pdf"
    assert api.get(docid, "orig").headers["Content-Disposition"] == 'attachment; filename="paper.pdf"'


def test_a_pdf_that_only_says_what_may_be_done_with_it_is_read(api: Api) -> None:
    assert api.parts("paper.pdf", pdf("Open", password="")) == {"s1v1": "Open"}


def test_pdfs_that_cannot_be_read_are_refused(api: Api) -> None:
    whole = pdf("First page")
    for data, word in [
        (pdf("Secret", password="x"), "encrypted"),
        (pdf("", ""), "no text"),
        (whole[:200], "can't be read"),
        (b"%PDF-1.7\n" + b"junk" * 1000, "can't be read"),
        (b"", "can't be read"),
    ]:
        api.refused(400, ("paper.pdf", data), words=(word, "paper.pdf", "to do:"))


def test_a_pdf_that_takes_too_long_or_too_much_is_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_MAX_PAGES", 1)
    api.refused(400, ("paper.pdf", pdf("1", "2")), words=("too many pages", "at most 1"))
    monkeypatch.setattr(formats, "PDF_SECONDS", 0.001)
    api.refused(400, ("paper.pdf", pdf("1")), words=("takes too long", "paper.pdf"))
    monkeypatch.setattr(formats, "PDF_SECONDS", 20)
    monkeypatch.setattr(formats, "_PDF_BYTES", 2**20)
    api.refused(400, ("paper.pdf", pdf("1")), words=("paper.pdf",))


# --- Tables


def test_every_row_of_a_table_is_a_document(api: Api) -> None:
    data = b'name,"the, note"\r\nAda,"one\ntwo ""x"""\r\n,\r\nBob\r\nCarl,x,more\r\n'
    answer = api.post(("people.csv", data))
    items = answer.json()["items"]
    assert answer.json()["ok"] == 3
    assert [item["docid"][29:] for item in items] == ["people-1.csv", "people-2.csv", "people-3.csv"]
    parts = [
        {part.id: part.text for part in PlainHtml(api.get(item["docid"], "html").content).parts.values()}
        for item in items
    ]
    assert parts == [
        {"s1h1": "name", "s1p1": "Ada", "s2h1": "the, note", "s2p1": 'one\ntwo "x"'},
        {"s1h1": "name", "s1p1": "Bob"},
        {
            "s1h1": "name",
            "s1p1": "Carl",
            "s2h1": "the, note",
            "s2p1": "x",
            "s3h1": "Column-#3",
            "s3p1": "more",
        },
    ]
    # Its own row with the header, which makes the same document again.
    original = api.get(items[0]["docid"], "orig").content
    assert original == b'name,"the, note"\r\nAda,"one\ntwo ""x"""\r\n'
    assert [item["result"] for item in api.post(("people.csv", data)).json()["items"]] == ["updated"] * 3


def test_a_table_may_have_tabs_and_no_titles(api: Api) -> None:
    (item,) = api.post(("x.tsv", b"#\tb\nAda, x\tBob\n")).json()["items"]
    assert {
        part.id: part.text for part in PlainHtml(api.get(item["docid"], "html").content).parts.values()
    } == {"s1p1": "Ada, x", "s2p1": "Bob"}


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "no document"),
        (b"a,b\n", "no document"),
        (b"a\n \n", "no document"),
        (b'a\n"x\n', "can't be read"),
        (b"a\n\xff", "UTF-8"),
        (b"a\nx\0", "U+0000"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(api: Api, data: bytes, word: str) -> None:
    api.refused(400, ("x.csv", data), words=(word, "x.csv"))


# --- The rest


def test_source_code_is_one_block(api: Api) -> None:
    assert api.parts("x.py", b"# a\n\n    b\n") == {"s1v1": "# a\n\n    b\n"}


@pytest.mark.parametrize(
    ("name", "data", "wanted", "part"),
    [
        ("x.txt", b"Ada", "default-plus-annjson", "s1v1"),
        ("x.md", b"Ada", "default-plus-annjson", "s1p1"),
        ("x.html", b"<p>Ada", "default-plus-annjson", "s1p1"),
        ("x.pdf", pdf("Ada"), "default-plus-annjson", "s1v1"),
        ("x.md", b"Ada", "verbatim-plus-annjson", "s1v1"),
        ("x.txt", b"Ada", "formatted-plus-annjson", "s1p1"),
        ("x.txt", b"Ada", "markdown-plus-annjson", "s1p1"),
    ],
)
def test_every_format_takes_annotations(api: Api, name: str, data: bytes, wanted: str, part: str) -> None:
    own = Annotations.empty()
    own.data["entities"] = [{"classId": "e_1", "part": part, "offsets": [{"start": 0, "text": "Ada"}]}]
    pair = (name, data), ("x.ann.json", own.dumps().encode())
    first = api.item(*pair, format=wanted)
    assert (first["result"], first["origid"], first["filenames"]) == (
        "created",
        name,
        sorted([name, "x.ann.json"]),
    )
    assert api.get(first["docid"], "ann.json").json()["annotatable"] == {"parts": [part]}
    assert api.get(first["docid"], "entitiestsv").text == "Ada\tPerson\n"
    second = api.item(*reversed(pair), format=wanted)
    assert (second["docid"], second["result"]) == (first["docid"], "updated")
    # And by its plain.html, under another name.
    html = api.get(first["docid"], "plain.html").content
    third = api.item(("other.html", html), ("other.ann.json", own.dumps().encode()), format="anndoc")
    assert (third["docid"], third["result"], third["origid"]) == (first["docid"], "updated", name)


def test_a_table_takes_no_annotations(api: Api) -> None:
    api.refused(
        400,
        ("x.csv", b"a\nb"),
        ("x.ann.json", b"{}"),
        words=("several documents",),
        format="default-plus-annjson",
    )


def test_the_wanted_name_keeps_the_extension(api: Api) -> None:
    assert api.item(("x.md", b"a"), filename="Über mich")["docid"].endswith("-Über mich.md")
    assert api.item(("x.md", b"b"), filename="other.MD")["docid"].endswith("-other.MD")
    assert api.item(("x.pdf", pdf("a")), filename="v1.2")["docid"].endswith("-v1.2.pdf")


def test_files_of_several_formats_come_in_one_request_and_a_bad_one_spoils_all(api: Api) -> None:
    api.refused(400, ("a.md", b"# A"), ("b.pdf", b"%PDF junk"), ("c.txt", b"c"), words=("b.pdf",))
    answer = api.post(("a.md", b"# A"), ("b.pdf", pdf("b")), ("c.txt", b"c"), ("d.csv", b"x\n1\n2"))
    assert [item["docid"][29:] for item in answer.json()["items"]] == [
        "a.md",
        "b.pdf",
        "c.txt",
        "d-1.csv",
        "d-2.csv",
    ]


def test_characters_that_xml_cannot_carry_are_named(api: Api) -> None:
    answer = api.post(("x.html", b"<p>a&#1;b</p>"))
    assert answer.json()["warnings"] == [
        "x.html: 1 character that can't be read as windows-1252, or that XML can't carry, is U+FFFD"
    ]
    with pytest.raises(PlainHtmlError, match="can't carry"):
        html_from_sections([Section([Block("p", "\1")])], doc_id="a", origid="b")
