"""The local tagtog's documents and settings, over real HTTP."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import examples

from spacy_tagtog.anndoc import Annotations, Legend, PlainHtml, confidence, html_from_blocks
from spacy_tagtog.anndoc.plain_html import is_document_id
from spacy_tagtog.server import LocalTagtog, local_tagtog, settings_from_legend

LEGEND = Legend(
    {"e_1": "Person", "e_2": "Place", "f_3": "role", "m_4": "topic", "n_5": "Wikidata", "r_6": "lives_in"}
)


class Api:
    """A project of its own on a running server, and the calls to it."""

    def __init__(self, server: LocalTagtog, project: str) -> None:
        self.server = server
        self.name = project
        self.session = requests.Session()
        self.session.auth = (server.username, server.password)
        self.project = {"owner": "local", "project": project}
        server.store.create_project(
            "local",
            project,
            settings_from_legend(LEGEND, ["pool/train", "pool/test/deep", "pool/other/deep"]),
        )

    def call(
        self,
        method: str,
        path: str = "documents",
        /,
        *,
        files: Any = None,
        data: Any = None,
        json: Any = None,
        **query: Any,
    ) -> requests.Response:
        address = {"documents": "/-api/documents/v1"}.get(path, path)
        if not address.startswith("/"):
            address = f"/-api/settings/v1/{path}"
        return self.session.request(
            method,
            self.server.url + address,
            params={**self.project, **query},
            files=files,
            data=data,
            json=json,
            timeout=20,
            allow_redirects=False,
        )

    def text(self, text: str, **query: Any) -> dict[str, Any]:
        answer = self.call("POST", data={"text": text}, **{"output": "null", **query})
        assert answer.status_code == 200, answer.text
        return answer.json()["items"][0]

    def pairs(self, *pairs: tuple[str, bytes, Annotations | str], **query: Any) -> requests.Response:
        files = []
        for name, content, annotations in pairs:
            text = annotations if isinstance(annotations, str) else annotations.dumps()
            files += [
                ("files", (f"{name}.plain.html", content)),
                ("files", (f"{name}.ann.json", text.encode())),
            ]
        return self.call("POST", files=files, **{"format": "anndoc", "output": "null", **query})

    def get(self, docid: str, output: str, **query: Any) -> requests.Response:
        return self.call("GET", ids=docid, output=output, **query)

    def docs(self, query: str = "*") -> list[dict[str, Any]]:
        answer = self.call("GET", search=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["docs"]


@pytest.fixture
def api(server: LocalTagtog) -> Iterator[Api]:
    made = Api(server, f"project {len(server.store.projects())}")
    yield made
    made.session.close()


def entity(class_id: str, part: str, start: int, text: str, **more: Any) -> dict[str, Any]:
    own = confidence(state="pre-added", who=["ml:seed"], prob=0.75)
    return {
        "classId": class_id,
        "part": part,
        "offsets": [{"start": start, "text": text}],
        "confidence": own,
        **more,
    }


def annotations(*entities: dict[str, Any], complete: bool = False, **more: Any) -> Annotations:
    made = Annotations.empty(complete=complete)
    made.data["entities"] = list(entities)
    return Annotations({**made.data, **more})


def refused(answer: requests.Response, status: int, *words: str) -> None:
    """The answer is an error that a person can act on."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "Traceback" not in answer.text
    for word in words:
        assert word in answer.text


# ------------------------------------------------------------------------------------------------------------------------ who and where


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Basic",
        "Basic !!!",
        "Basic bm9jb2xvbg==",
        "Bearer x",
        "Basic bG9jYWw6d3Jvbmc=",
        "Basic bm9ib2R5OndoYXQ=",
        "Basic /////w==",
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/-api/documents/v1?owner=local&project=x",
        "/-api/settings/v1/annotationsLegend",
        "/nowhere",
        "/a/b",
    ],
)
def test_every_call_needs_a_user(server: LocalTagtog, header: str | None, path: str) -> None:
    answer = requests.get(server.url + path, headers={"Authorization": header} if header else {}, timeout=20)
    refused(answer, 401, "HTTP Basic")
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


