"""plain.html: the text of every part, exactly, and nothing from files that lie."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from corpora import CORPORA, needs_corpora
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import blocks, document_ids, quick, texts

from spacy_tagtog.anndoc import (
    Part,
    PlainHtml,
    Project,
    document_id,
    html_from_blocks,
    html_from_text,
    plain_html,
)
from spacy_tagtog.anndoc.plain_html import is_document_id
from spacy_tagtog.errors import PlainHtmlError


def page(
    body: str | bytes,
    doctype: str = "<!DOCTYPE html >",
    namespace: str = ' xmlns="http://www.w3.org/1999/xhtml"',
) -> PlainHtml:
    content = body.encode() if isinstance(body, str) else body
    start = (
        f'{doctype}\n<html id="aX" data-origid="x.txt"{namespace}>\n<head><title>t</title></head>\n<body>\n'
    )
    return PlainHtml(start.encode() + content + b"\n</body>\n</html>\n", place="some/x.plain.html")


def only(body: str | bytes) -> str:
    (part,) = page(body).parts.values()
    return part.text


def refused(html: PlainHtml) -> PlainHtmlError:
    """The error, after checking that it comes soon and says which file is meant.

    The work is the text that is taken out of the tree: a file that repeats it is refused before all is read.
    """
    chars: list[int] = []

    def string_value(element: Any) -> str:
        text = str(original(element))
        chars.append(len(text))
        return text

    original = plain_html._string_value
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_html, "_string_value", string_value)
        with pytest.raises(PlainHtmlError) as caught:
            _ = html.parts
    assert sum(chars) - max(chars, default=0) <= max(10_000_000, 8 * len(html.data))
    assert "x.plain.html" in str(caught.value)
    assert caught.value.legal
    return caught.value


# ---- what a part's text is


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('<p id="a">plain</p>', "plain"),
        ('<p id="a">&lt;b&gt; &amp;amp; &quot;&apos; &#233;&#x1F680;</p>', "<b> &amp; \"' é🚀"),
        ('<p id="a">one <b>two <i>three</i></b> four<br/> five</p>', "one two three four five"),
        ('<p id="a">one<!-- no --> two<?php no ?> three<b><!-- no -->!</b></p>', "one two three!"),
        ('<p id="a"><!-- no --></p>', ""),
        ('<p id="a">x<![CDATA[<b> & ]]>y</p>', "x<b> & y"),
        ('<pre id="a">\nnewline first</pre>', "\nnewline first"),
        ('<pre id="a">\n\n  two\n\n</pre>', "\n\n  two\n\n"),
        ('<pre id="a">a\r\nb\rc\nd</pre>', "a\nb\nc\nd"),
        ('<pre id="a">a&#13;b</pre>', "a\rb"),
        ('<p id="a">  blanks\tstay  </p>', "  blanks\tstay  "),
        ('<p id="a"></p>', ""),
        ('<p id="a"/>', ""),
        (
            '<p id="a">👩🏽\u200d🚀 e\u0301 שָׁלוֹם مرحبا 𝒳\u2028\x85</p>',
            "👩🏽\u200d🚀 e\u0301 שָׁלוֹם مرحبا 𝒳\u2028\x85",
        ),
    ],
)
def test_text_of_a_part(body: str, text: str) -> None:
    assert only(body) == text


def test_parts_come_in_document_order_with_their_tags() -> None:
    html = page(
        '<section><h2 id="s1h1">Head</h2><div><p id="s1p2">b</p><p id="s1p1">a</p></div></section>'
        '<pre id="s2v1">v</pre><p>no part</p>'
    )
    assert list(html.parts.values()) == [
        Part("s1h1", "Head", "h2"),
        Part("s1p2", "b", "p"),
        Part("s1p1", "a", "p"),
        Part("s2v1", "v", "pre"),
    ]
    assert list(html.parts) == ["s1h1", "s1p2", "s1p1", "s2v1"]
    assert len(html.parts["s1h1"]) == 4


def test_a_part_within_a_part_counts_for_both() -> None:
    parts = page(
        '<figure id="f1">Fig <figcaption id="f1p1">cap<b id="in">tion</b></figcaption> end</figure>'
    ).parts
    assert {part_id: part.text for part_id, part in parts.items()} == {
        "f1": "Fig caption end",
        "f1p1": "caption",
        "in": "tion",
    }


def test_ids_of_the_head_and_of_html_are_no_parts() -> None:
    html = PlainHtml(
        b'<html id="h" data-origid="o.txt"><head id="i"><title id="t">T</title></head>'
        b'<body><p id="a">x</p></body></html>'
    )
    assert list(html.parts) == ["a"]
    assert (html.id, html.origid) == ("h", "o.txt")


def test_old_files_have_no_id_and_no_namespace() -> None:
    html = page('<p id="a">x</p>', namespace="")
    assert html.parts["a"].text == "x"
    bare = PlainHtml(b"<html><body><p id='a'>x</p></body></html>")
    assert (bare.id, bare.origid) == (None, None)
    assert bare.parts["a"] == Part("a", "x", "p")


def test_a_document_without_text_has_no_parts() -> None:
    assert page("<p>nothing has an id</p>").parts == {}


def test_a_byte_order_mark_is_not_text() -> None:
    assert PlainHtml(b"\xef\xbb\xbf" + page('<p id="a">x</p>').data).parts["a"].text == "x"


def test_text_longer_than_a_parsers_buffers() -> None:
    long = "é🚀x\n" * 400_000
    assert only(f'<pre id="a">{long}</pre>') == long
    pieces = ("é🚀x" * 50_000 + "<b>y</b>") * 40
    assert only(f'<p id="a">{pieces}</p>') == pieces.replace("<b>", "").replace("</b>", "")


# ---- files that are broken or hostile

BOMB = (
    "<!DOCTYPE html [<!ENTITY e0 'ha'>"
    + "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 12))
    + "]>"
)
QUADRATIC = f"<!DOCTYPE html [<!ENTITY e '{'x' * 50_000}'>]>"


@pytest.mark.parametrize(
    "html",
    [
        page('<p id="a">&e11;</p>', doctype=BOMB),
        page('<p id="&e11;">x</p>', doctype=BOMB),
        page('<p id="a" class="&e11;">x</p>', doctype=BOMB),
        page('<p id="a">unused</p>', doctype=BOMB),
        page(f'<p id="a">{"&e;" * 50_000}</p>', doctype=QUADRATIC),
        page(f'<p id="a" class="{"&e;" * 50_000}"/>', doctype=QUADRATIC),
        page('<p id="a">&e;</p>', doctype='<!DOCTYPE html [<!ENTITY e "replaced">]>'),
        page('<p id="&e;">x</p>', doctype='<!DOCTYPE html [<!ENTITY e "replaced">]>'),
        page('<p id="a">&e;</p>', doctype='<!DOCTYPE html [<!ENTITY e SYSTEM "file:///etc/hostname">]>'),
        page('<p id="a">&e;</p>', doctype='<!DOCTYPE html [<!ENTITY e SYSTEM "http://localhost:9/">]>'),
        page('<p id="a">x</p>', doctype='<!DOCTYPE html [<!ENTITY % e SYSTEM "file:///etc/hostname"> %e;]>'),
    ],
)
def test_declared_entities_are_refused(html: PlainHtml) -> None:
    tracemalloc.start()
    try:
        refused(html)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "doctype",
    ["<!DOCTYPE html >", "", '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "xhtml1-strict.dtd">'],
)
def test_undefined_entities_are_named_with_their_line(doctype: str) -> None:
    error = refused(page('<p id="a">\n\nfish&nbsp;chips</p>', doctype=doctype))
    assert "nbsp" in str(error)
    assert "line 7" in str(error)


def test_a_local_file_never_becomes_text(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")
    html = page('<p id="a">&e;</p>', doctype=f'<!DOCTYPE html [<!ENTITY e SYSTEM "{secret.as_uri()}">]>')
    assert "hunter2" not in str(refused(html))


def test_one_id_twice() -> None:
    error = refused(page('<p id="a">x</p>\n<p id="b">y</p>\n<p id="a">z</p>'))
    assert error.value == "a"
    assert "line 7" in str(error)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   \n",
        b"\0",
        b"just text",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b'{"entities": []}',
        b"<html>",
        b"<html><head/></html>",
        b"<body><p id='a'>the root is the body</p></body>",
        page('<p id="a">x').data,
        page('<p id="a">x</p>').data[:-30],
        page('<p id="a">x</p>').data + b"<p/>",
        page('<p id="a">a & b < c</p>').data,
        page("<p id=a>x</p>").data,
        page("<p id='a'>x</i></p>").data,
        page(b"<p id='a'>\0</p>").data,
        page(b"<p id='a'>\x08</p>").data,
        page("<p id='a'>&#0;</p>").data,
        page("<p id='a'>&#xD800;</p>").data,
        page("<p id='a'>&#x110000;</p>").data,
        page("<p id='a'>é</p>".encode("latin-1")).data,
        page(b"<p id='a'>\xed\xa0\x80</p>").data,
        page(b"<p id='a'>\xf0\x9f\x9a</p>").data,
        page("<p id='a'>é</p>".encode("latin-1"), doctype='<?xml version="1.0" encoding="ISO-8859-1"?>').data,
        page("<p id='a'>é</p>").data.decode().encode("utf-16"),
        page("<p id='a'>é</p>").data.decode().encode("utf-32"),
        page("<b>" * 10_000 + "</b>" * 10_000).data,
        page("".join(f'<b id="{n}">' for n in range(10_000)) + "</b>" * 10_000).data,
    ],
    ids=lambda data: repr(data[104:140]),
)
def test_broken_files(data: bytes) -> None:
    refused(PlainHtml(data, place="some/x.plain.html"))


def test_a_parse_error_has_its_line() -> None:
    assert "some/x.plain.html, line 6" in str(refused(page('<p id="a">x</p>\n<p id="b">y & z</p>')))
    assert "line 2" in str(refused(PlainHtml(b"\n<html><head/></html>", place="x.plain.html")))


def test_nested_parts_can_not_multiply_the_text() -> None:
    deep = "".join(f'<b id="{n}">' for n in range(200)) + ("x" * 1_000_000) + "</b>" * 200
    refused(page(deep))


@quick
@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 5))
def test_damage_never_ends_in_another_exception(noise: bytes, at: int, drop: int) -> None:
    data = html_from_blocks(
        [("h2", "Title é"), ("p", "a < b & c"), ("pre", "🚀\n")], doc_id="aX", origid="x"
    ).data
    for hurt in (noise, data[:at], data[:at] + noise + data[at + drop :]):
        try:
            parts = PlainHtml(hurt).parts
        except PlainHtmlError:
            continue
        assert all(isinstance(part.text, str) for part in parts.values())


def test_repr_never_raises() -> None:
    good = page('<p id="a">x</p>')
    assert "aX" in repr(good)
    assert "1 part" in repr(good)
    assert "x.plain.html" in repr(PlainHtml(b"<html>", place="x.plain.html"))
    assert repr(page('<p id="a">x</p><p id="a"/>'))


# ---- writing


def normal(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@quick
@given(texts(carriage_returns=True))
@example("\n")
@example("\r\n\r")
@example("]]>")
@example("&amp;&#10;")
@example("\ufeff")
def test_verbatim_text_comes_back(text: str) -> None:
    html = html_from_text(text, filename="ü.txt")
    assert list(html.parts.values()) == [Part("s1v1", normal(text), "pre")]
    assert html.origid == "ü.txt"
    assert html.id is not None
    assert is_document_id(html.id)


@quick
@given(texts(carriage_returns=True))
def test_formatted_text_keeps_every_line_that_says_something(text: str) -> None:
    html = html_from_text(text, text_format="formatted")
    lines = [line.strip() for line in normal(text).split("\n") if line.strip()]
    assert [part.text for part in html.parts.values()] == lines
    assert list(html.parts) == [f"s1p{n}" for n in range(1, len(lines) + 1)]


@quick
@given(
    st.lists(st.tuples(st.sampled_from(["h2", "p", "pre"]), texts(carriage_returns=True)), max_size=6),
    texts(carriage_returns=True, min_size=1),
    texts(carriage_returns=True),
)
def test_blocks_come_back(content: list[tuple[str, str]], doc_id: str, origid: str) -> None:
    html = html_from_blocks(content, doc_id=doc_id, origid=origid, generator="\"<&>'")
    assert [(part.tag, part.text) for part in html.parts.values()] == [
        (tag, normal(text)) for tag, text in content
    ]
    letters = {"h2": "h", "p": "p", "pre": "v"}
    assert all(
        re.fullmatch(rf"s1{letters[part.tag]}[1-9][0-9]*", part_id) for part_id, part in html.parts.items()
    )
    assert html.id == doc_id
    assert html.origid == origid


@quick
@given(blocks(), document_ids())
def test_written_files_are_well_formed_utf8_of_one_kind(content: list[tuple[str, str]], doc_id: str) -> None:
    first = html_from_blocks(content, doc_id=doc_id, origid="x")
    assert first.data == html_from_blocks(content, doc_id=doc_id, origid="x").data
    assert first.data.decode().startswith("<!DOCTYPE html")
    assert b"\r" not in first.data
    assert PlainHtml(first.data).parts == first.parts


ILLEGAL = ["\0", "\x08", "\x0b", "\x0c", "\x1b", "\x1f", "\ud800", "\udfff", "\ufffe", "\uffff"]


@pytest.mark.parametrize("character", ILLEGAL)
@pytest.mark.parametrize("text_format", ["verbatim", "formatted"])
def test_illegal_characters_are_named(character: str, text_format: str) -> None:
    with pytest.raises(PlainHtmlError) as caught:
        html_from_text(f"one\ntwo\n{character}\nfour", filename="notes.txt", text_format=text_format)  # type: ignore[arg-type]
    assert f"U+{ord(character):04X}" in str(caught.value)
    assert "notes.txt" in str(caught.value)
    assert "character 8" in str(caught.value)
    assert str(caught.value).encode()


@pytest.mark.parametrize("character", ILLEGAL)
@pytest.mark.parametrize("where", ["doc_id", "origid", "generator", "text"])
def test_illegal_characters_are_refused_everywhere(character: str, where: str) -> None:
    values = {"doc_id": "a", "origid": "o", "generator": "g", "text": "t"} | {where: f"x{character}y"}
    with pytest.raises(PlainHtmlError, match=rf"U\+{ord(character):04X}"):
        html_from_blocks([("p", values.pop("text"))], place="the file", **values)


@quick
@given(st.characters())
def test_what_is_written_can_be_read(character: str) -> None:
    try:
        html = html_from_text(f"a{character}b")
    except PlainHtmlError:
        assert ord(character) < 32 or "\ud800" <= character <= "\udfff" or character in "\ufffe\uffff"
    else:
        assert html.parts["s1v1"].text == f"a{normal(character)}b"


@pytest.mark.parametrize("unit", ["x", "é", "🚀"])
def test_text_too_long_to_be_read_is_not_written(unit: str) -> None:
    limit = 10_000_000 // len(unit.encode())
    assert len(only_of(html_from_text(unit * limit))) == limit
    with pytest.raises(PlainHtmlError, match="too long"):
        html_from_text(unit * (limit + 1))


def only_of(html: PlainHtml) -> str:
    (part,) = html.parts.values()
    return part.text


# ---- ids


@quick
@given(st.text(min_size=1, max_size=20), st.binary(max_size=50), st.text(max_size=5))
def test_document_ids_have_tagtogs_form(filename: str, content: bytes, salt: str) -> None:
    doc_id = document_id(filename, content, salt=salt)
    assert re.match(r"a[A-Za-z0-9._-]{27}-", doc_id)
    assert doc_id[29:] == filename
    assert is_document_id(doc_id)
    assert doc_id == document_id(filename, content, salt=salt)
    assert doc_id != document_id(filename, content + b"x", salt=salt)
    assert doc_id != document_id(filename, content, salt=salt + "x")
    assert doc_id[:28] != document_id(filename + "x", content, salt=salt)[:28]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("aE7DVwx5pj.KxZtSadEce0HkNGk0-text.txt", True),
        ("a" + "-" * 27 + "-x", True),
        ("aE7DVwx5pj.KxZtSadEce0HkNGk0-", False),
        ("bE7DVwx5pj.KxZtSadEce0HkNGk0-text.txt", False),
        ("aE7DVwx5pj.KxZtSadEce0HkNGk-text.txt", False),
        ("aE7DVwx5pj KxZtSadEce0HkNGk0-text.txt", False),
        ("aE7DVwx5pj.KxZtSadEce0HkNGké-text.txt", False),
        ("text.txt", False),
        ("", False),
    ],
)
def test_is_document_id(name: str, is_one: bool) -> None:
    assert is_document_id(name) is is_one


# ---- real documents


@needs_corpora
@pytest.mark.parametrize("name", ["loctext", "decm-michoacan.zip", "bbc-news.zip"])
def test_real_documents(name: str) -> None:
    for document in Project.open(CORPORA / name):
        assert document.parts
        assert any(part.text.strip() for part in document)
        for part in document:
            assert "\r" not in part.text
