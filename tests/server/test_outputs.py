"""The forms in which documents are given out, and deleting them, over real HTTP."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from local_api import annotated, entity, refused
from project_api import Api, pair_html

from spacy_tagtog.server import LocalTagtog

# --- Outputs


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
    own = annotated(
        entity("e_1", 0, "Ada Lovelace"),
        entity("e_2", 4, "Lovelace"),
        {
            "classId": "e_2",
            "part": "s1p1",
            "offsets": [{"start": 16, "text": "North"}, {"start": 22, "text": "America"}],
        },
        entity("e_1", 3, "Bob", part="s1p2"),
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


# --- Deleting


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