def test_stored_users_may_call_and_changed_passwords_count(server: LocalTagtog, api: Api) -> None:
    def status(password: str) -> int:
        auth = ("ada", password.encode())
        return requests.get(
            f"{server.url}/-api/documents/v1", params={**api.project, "search": "*"}, auth=auth, timeout=20
        ).status_code

    server.store.add_user("ada", "pässword:1", admin=True)
    assert [status("pässword:1"), status("pässword:1"), status("other")] == [200, 200, 401]
    server.store.add_user("ada", "second")
    assert [status("pässword:1"), status("second")] == [401, 200]


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ({}, 400, "owner"),
        ({"owner": "local"}, 400, "project"),
        ({"owner": "local", "project": "none"}, 404, "none"),
    ],
)
def test_the_project_must_be_named_and_exist(api: Api, query: dict[str, str], status: int, word: str) -> None:
    for path in ("/-api/documents/v1", "/-api/settings/v1/annotationsLegend"):
        refused(
            api.session.get(api.server.url + path, params={**query, "search": "*"}, timeout=20), status, word
        )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/-api/documents/v2", 404),
        ("GET", "/-api/documents/v1/", 404),
        ("POST", "/-api/unknown", 404),
        ("GET", "/favicon.ico", 404),
        ("PATCH", "/-api/documents/v1", 405),
        ("POST", "annotationsLegend", 405),
        ("POST", "/", 405),
        ("DELETE", "members/ada", 404),
        ("DELETE", "members", 405),
        ("PUT", "task-distribution", 400),
        ("GET", "/-api/metrics/v0/nothing", 404),
        ("POST", "/-api/documents/versions/v0/nothing", 404),
    ],
)
def test_what_is_not_there_says_so(api: Api, method: str, path: str, status: int) -> None:
    answer = api.call(method, path)
    refused(answer, status, "legal:")
    assert ("Allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_other_web_sites_cannot_change_anything(api: Api, headers: dict[str, str]) -> None:
    address = f"{api.server.url}/-api/documents/v1"
    refused(
        api.session.post(address, params=api.project, data={"text": "x"}, headers=headers, timeout=20),
        403,
        "web site",
    )
    refused(
        api.session.delete(address, params={**api.project, "search": "*"}, headers=headers, timeout=20), 403
    )
    own = {"Origin": api.server.url, "Sec-Fetch-Site": "same-origin"}
    assert (
        api.session.post(
            address, params={**api.project, "output": "null"}, data={"text": "x"}, headers=own, timeout=20
        ).status_code
        == 200
    )


def test_answers_carry_the_headers_that_keep_a_browser_safe(api: Api) -> None:
    docid = api.text("<script>alert(1)</script>")["docid"]
    for answer in (
        api.get(docid, "plain.html"),
        api.get(docid, "orig"),
        api.get(docid, "visualize"),
        api.get("none", "html"),
        api.call("GET", "/"),
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "server" not in answer.headers
    assert "sandbox" in api.get(docid, "plain.html").headers["Content-Security-Policy"]


# ------------------------------------------------------------------------------------------------------------------------- text imports


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
        ({"format": "formatted"}, {"data": {"text": " \n "}}, 400, "paragraph"),
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


# --------------------------------------------------------------------------------------------------------------------------------- pairs


def pair_html(*paragraphs: str, doc_id: str = "x", origid: str = "x") -> bytes:
    return html_from_blocks([("p", paragraph) for paragraph in paragraphs], doc_id=doc_id, origid=origid).data


def test_a_pair_becomes_a_document_and_comes_back_unchanged(api: Api) -> None:
    content = pair_html("Ada lived 😀 in London", origid="letter").replace(b"<p ", b"<p\n  class='\xc3\xa4' ")
    own = {
        "custom": [1, {"z": 1, "a": "ü"}],
        **annotations(entity("e_1", "s1p1", 0, "Ada", vendor="kept"), complete=True).data,
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
        item = api.pairs((f"n{number}", pair_html("a", "b"), annotations(**given_parts))).json()["items"][0]
        assert api.get(item["docid"], "ann.json").json()["annotatable"]["parts"] == ["s1p1", "s1p2"]


def test_a_document_id_as_base_name_is_kept(api: Api) -> None:
    docid = "aZ10.x_-" + "b" * 20 + "-letter 1.txt"
    item = api.pairs(
        (docid, pair_html("x", doc_id="foreign", origid="https://example.com/a"), annotations())
    ).json()["items"][0]
    assert item["docid"] == docid
    assert api.docs()[0]["filename"] == "letter 1.txt"


def test_uploading_annotations_of_a_known_document_replaces_them(api: Api) -> None:
    docid = api.text("Ada in London", format="formatted")["docid"]
    content = api.get(docid, "plain.html").content
    before = api.docs()[0]
    # By the base name, by the <html id> under another name, and by content and name.
    for number, name in enumerate((docid, "renamed")):
        own = annotations(entity("e_1", "s1p1", 0, "Ada"), complete=bool(number))
        item = api.pairs((name, content, own)).json()["items"][0]
        assert (item["docid"], item["result"]) == (docid, "updated")
        assert api.get(docid, "ann.json").json()["anncomplete"] is bool(number)
    files = [
        ("f", ("text.txt", b"Ada in London")),
        ("f", ("text.ann.json", annotations(entity("e_2", "s1p1", 7, "London")).dumps())),
    ]
    item = api.call("POST", files=files, format="formatted-plus-annjson", output="null").json()["items"][0]
    assert (item["docid"], item["result"]) == (docid, "updated")
    assert [one["classId"] for one in api.get(docid, "ann.json").json()["entities"]] == ["e_2"]
    after = api.docs()[0]
    assert (after["id"], after["created"]) == (docid, before["created"])
    assert after["updated"] > before["updated"]
    assert api.get(docid, "plain.html").content == content


def test_the_same_pair_twice_updates_nothing(api: Api) -> None:
    content, own = pair_html("Ada"), annotations(entity("e_1", "s1p1", 0, "Ada"))
    first = api.pairs(("x", content, own)).json()["items"][0]
    before = api.docs()
    spaced = json.dumps(dict(reversed(own.data.items())), indent=2)
    second = api.pairs(("x", content, spaced)).json()["items"][0]
    assert (first["result"], second["result"], first["docid"]) == ("created", "updated", second["docid"])
    assert api.docs() == before
    assert api.pairs(("x", content, annotations())).status_code == 200
    assert api.docs()[0]["updated"] > before[0]["updated"]


@pytest.mark.parametrize(("first", "second"), [(1, 1.0), (True, 1), ("1", 1)])
def test_values_that_only_python_takes_for_equal_are_a_change(api: Api, first: Any, second: Any) -> None:
    for value in (first, second):
        docid = api.pairs(("x", pair_html("Ada"), annotations(extra=value))).json()["items"][0]["docid"]
    assert json.dumps(api.get(docid, "ann.json").json()["extra"]) == json.dumps(second)


def test_members_have_versions_of_their_own(api: Api) -> None:
    content = pair_html("Ada")
    docid = api.pairs(
        (
            "x",
            content,
            annotations(entity("e_1", "s1p1", 0, "Ada")),
        ),
        member="bob",
    ).json()["items"][0]["docid"]
    empty = api.get(docid, "ann.json", member="eve")
    assert (empty.json()["entities"], empty.json()["annotatable"]) == ([], {"parts": ["s1p1"]})
    assert "empty" in empty.headers["Warning"]
    api.pairs((docid, content, annotations(entity("e_2", "s1p1", 0, "Ada"))))
    api.pairs((docid, content, annotations(complete=True)), member="carl")
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
    own = annotations(entity("e_1", "s9p9", 0, "Ada"), entity("e_1", "s1p1", 10**30, "nowhere"))
    docid = api.pairs(("x", pair_html("Ada"), own)).json()["items"][0]["docid"]
    assert len(api.get(docid, "ann.json").json()["entities"]) == 2
    page = api.get(docid, "visualize").text
    assert "no part &#x27;s9p9&#x27;" in page
    assert page.count("stands &#x27;") == 1


def test_annotations_may_hold_what_utf8_cannot(api: Api) -> None:
    own = '{"entities": [{"classId": "e_1", "part": "s1p1", "offsets": [{"start": 0, "text": "\\ud83d"}]}], "annotatable": {"parts": ["s1p1"]}}'
    docid = api.pairs(("x", pair_html("Ada"), own)).json()["items"][0]["docid"]
    assert json.dumps(api.get(docid, "ann.json").json()) == own
    for output in ("visualize", "entitiestsv", "entitiesonlyclassestsv"):
        assert api.get(docid, output).status_code == 200


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (annotations(entity("e_9", "s1p1", 0, "Ada")), ["e_9", "e_1 (Person)", "e_2 (Place)"]),
        (annotations(entity("f_3", "s1p1", 0, "Ada")), ["f_3", "e_1 (Person)"]),
        (annotations(entity("e_1", "s1p1", 0, "Ada", fields={"f_8": {"value": 1}})), ["f_8", "f_3 (role)"]),
        (
            annotations(entity("e_1", "s1p1", 0, "Ada", normalizations={"n_8": {"source": {"id": "Q1"}}})),
            ["n_8", "n_5 (Wikidata)"],
        ),
        (annotations(metas={"m_7": {"value": True}}), ["m_7", "m_4 (topic)"]),
        (
            annotations(relations=[{"classId": "r_7", "entities": ["s1p1|e_1|0,3", "s1p1|e_1|0,3"]}]),
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
        ("good", pair_html("Ada"), annotations()),
        ("bad", pair_html("Bob"), own),
        ("good2", pair_html("Carl"), annotations()),
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
            b"<!DOCTYPE html [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><html><body><p id='a'>&e;</p></body></html>",
            "entity",
        ),
    ],
)
def test_a_plain_html_that_cannot_be_read_is_refused(api: Api, content: bytes, word: str) -> None:
    refused(
        api.pairs(("good", pair_html("Ada"), annotations()), ("bad", content, annotations())),
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
    content = {True: annotations().dumps().encode(), False: pair_html("x")}
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
        for name, data in zip(names, [pair_html("x"), annotations().dumps()], strict=True)
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
            ("f", (f"{upload_format}.ann.json", annotations(complete=True).dumps())),
        ]
        docid = api.call("POST", files=files, format=upload_format, output="null").json()["items"][0]["docid"]
        got = api.get(docid, "ann.json").json()
        assert (got["annotatable"]["parts"], got["anncomplete"]) == (parts, True)
        assert api.get(docid, "text").text.replace("\n\n", "\n") == "one\ntwo"


def test_a_changed_text_is_taken_only_if_nobody_elses_annotations_stand_on_it(api: Api) -> None:
    docid = api.pairs(("x", pair_html("Ada"), annotations(entity("e_1", "s1p1", 0, "Ada")))).json()["items"][
        0
    ]["docid"]
    assert (
        api.pairs((docid, pair_html("Bob"), annotations(entity("e_1", "s1p1", 0, "Bob")))).status_code == 200
    )
    assert api.get(docid, "text").text == "Bob"
    assert api.docs("Bob")[0]["header"] == "Bob"
    api.pairs((docid, pair_html("Bob"), annotations()), member="eve")
    refused(api.pairs((docid, pair_html("Carl"), annotations())), 400, "differs", "eve")
    # It is noticed only after another document of the request was written: that one goes, too.
    refused(
        api.pairs(("new", pair_html("Dora"), annotations()), (docid, pair_html("Carl"), annotations())),
        400,
        "differs",
    )
    assert [hit["id"] for hit in api.docs()] == [docid]
    alone = [("f", (f"{docid}.plain.html", pair_html("Carl")))]
    refused(api.call("POST", files=alone, output="null"), 400, "differs")
    assert api.get(docid, "text").text == "Bob"
    # Other bytes with the same texts are no danger.
    again = pair_html("Bob").replace(b"<p ", b"<p class='x' ")
    assert api.pairs((docid, again, annotations())).status_code == 200
    assert api.get(docid, "plain.html").content == again


def test_a_plain_html_alone_is_a_document_without_annotations(api: Api) -> None:
    content = pair_html("Ada")
    for result in ("created", "updated"):
        item = api.call("POST", files=[("f", ("x.plain.html", content))], output="null").json()["items"][0]
        assert item["result"] == result
    assert api.get(item["docid"], "plain.html").content == content


# ---------------------------------------------------------------------------------------------------------------------------------- outputs


def test_file_names_are_given_in_ascii_and_utf8(api: Api) -> None:
    docid = api.text("x", filename='Ü"b%er 1.txt')["docid"]
    header = api.get(docid, "ann.json").headers["Content-Disposition"]
    plain, _, extended = header.partition("; filename*=UTF-8''")
    assert unquote(extended) == f"{docid}.ann.json"
    assert plain == f'attachment; filename="{docid[:29]}__b_er 1.txt.ann.json"'
    simple = api.text("x", filename="a.txt")["docid"]
    assert (
        api.get(simple, "plain.html").headers["Content-Disposition"]
        == f'attachment; filename="{simple}.plain.html"'
    )
    assert api.get(simple, "orig").headers["Content-Disposition"] == 'attachment; filename="a.txt"'


def test_every_output_of_a_document(api: Api) -> None:
    own = annotations(
        entity("e_1", "s1p1", 0, "Ada Lovelace"),
        entity("e_2", "s1p1", 4, "Lovelace"),
        {
            "classId": "e_2",
            "part": "s1p1",
            "offsets": [{"start": 16, "text": "North"}, {"start": 22, "text": "America"}],
        },
        entity("e_1", "s1p2", 3, "Bob"),
    )
    docid = api.pairs(("x", pair_html("Ada Lovelace in North America", "😀 Bob\tx"), own)).json()["items"][0][
        "docid"
    ]
    assert api.get(docid, "html").headers["Content-Type"] == "text/html; charset=utf-8"
    assert api.get(docid, "xml").headers["Content-Type"] == "application/xml"
    assert (
        api.get(docid, "html").content
        == api.get(docid, "xml").content
        == api.get(docid, "plain.html").content
    )
    assert (
        api.get(docid, "text").content.decode()
        == api.get(docid, "txt").content.decode()
        == "Ada Lovelace in North America\n\n😀 Bob\tx"
    )
    assert api.get(docid, "original").content == api.get(docid, "orig").content
    assert api.get(docid, "entitiestsv").content.decode() == (
        "Ada Lovelace\tPerson\n in \tO\nNorth\tPlace\n \tO\nAmerica\tPlace\n\n😀 \tO\nBob\tPerson\n x\tO\n"
    )
    assert (
        api.get(docid, "entitiesonlyclassestsv").content.decode()
        == "Ada Lovelace\tPerson\nLovelace\tPlace\nNorth … America\tPlace\nBob\tPerson\n"
    )
    address = api.get(docid, "weburl").text
    assert address == f"{api.server.url}/local/{quote(api.name)}/pool/{docid}"
    assert api.session.get(address, timeout=20).status_code == 200
    assert "Ada Lovelace" in api.call("GET", ids=docid).text
    assert (
        api.session.head(
            f"{api.server.url}/-api/documents/v1",
            params={**api.project, "ids": docid, "output": "text"},
            timeout=20,
        ).status_code
        == 200
    )


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ({}, 400, "search=QUERY"),
        ({"ids": "none", "output": "ann.json"}, 404, "none"),
        ({"ids": ""}, 400, "ids"),
        ({"ids": "x", "output": "pdf"}, 400, "plain.html"),
        ({"ids": "x", "idType": "WikipediaID"}, 400, "tagtogID"),
        ({"ids": "23596191", "idType": "PMID"}, 501, "not available offline"),
        ({"ids": "x", "search": "*"}, 400, "both"),
        ({"search": "*", "output": "pdf"}, 400, "csv"),
        ({"search": "*", "page": "-1"}, 400, "page"),
        ({"search": "*", "page": "²"}, 400, "page"),
        ({"search": ""}, 400, "empty"),
    ],
)
def test_a_bad_request_for_documents_is_refused(
    api: Api, query: dict[str, str], status: int, word: str
) -> None:
    refused(api.call("GET", **query), status, word)


