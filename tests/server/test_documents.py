"""Imports of texts and of texts with annotations, over real HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_api import annotated, entity, refused
from project_api import Api, pair_html
from strategies import examples

from spacy_tagtog.anndoc import Annotations, PlainHtml
from spacy_tagtog.anndoc.plain_html import is_document_id

# --- Text imports


def test_text_becomes_a_document(api: Api) -> None:
    item = api.text("Ada Lovelace\r\nlived in London.")
    docid = item["docid"]
    assert is_document_id(docid)
    assert item == {
        "origid": "text.txt",
        "filenames": ["text.txt"],
        "names": ["text.txt"],
        "rawInputSizeInBytes": 30,
        "docid": docid,
        "tagtogID": docid,
        "result": "created",
        "parsedTextSizeInBytes": 29,
    }
    html = PlainHtml(api.get(docid, "plain.html").content)
    assert (html.id, html.origid) == (docid, "text.txt")
    assert {part.id: part.text for part in html.parts.values()} == {"s1v1": "Ada Lovelace\nlived in London."}
    (hit,) = api.docs()
    assert hit == {
        "id": docid,
        "filename": "text.txt",
        "header": "Ada Lovelace lived in London.",
        "created": hit["created"],
        "updated": hit["created"],
        "anncomplete": False,
        "members_anncomplete": [],
        "members_assigned": [],
        "folder": "pool",
    }


def test_the_answer_to_an_import_is_that_of_the_api(api: Api) -> None:
    answer = api.call("POST", data={"text": "x"}, output="null").json()
    assert list(answer) == ["ok", "errors", "items", "warnings"]
    assert (answer["ok"], answer["errors"], answer["warnings"]) == (1, 0, [])


def test_text_comes_as_a_form_as_json_and_as_multipart_with_post_and_put(api: Api) -> None:
    ways: list[dict[str, Any]] = [
        {"data": {"text": "tëxt"}},
        {"json": {"text": "tëxt"}},
        {"files": {"text": (None, "tëxt")}},
        {"files": {"any": ("text.txt", "tëxt")}},
    ]
    results = [
        api.call(method, output="null", **way).json()["items"][0]
        for way in ways
        for method in ("POST", "PUT")
    ]
    assert {item["docid"] for item in results} == {results[0]["docid"]}
    assert [item["result"] for item in results] == ["created"] + ["updated"] * 7


def test_formatted_text_has_a_part_for_each_paragraph(api: Api) -> None:
    verbatim, formatted = api.text("One\n\n two "), api.text("One\n\n two ", format="formatted")
    assert verbatim["docid"] != formatted["docid"]
    assert api.get(formatted["docid"], "text").text == "One\n\ntwo"
    assert list(PlainHtml(api.get(formatted["docid"], "html").content).parts) == ["s1p1", "s1p2"]


def test_filename_folder_and_member_are_taken_from_the_query(api: Api) -> None:
    item = api.text("x", filename="Über 1.txt", folder="pool/train")
    assert item["docid"].endswith("-Über 1.txt")
    assert api.docs()[0]["folder"] == "pool/train"
    assert api.docs()[0]["filename"] == "Über 1.txt"


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("1", "pool/train"),
        ("train", "pool/train"),
        ("/pool/test/deep/", "pool/test/deep"),
        ("0", "pool"),
        ("test", "pool/test"),
    ],
)
def test_a_folder_is_an_index_a_path_or_a_name(api: Api, given: str, path: str) -> None:
    api.text("x", folder=given)
    assert api.docs()[0]["folder"] == path


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("nope", ["no such folder", "pool/train (1)"]),
        ("deep", ["several", "pool/test/deep", "pool/other/deep"]),
        ("99", ["no such folder"]),
    ],
)
def test_an_unknown_folder_is_refused_with_the_legal_ones(api: Api, folder: str, words: list[str]) -> None:
    refused(api.call("POST", data={"text": "x"}, folder=folder), 400, *words)
    assert api.docs() == []


@pytest.mark.parametrize(
    ("query", "body", "status", "word"),
    [
        ({}, {}, 400, "nothing to import"),
        ({}, {"data": {"other": "x"}}, 400, "nothing to import"),
        ({}, {"data": {"text": ""}}, 400, "empty"),
        ({}, {"json": {"text": 5}}, 400, "no text text"),
        ({}, {"json": ["text"]}, 400, "nothing to import"),
        ({}, {"data": b"{", "headers": {"Content-Type": "application/json"}}, 400, "JSON"),
        (
            {},
            {"data": b"text=%ff", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
            400,
            "form",
        ),
        (
            {},
            {"data": b"text=\xff", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
            400,
            "form",
        ),
        ({}, {"data": b"x", "headers": {"Content-Type": "text/plain"}}, 400, "multipart/form-data"),
        ({}, {"data": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "boundary"),
        (
            {},
            {"data": b"--b\r\nnonsense", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
            400,
            "multipart",
        ),
        ({"format": "formatted"}, {"data": {"text": " \n "}}, 400, "white space"),
        ({"format": "pdf"}, {"data": {"text": "x"}}, 501, "verbatim"),
        ({"format": "nativepdfv1"}, {"data": {"text": "x"}}, 501, "verbatim"),
        ({"format": "markdown"}, {"data": {"text": "- \n"}}, 400, "no text"),
        ({"format": "nonsense"}, {"data": {"text": "x"}}, 400, "anndoc"),
        ({"format": "anndoc"}, {"data": {"text": "x"}}, 400, "partner"),
        ({"output": "csv"}, {"data": {"text": "x"}}, 400, "ann.json"),
        ({"member": "a b"}, {"data": {"text": "x"}}, 400, "member"),
        ({"member": "x" * 65}, {"data": {"text": "x"}}, 400, "64"),
        ({"url": "https://example.com"}, {}, 501, "not available offline"),
        ({"idType": "PMID", "ids": "1"}, {}, 501, "not available offline"),
        ({"distributeToMembers": "nobody"}, {"data": {"text": "x"}}, 400, "nobody"),
        ({"filename": "../x.txt"}, {"data": {"text": "x"}}, 400, "name"),
        ({"filename": "a\\b.txt"}, {"data": {"text": "x"}}, 400, "name"),
        ({"filename": "x" * 201}, {"data": {"text": "x"}}, 400, "200"),
        ({}, {"data": {"text": "a\0b"}}, 400, "U+0000"),
        ({}, {"json": {"text": "a\ud800"}}, 400, "U+D800"),
        ({}, {"data": {"text": "x"}, "files": {"f": ("x.txt", b"x")}}, 400, "both"),
        ({}, {"files": {"f": ("x.txt", b"\xff\xfe")}}, 400, "UTF-8"),
        ({}, {"files": {"f": ("x.txt", b"")}}, 400, "empty"),
        ({}, {"files": {"f": ("x.docx", b"PK")}}, 501, "x.docx"),
        ({}, {"files": {"f": ("x.xml", b"<article><body><p>x</p></body></article>")}}, 501, "x.xml"),
        ({}, {"files": {"f": ("x.pdf", b"%PDF")}}, 400, "x.pdf"),
        ({}, {"files": {"f": ("x.html", b"<html><body><script>x</script></body></html>")}}, 400, "no text"),
        ({}, {"files": {"f": ("x.plain.html", b"<html>")}}, 400, "parse"),
        ({}, {"files": {"f": ("x.ann.json", b"{}")}}, 400, "format=anndoc"),
        ({"format": "verbatim"}, {"files": {"f": ("/etc/x.txt", b"x")}}, 400, "name"),
        (
            {"filename": "one"},
            {"files": [("f", ("a.txt", b"a")), ("f", ("b.txt", b"b"))]},
            400,
            "one document",
        ),
    ],
)
def test_a_bad_import_is_refused_and_nothing_is_stored(
    api: Api, query: dict[str, str], body: dict[str, Any], status: int, word: str
) -> None:
    answer = api.session.post(
        f"{api.server.url}/-api/documents/v1", params={**api.project, **query}, timeout=20, **body
    )
    refused(answer, status, word)
    assert api.docs() == []


def test_other_outputs_answer_with_the_last_document(api: Api) -> None:
    files = [("a", ("one.txt", "first")), ("b", ("two.txt", "second"))]
    assert api.call("POST", files=files, output="text").text == "second"
    page = api.call("POST", data={"text": "shown"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert "shown" in page.text


_XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\n\r\t😀𝒳&<>]\"'"),
    min_size=1,
)


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=_XML_TEXT)
def test_any_text_comes_back(api: Api, text: str) -> None:
    docid = api.text(text)["docid"]
    part = PlainHtml(api.get(docid, "plain.html").content).parts["s1v1"]
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    assert part.text == expected
    assert api.get(docid, "orig").content.decode() == text
    assert api.get(docid, "text").content.decode() == expected


# --- Pairs


def test_a_pair_becomes_a_document_and_comes_back_unchanged(api: Api) -> None:
    content = pair_html("Ada lived 😀 in London", origid="letter").replace(b"<p ", b"<p\n  class='\xc3\xa4' ")
    own = {
        "custom": [1, {"z": 1, "a": "ü"}],
        **annotated(entity("e_1", 0, "Ada", vendor="kept"), complete=True).data,
        "annotatable": {"parts": ["s1p1"]},
    }
    answer = api.pairs(("letter", content, Annotations(own)))
    (item,) = answer.json()["items"]
    assert item["origid"] == "letter"
    assert item["filenames"] == ["letter.ann.json", "letter.plain.html"]
    assert is_document_id(item["docid"])
    assert item["docid"].endswith("-letter")
    assert api.get(item["docid"], "plain.html").content == content
    assert api.get(item["docid"], "orig").content == content
    got = api.get(item["docid"], "ann.json")
    assert json.dumps(got.json()) == json.dumps(own)  # keys in the same order, too
    assert got.headers["Content-Type"] == "application/json"
    assert api.docs()[0]["anncomplete"] is True


def test_empty_annotatable_parts_are_filled_in(api: Api) -> None:
    for number, given_parts in enumerate(
        [{"annotatable": {"parts": [], "kept": 1}}, {"annotatable": None}, {"annotatable": {}}]
    ):
        item = api.pairs((f"n{number}", pair_html("a", "b"), annotated(**given_parts))).json()["items"][0]
        assert api.get(item["docid"], "ann.json").json()["annotatable"]["parts"] == ["s1p1", "s1p2"]


def test_a_document_id_as_base_name_is_kept(api: Api) -> None:
    docid = "aZ10.x_-" + "b" * 20 + "-letter 1.txt"
    item = api.pairs(
        (docid, pair_html("x", doc_id="foreign", origid="https://example.com/a"), annotated())
    ).json()["items"][0]
    assert item["docid"] == docid
    assert api.docs()[0]["filename"] == "letter 1.txt"


def test_uploading_annotations_of_a_known_document_replaces_them(api: Api) -> None:
    docid = api.text("Ada in London", format="formatted")["docid"]
    content = api.get(docid, "plain.html").content
    before = api.docs()[0]
    # By the base name, by the <html id> under another name, and by content and name.
    for number, name in enumerate((docid, "renamed")):
        own = annotated(entity("e_1", 0, "Ada"), complete=bool(number))
        item = api.pairs((name, content, own)).json()["items"][0]
        assert (item["docid"], item["result"]) == (docid, "updated")
        assert api.get(docid, "ann.json").json()["anncomplete"] is bool(number)
    files = [
        ("f", ("text.txt", b"Ada in London")),
        ("f", ("text.ann.json", annotated(entity("e_2", 7, "London")).dumps())),
    ]
    item = api.call("POST", files=files, format="formatted-plus-annjson", output="null").json()["items"][0]
    assert (item["docid"], item["result"]) == (docid, "updated")
    assert [one["classId"] for one in api.get(docid, "ann.json").json()["entities"]] == ["e_2"]
    after = api.docs()[0]
    assert (after["id"], after["created"]) == (docid, before["created"])
    assert after["updated"] > before["updated"]
    assert api.get(docid, "plain.html").content == content


def test_the_same_pair_twice_updates_nothing(api: Api) -> None:
    content, own = pair_html("Ada"), annotated(entity("e_1", 0, "Ada"))
    first = api.pairs(("x", content, own)).json()["items"][0]
    before = api.docs()
    spaced = json.dumps(dict(reversed(own.data.items())), indent=2)
    second = api.pairs(("x", content, spaced)).json()["items"][0]
    assert (first["result"], second["result"], first["docid"]) == ("created", "updated", second["docid"])
    assert api.docs() == before
    assert api.pairs(("x", content, annotated())).status_code == 200
    assert api.docs()[0]["updated"] > before[0]["updated"]


@pytest.mark.parametrize(("first", "second"), [(1, 1.0), (True, 1), ("1", 1)])
def test_values_that_only_python_takes_for_equal_are_a_change(api: Api, first: Any, second: Any) -> None:
    for value in (first, second):
        docid = api.pairs(("x", pair_html("Ada"), annotated(extra=value))).json()["items"][0]["docid"]
    assert json.dumps(api.get(docid, "ann.json").json()["extra"]) == json.dumps(second)


def test_members_have_versions_of_their_own(api: Api) -> None:
    content = pair_html("Ada")
    docid = api.pairs(
        (
            "x",
            content,
            annotated(entity("e_1", 0, "Ada")),
        ),
        member="bob",
    ).json()["items"][0]["docid"]
    empty = api.get(docid, "ann.json", member="eve")
    assert (empty.json()["entities"], empty.json()["annotatable"]) == ([], {"parts": ["s1p1"]})
    assert "empty" in empty.headers["Warning"]
    api.pairs((docid, content, annotated(entity("e_2", 0, "Ada"))))
    api.pairs((docid, content, annotated(complete=True)), member="carl")
    versions = {
        member: api.get(docid, "ann.json", member=member) for member in ("master", "bob", "carl", "eve")
    }
    assert {
        member: [one["classId"] for one in got.json()["entities"]] for member, got in versions.items()
    } == {
        "master": ["e_2"],
        "bob": ["e_1"],
        "carl": [],
        "eve": ["e_2"],
    }
    assert {member: "Warning" in got.headers for member, got in versions.items()} == {
        "master": False,
        "bob": False,
        "carl": False,
        "eve": True,
    }
    assert versions["eve"].headers["Warning"].startswith('299 - "eve has no version')
    assert api.docs()[0]["members_anncomplete"] == ["carl"]
    assert api.docs()[0]["anncomplete"] is False
    refused(api.get(docid, "ann.json", member="../x"), 400, "member")


def test_entities_in_missing_parts_and_with_wrong_offsets_are_taken(api: Api) -> None:
    own = annotated(entity("e_1", 0, "Ada", part="s9p9"), entity("e_1", 10**30, "nowhere"))
    docid = api.pairs(("x", pair_html("Ada"), own)).json()["items"][0]["docid"]
    assert len(api.get(docid, "ann.json").json()["entities"]) == 2
    page = api.get(docid, "visualize").text
    assert "no part &#39;s9p9&#39;" in page
    assert page.count("stands &#39;") == 1


def test_annotations_may_hold_what_utf8_cannot(api: Api) -> None:
    # Lone surrogates have to be written as escapes.
    own = (
        '{"entities": [{"classId": "e_1", "part": "s1p1", "offsets": [{"start": 0, "text": "\\ud83d"}]}], '
        '"annotatable": {"parts": ["s1p1"]}}'
    )
    docid = api.pairs(("x", pair_html("Ada"), own)).json()["items"][0]["docid"]
    assert json.dumps(api.get(docid, "ann.json").json()) == own
    for output in ("visualize", "entitiestsv", "entitiesonlyclassestsv"):
        assert api.get(docid, output).status_code == 200


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (annotated(entity("e_9", 0, "Ada")), ["e_9", "e_1 (Person)", "e_2 (Place)"]),
        (annotated(entity("f_3", 0, "Ada")), ["f_3", "e_1 (Person)"]),
        (annotated(entity("e_1", 0, "Ada", fields={"f_8": {"value": 1}})), ["f_8", "f_3 (role)"]),
        (
            annotated(entity("e_1", 0, "Ada", normalizations={"n_8": {"source": {"id": "Q1"}}})),
            ["n_8", "n_5 (Wikidata)"],
        ),
        (annotated(metas={"m_7": {"value": True}}), ["m_7", "m_4 (topic)"]),
        (
            annotated(relations=[{"classId": "r_7", "entities": ["s1p1|e_1|0,3", "s1p1|e_1|0,3"]}]),
            ["r_7", "r_6 (lives_in)"],
        ),
        ("[]", ["ann.json"]),
        ("{", ["doesn't parse"]),
        ('{"entities": [{"classId": "e_1"}]}', ["entities[0]", "part"]),
        ('{"x": 1e999}', ["1e999"]),
        ('{"x": NaN}', ["NaN"]),
        (
            '{"entities": [{"classId": "e_1", "part": "s1p1", "offsets": [{"start": -1, "text": "x"}]}]}',
            ["start"],
        ),
    ],
)
def test_bad_annotations_are_refused_and_nothing_of_the_request_is_stored(
    api: Api, own: Annotations | str, words: list[str]
) -> None:
    answer = api.pairs(
        ("good", pair_html("Ada"), annotated()),
        ("bad", pair_html("Bob"), own),
        ("good2", pair_html("Carl"), annotated()),
    )
    refused(answer, 400, "bad.ann.json", *words)
    assert api.docs() == []


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"<html><body>", "parse"),
        (b"<html/>", "no <body>"),
        (b"<html><body><p id='a'/><p id='a'/></body></html>", "one id"),
        (b"<html><body><p id='a'>&nbsp;</p></body></html>", "parse"),
        (
            b"<!DOCTYPE html [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
            b"<html><body><p id='a'>&e;</p></body></html>",
            "entity",
        ),
    ],
)
def test_a_plain_html_that_cannot_be_read_is_refused(api: Api, content: bytes, word: str) -> None:
    refused(
        api.pairs(("good", pair_html("Ada"), annotated()), ("bad", content, annotated())),
        400,
        "bad.plain.html",
        word,
    )
    assert api.docs() == []


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a.plain.html"], ["a.plain.html", "partner"]),
        (["a.ann.json"], ["a.ann.json", "partner"]),
        (["a.plain.html", "a.ann.json", "b.ann.json"], ["b.ann.json"]),
        (["a.plain.html", "b.ann.json"], ["a.plain.html", "b.ann.json"]),
        (["a.plain.html", "a.html", "a.ann.json"], ["two files"]),
        (["a.ann.json", "a.ann.json", "a.html"], ["two files"]),
        (["a.txt", "a.ann.json"], ["a.txt", "NAME.plain.html"]),
    ],
)
def test_odd_files_are_refused(api: Api, names: list[str], words: list[str]) -> None:
    content = {True: annotated().dumps().encode(), False: pair_html("x")}
    files = [(name, (name, content[name.endswith(".ann.json")])) for name in names]
    refused(api.call("POST", files=files, format="anndoc", output="null"), 400, *words)
    assert api.docs() == []


@pytest.mark.parametrize("field", ["file", "files", "name"])
@pytest.mark.parametrize(
    ("suffix", "upload_format"),
    [(".html", "anndoc"), (".xml", "anndoc"), (".plain.html", "default-plus-annjson")],
)
def test_pairs_come_in_any_field_and_with_any_of_the_suffixes(
    api: Api, field: str, suffix: str, upload_format: str
) -> None:
    names = [f"é{suffix}", "é.ann.json"]
    files = [
        (name if field == "name" else field, (name, data))
        for name, data in zip(names, [pair_html("x"), annotated().dumps()], strict=True)
    ]
    item = api.call("PUT", files=files, format=upload_format, output="null").json()["items"][0]
    assert item["filenames"] == sorted(names)


def test_text_with_annotations_is_parsed_as_the_format_says(api: Api) -> None:
    for upload_format, parts in {
        "default-plus-annjson": ["s1v1"],
        "verbatim-plus-annjson": ["s1v1"],
        "formatted-plus-annjson": ["s1p1", "s1p2"],
    }.items():
        files = [
            ("f", (f"{upload_format}.txt", b"\xef\xbb\xbfone\ntwo")),
            ("f", (f"{upload_format}.ann.json", Annotations.empty(complete=True).dumps())),
        ]
        docid = api.call("POST", files=files, format=upload_format, output="null").json()["items"][0]["docid"]
        got = api.get(docid, "ann.json").json()
        assert (got["annotatable"]["parts"], got["anncomplete"]) == (parts, True)
        assert api.get(docid, "text").text.replace("\n\n", "\n") == "one\ntwo"


def test_a_changed_text_is_taken_only_if_nobody_elses_annotations_stand_on_it(api: Api) -> None:
    docid = api.pairs(("x", pair_html("Ada"), annotated(entity("e_1", 0, "Ada")))).json()["items"][0]["docid"]
    assert api.pairs((docid, pair_html("Bob"), annotated(entity("e_1", 0, "Bob")))).status_code == 200
    assert api.get(docid, "text").text == "Bob"
    assert api.docs("Bob")[0]["header"] == "Bob"
    api.pairs((docid, pair_html("Bob"), annotated()), member="eve")
    refused(api.pairs((docid, pair_html("Carl"), annotated())), 400, "differs", "eve")
    # It is noticed only after another document of the request was written: that one goes, too.
    refused(
        api.pairs(("new", pair_html("Dora"), annotated()), (docid, pair_html("Carl"), annotated())),
        400,
        "differs",
    )
    assert [hit["id"] for hit in api.docs()] == [docid]
    alone = [("f", (f"{docid}.plain.html", pair_html("Carl")))]
    refused(api.call("POST", files=alone, output="null"), 400, "differs")
    assert api.get(docid, "text").text == "Bob"
    # Other bytes with the same texts are no danger.
    again = pair_html("Bob").replace(b"<p ", b"<p class='x' ")
    assert api.pairs((docid, again, annotated())).status_code == 200
    assert api.get(docid, "plain.html").content == again


def test_a_plain_html_alone_is_a_document_without_annotations(api: Api) -> None:
    content = pair_html("Ada")
    for result in ("created", "updated"):
        item = api.call("POST", files=[("f", ("x.plain.html", content))], output="null").json()["items"][0]
        assert item["result"] == result
    assert api.get(item["docid"], "plain.html").content == content