# --------------------------------------------------------------------------------------------------------------------------------- deleting


def test_deleting_by_search_and_by_id(api: Api) -> None:
    ids = [
        api.text(f"text {number}", folder=folder)["docid"]
        for number, folder in enumerate(["pool", "pool/train", "pool/train"])
    ]
    assert api.call("DELETE", search="folder:train").text == "2"
    assert api.call("DELETE", search="folder:train").text == "0"
    assert api.call("DELETE", ids=ids[0], idType="tagtogID").text == "1"
    assert api.call("DELETE", ids=ids[0]).text == "0"
    refused(api.call("DELETE"), 400, "search=QUERY")
    refused(api.call("DELETE", ids="x", search="*"), 400, "one of")
    refused(api.call("DELETE", search="filter:NONE"), 400, "filter")
    assert api.docs() == []


def test_one_project_does_not_see_another(server: LocalTagtog, api: Api) -> None:
    other = Api(server, f"{api.name} other")
    docid = api.text("secret")["docid"]
    assert other.docs() == []
    refused(other.get(docid, "text"), 404)
    assert other.call("DELETE", ids=docid).text == "0"
    assert other.call("DELETE", search="*").text == "0"
    assert other.text("secret")["docid"] != docid
    other.session.close()


# --------------------------------------------------------------------------------------------------------------------------------- settings


def test_the_legend_and_the_settings_come_back(api: Api) -> None:
    assert api.call("GET", "annotationsLegend").json() == dict(LEGEND)
    assert api.call("GET", "export").json() == settings_from_legend(
        LEGEND, ["pool/train", "pool/test/deep", "pool/other/deep"]
    )


def test_importing_settings_replaces_them_and_removes_the_documents(api: Api) -> None:
    api.text("x")
    new = settings_from_legend(Legend({"e_7": "Drug"}), ["pool/new"])
    new["vendor"] = {"kept": ["ü", 1.5]}
    new["folders"]["pool"]["color"] = "red"
    answer = api.call("POST", "import", json=new)
    assert answer.json() == {"mapNewIds": {"e_7": "e_7"}, "newSettings": new}
    assert api.call("GET", "export").json() == new
    assert api.call("GET", "annotationsLegend").json() == {"e_7": "Drug"}
    assert api.docs() == []
    assert (
        api.pairs(
            ("x", pair_html("Ada"), annotations(entity("e_7", "s1p1", 0, "Ada"))), folder="new"
        ).status_code
        == 200
    )


def test_settings_without_folders_have_pool(api: Api) -> None:
    assert api.call("POST", "import", json={"entities": {}}).status_code == 200
    assert api.call("GET", "export").json()["folders"] == {
        "pool": {"name": "pool", "index": 0, "children": {}}
    }


_POOL: dict[str, Any] = {"name": "pool", "index": 0, "children": {}}


@pytest.mark.parametrize(
    ("new", "word"),
    [
        ([], "JSON object"),
        ({"entities": []}, "entities"),
        ({"entities": {"x": {"name": "X"}}}, "e_N"),
        ({"entities": {"m_1": {"name": "X"}}}, "e_N"),
        ({"entities": {"e_1": {"name": ""}}}, "e_1"),
        ({"entities": {"e_1": {"name": "X"}, "e_2": {"name": "X"}}}, "same name"),
        ({"folders": []}, None),
        ({"folders": {"other": {"index": 0}}}, "pool"),
        ({"folders": {"pool": {"index": 1}}}, "pool"),
        ({"folders": {"pool": {"index": "0"}}}, "index"),
        ({"folders": {"pool": {**_POOL, "children": []}}}, None),
        ({"folders": {"pool": {**_POOL, "children": [1]}}}, "folders"),
        ({"folders": {"pool": {**_POOL, "children": {"a": {"index": 0}}}}}, "same index"),
        ({"folders": {"pool": {**_POOL, "children": {"..": {"index": 1}}}}}, "name of a folder"),
        ({"folders": {"pool": {**_POOL, "children": {"a/b": {"index": 1}}}}}, "name of a folder"),
        (
            {"folders": {"pool": {**_POOL, "children": {"a": {"index": 1}, "b": {"index": 2, "name": "a"}}}}},
            "same path",
        ),
        ({"x": "\ud800"}, "surrogates"),
    ],
)
def test_settings_that_are_none_are_refused_and_nothing_changes(api: Api, new: Any, word: str | None) -> None:
    docid = api.text("kept")["docid"]
    before = api.call("GET", "export").json()
    answer = api.call("POST", "import", json=new)
    if word is None:  # empty where a mapping belongs: nothing is lost by reading it as empty
        assert answer.status_code == 200
        return
    refused(answer, 400, word)
    assert api.call("GET", "export").json() == before
    assert api.get(docid, "text").text == "kept"


def test_settings_must_be_json(api: Api) -> None:
    refused(api.call("POST", "import", data={"x": "y"}), 400, "JSON")


def test_folders_are_added_renamed_and_removed(api: Api) -> None:
    def paths(answer: requests.Response) -> list[str]:
        assert answer.status_code == 200, answer.text
        return sorted(folder.path for folder in api.server.store.project("local", api.name).folders)

    assert "pool/a/b" in paths(api.call("POST", "folders/add", json={"path": "pool/a/b"}))
    assert "pool/a/c" in paths(
        api.call("POST", "folders/add", json={"parentPath": "pool/a", "newFolderName": "c"})
    )
    docid = api.text("x", folder="pool/a/b")["docid"]
    kept = api.text("y", folder="pool/train")["docid"]
    assert {"pool/z", "pool/z/b", "pool/z/c"} <= set(
        paths(api.call("POST", "folders/rename", json={"path": "pool/a", "newFolderName": "z"}))
    )
    assert next(hit["folder"] for hit in api.docs() if hit["id"] == docid) == "pool/z/b"
    assert not any(
        path.startswith("pool/z")
        for path in paths(api.call("POST", "folders/remove", json={"path": "pool/z"}))
    )
    assert [hit["id"] for hit in api.docs()] == [kept]


@pytest.mark.parametrize(
    ("operation", "body", "status", "word"),
    [
        ("add", {}, 400, "parentPath"),
        ("add", {"path": 5}, 400, "path"),
        ("add", {"path": "pool/train"}, 400, "exists already"),
        ("add", {"path": "pool"}, 400, "exists already"),
        ("add", {"path": "other/x"}, 400, "pool"),
        ("add", {"path": "pool/../x"}, 400, "name of a folder"),
        ("add", {"path": "pool//x"}, 400, "name of a folder"),
        ("add", {"path": "pool" + "/x" * 20}, 400, "levels"),
        ("add", {"path": "pool/\ud800"}, 400, "name of a folder"),
        ("add", {"parentPath": "pool/none", "newFolderName": "x"}, 400, "no such folder"),
        ("add", {"parentPath": "pool"}, 400, "newFolderName"),
        ("rename", {"path": "pool/none", "newFolderName": "x"}, 404, "pool/train"),
        ("rename", {"path": "pool", "newFolderName": "x"}, 400, "pool can't"),
        ("rename", {"path": "pool/train", "newFolderName": "test"}, 400, "exists already"),
        ("rename", {"path": "pool/train", "newFolderName": "a/b"}, 400, "name of a folder"),
        ("remove", {"path": "pool"}, 400, "pool can't"),
        ("remove", {"path": "none"}, 404, "pool/train"),
        ("remove", {}, 400, "path"),
    ],
)
def test_bad_folder_operations_are_refused(
    api: Api, operation: str, body: dict[str, Any], status: int, word: str
) -> None:
    before = api.call("GET", "export").json()
    refused(api.call("POST", f"folders/{operation}", json=body), status, word)
    assert api.call("GET", "export").json() == before


# ------------------------------------------------------------------------------------------------------------------------------ limits


@contextmanager
def own_server(path: Path) -> Iterator[Api]:
    with local_tagtog(path) as running:
        api = Api(running, "p")
        yield api
        api.session.close()


def test_requests_beyond_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_tagtog.server.api.app.MAX_REQUEST_BYTES", 3000)
    with own_server(tmp_path / "x.db") as api:
        refused(api.call("POST", data={"text": "x" * 4000}), 413, "3000 bytes")
        pieces = [b"text=", *[b"x" * 100] * 40]
        address, headers = (
            f"{api.server.url}/-api/documents/v1",
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        chunked = requests.post(
            address,
            params=api.project,
            auth=(api.server.username, api.server.password),
            data=iter(pieces),
            headers=headers,
            timeout=20,
        )
        refused(chunked, 413, "3000 bytes")
        assert api.docs() == []
        api.text("x" * 2000)


def test_a_declared_length_is_refused_before_it_is_sent(api: Api) -> None:
    credentials = (
        requests.Request("POST", "http://x", auth=api.session.auth).prepare().headers["Authorization"]
    )
    host, port = api.server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        lines = [
            "POST /-api/documents/v1?owner=local&project=x HTTP/1.1",
            f"Host: {host}",
            f"Authorization: {credentials}",
            "Content-Length: 300000000",
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")


def test_too_many_files_and_fields_are_refused(api: Api) -> None:
    refused(
        api.call("POST", files=[("f", (f"{number}.txt", b"x")) for number in range(2001)]), 400, "2000 files"
    )
    refused(api.call("POST", data={f"f{number}": "x" for number in range(101)}), 400, "form")
    assert api.docs() == []


def test_a_text_that_is_too_long_for_the_parser_is_refused(api: Api) -> None:
    refused(api.call("POST", data={"text": "x" * 10_000_001}), 400, "text.txt")
    assert api.docs() == []


def test_a_locked_database_is_said_and_nothing_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spacy_tagtog.server.db.store._BUSY_SECONDS", 0.05)
    with own_server(tmp_path / "x.db") as api:
        other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answer = api.call("POST", data={"text": "x"})
        refused(answer, 503, "another program")
        assert answer.headers["Retry-After"]
        assert api.docs() == []  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        api.text("x")


def test_a_full_disk_is_said_and_nothing_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_server(tmp_path / "x.db") as api:
        api.text("before")
        connect = api.server.store._connect

        def limited() -> sqlite3.Connection:
            connection = connect()
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages + 5}")
            return connection

        monkeypatch.setattr(api.server.store, "_connect", limited)
        for connection in api.server.store._idle:
            connection.close()
        api.server.store._idle.clear()
        files = [("f", (f"{number}.txt", b"x" * 10_000)) for number in range(20)]
        refused(api.call("POST", files=files, output="null"), 507, "space")
        assert [hit["header"] for hit in api.docs()] == ["before"]


def test_a_bug_is_answered_without_its_details_and_logged(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(api.server.store, "project", broken)
    answer = api.call("GET", "annotationsLegend")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "secret detail" in caplog.text
