"""Calls as people write them for tagtog, with nothing changed but address and password.

The shapes are those of the examples in tagtog's public documentation (API documents, API settings, the
webhook tutorial) and of its download script, in our own words: plain ``requests``, no code of this package.
"""

from __future__ import annotations

import json
import queue
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import spacy
from builders import pdf
from databases import number_of_projects

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.server import LocalTagtog, create_project, settings_from_legend

LEGEND = Legend({"e_1": "PERSON", "e_2": "ORG", "e_3": "GGP", "n_2": "SwissProt", "m_1": "isSpam"})
DOCUMENT_ID = re.compile(r"a[A-Za-z0-9._-]{27}-.+")


@dataclass
class Account:
    """What the examples leave to fill in."""

    server: LocalTagtog
    project: str

    @property
    def documents(self) -> str:
        return f"{self.server.url}/-api/documents/v1"

    @property
    def settings(self) -> str:
        return f"{self.server.url}/-api/settings/v1"

    @property
    def auth(self) -> requests.auth.HTTPBasicAuth:
        return requests.auth.HTTPBasicAuth(username=self.server.username, password=self.server.password)

    @property
    def params(self) -> dict[str, Any]:
        return {"owner": self.server.username, "project": self.project}


@pytest.fixture
def account(server: LocalTagtog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    project = f"yourProject{number_of_projects(server.database)}"
    server.database.write(create_project, "local", project, settings_from_legend(LEGEND))
    monkeypatch.chdir(tmp_path)
    Path("files").mkdir()
    return Account(server, project)


def ann_json(*entities: dict[str, Any], **more: Any) -> str:
    parts = sorted({entity["part"] for entity in entities})
    return json.dumps(
        {
            "annotatable": {"parts": parts},
            "anncomplete": False,
            "sources": [],
            "metas": {},
            "entities": list(entities),
            "relations": [],
        }
        | more
    )


def entity(class_id: str, part: str, start: int, text: str, who: str = "user:local") -> dict[str, Any]:
    own = {"state": "pre-added", "who": [who], "prob": 1}
    return {
        "classId": class_id,
        "part": part,
        "offsets": [{"start": start, "text": text}],
        "confidence": own,
        "fields": {},
        "normalizations": {},
    }


def only_item(response: requests.Response) -> dict[str, Any]:
    answer = response.json()
    assert (answer["ok"], answer["errors"], answer["warnings"]) == (1, 0, [])
    (item,) = answer["items"]
    return item


# --- Importing


def test_plain_text(account: Account) -> None:
    payload = {"text": "Antibody-dependent cellular cytotoxicity (ADCC) is triggered by the Fcγ receptors."}
    response = requests.post(
        account.documents,
        params={**account.params, "output": "ann.json"},
        auth=account.auth,
        data=payload,
        timeout=20,
    )
    empty = {
        "annotatable": {"parts": ["s1v1"]},
        "anncomplete": False,
        "sources": [],
        "metas": {},
        "entities": [],
        "relations": [],
    }
    assert response.json() == empty
    # The same as JSON, as the JavaScript examples send it, and with the address of the page as the answer.
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    query = {**account.params, "output": "weburl"}
    response = requests.post(
        account.documents,
        params=query,
        auth=account.auth,
        data=json.dumps(payload),
        headers=headers,
        timeout=20,
    )
    assert re.fullmatch(
        rf"{account.server.url}/local/{account.project}/pool/a[\w.-]{{27}}-text.txt", response.text
    )
    page = requests.get(response.text, auth=account.auth, timeout=20)
    assert "ADCC" in page.text


def test_plain_text_as_curl_sends_it(account: Account) -> None:
    """``curl -d`` encodes nothing."""
    text = "Antibody-dependent cytotoxicity by the Fcγ receptors: 50%25 of “all” 😀"
    query = {**account.params, "output": "text"}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = requests.post(
        account.documents,
        params=query,
        auth=account.auth,
        data=f"text={text}".encode(),
        headers=headers,
        timeout=20,
    )
    assert response.content.decode() == text.replace("%25", "%")
    # And as a field of a multipart form (curl -F).
    response = requests.post(
        account.documents, params=query, auth=account.auth, files={"text": (None, text)}, timeout=20
    )
    assert response.content.decode() == text


def test_verbatim_and_formatted_text(account: Account) -> None:
    parts = []
    for text_format in ("verbatim", "formatted"):
        query = {**account.params, "format": text_format, "output": "ann.json"}
        response = requests.post(
            account.documents,
            params=query,
            auth=account.auth,
            data={"text": "First line.\n\nSecond line."},
            timeout=20,
        )
        parts.append(response.json()["annotatable"]["parts"])
    assert parts == [["s1v1"], ["s1p1", "s1p2"]]


def test_a_file_and_a_list_of_files(account: Account) -> None:
    for name in ("text.txt", "item1.txt", "item2.txt", "readme.md"):
        Path("files", name).write_text(f"# {name}\n\nHello")
    with Path("files/text.txt").open() as file:
        response = requests.post(
            account.documents,
            params={**account.params, "output": "ann.json"},
            auth=account.auth,
            files=[("file", file)],
            timeout=20,
        )
    assert response.json()["annotatable"]["parts"] == ["s1v1"]
    with (
        Path("files/item1.txt").open() as one,
        Path("files/item2.txt").open() as two,
        Path("files/readme.md").open() as three,
    ):
        files = [("files", one), ("files", two), ("files", three)]
        response = requests.put(
            account.documents,
            params={**account.params, "output": "null"},
            auth=account.auth,
            files=files,
            timeout=20,
        )
    answer = response.json()
    assert answer["ok"] == 3
    for item, name in zip(answer["items"], ("item1.txt", "item2.txt", "readme.md"), strict=True):
        assert item["origid"] == name
        assert item["filenames"] == item["names"] == [name]
        assert item["docid"] == item["tagtogID"]
        assert DOCUMENT_ID.fullmatch(item["docid"])
        assert item["docid"].endswith(name)
        assert item["result"] == "created"
        assert item["rawInputSizeInBytes"] == Path("files", name).stat().st_size


def test_a_pdf(account: Account) -> None:
    Path("files/document.pdf").write_bytes(pdf("Page one", "Page two"))
    with Path("files/document.pdf").open("rb") as file:
        response = requests.post(
            account.documents,
            params={**account.params, "output": "ann.json"},
            auth=account.auth,
            files=[("files", file)],
            timeout=60,
        )
    assert response.json()["annotatable"] == {"parts": ["s1v1", "s2v1"]}


@pytest.mark.parametrize(
    "more",
    [
        {"url": "https://example.org/page"},
        {"idType": "PMID", "ids": ["23596191", "29438695"]},
        {"idType": "PMCID", "ids": "PMC165443"},
    ],
)
def test_what_needs_the_network_says_so(account: Account, more: dict[str, Any]) -> None:
    response = requests.post(
        account.documents,
        params={**account.params, "output": "weburl", **more},
        auth=account.auth,
        timeout=20,
    )
    assert response.status_code == 501
    assert response.headers["Content-Type"].startswith("text/plain")
    assert "not available offline" in response.text


# --- Annotated documents


def test_pre_annotated_text_given_in_the_code(account: Account) -> None:
    # The field's name is the file's.
    files = [
        ("hellotag.txt", "Hello tag world"),
        ("hellotag.ann.json", ann_json(entity("e_1", "s1v1", 6, "tag"))),
    ]
    query = {**account.params, "output": "null", "format": "default-plus-annjson"}
    item = only_item(
        requests.post(account.documents, params=query, auth=account.auth, files=files, timeout=20)
    )
    assert item["origid"] == "hellotag.txt"
    assert item["filenames"] == item["names"] == ["hellotag.ann.json", "hellotag.txt"]
    assert (item["result"], item["parsedTextSizeInBytes"]) == ("created", 15)
    response = requests.get(
        account.documents,
        params={**account.params, "ids": item["docid"], "output": "ann.json"},
        auth=account.auth,
        timeout=20,
    )
    assert [one["offsets"] for one in response.json()["entities"]] == [[{"start": 6, "text": "tag"}]]


def test_pre_annotated_files_with_any_field_names(account: Account) -> None:
    Path("files/text.txt").write_text("Hello tag world")
    query = {**account.params, "output": "null", "format": "default-plus-annjson"}
    with Path("files/text.txt").open() as text:
        files: dict[str, Any] = {
            "ann": ("text.ann.json", ann_json(entity("e_1", "s1v1", 6, "tag"))),
            "plain": ("text.txt", text),
        }
        item = only_item(
            requests.post(account.documents, params=query, auth=account.auth, files=files, timeout=20)
        )
    assert item["result"] == "created"


def test_a_list_of_pre_annotated_files(account: Account) -> None:
    Path("article.pdf").write_bytes(pdf("About GGP"))
    Path("article.ann.json").write_text(ann_json(entity("e_3", "s1v1", 6, "GGP")))
    Path("item1.txt").write_text("Ada wrote")
    Path("item1.ann.json").write_text(ann_json(entity("e_1", "s1v1", 0, "Ada")))
    query = {**account.params, "format": "default-plus-annjson", "output": "null"}
    with (
        Path("article.pdf").open("rb") as a,
        Path("article.ann.json").open() as b,
        Path("item1.txt").open() as c,
        Path("item1.ann.json").open() as d,
    ):
        files = [("file", a), ("file", b), ("file", c), ("file", d)]
        answer = requests.post(
            account.documents, params=query, auth=account.auth, files=files, timeout=60
        ).json()
    assert [(item["origid"], item["filenames"]) for item in answer["items"]] == [
        ("article.pdf", ["article.ann.json", "article.pdf"]),
        ("item1.txt", ["item1.ann.json", "item1.txt"]),
    ]
    odd = requests.post(
        account.documents, params=query, auth=account.auth, files=[("file", ("x.txt", "x"))], timeout=20
    )
    assert not odd.ok
    assert odd.headers["Content-Type"].startswith("text/plain")


def test_replacing_annotations_by_the_original_content_and_by_plain_html(account: Account) -> None:
    Path("files/mydoc.txt").write_text("Ada met Bob")
    results = []
    for start, name in ((0, "Ada"), (8, "Bob")):
        Path("files/mydoc.ann.json").write_text(ann_json(entity("e_1", "s1v1", start, name)))
        query = {**account.params, "output": "null", "format": "default-plus-annjson"}
        with Path("files/mydoc.txt").open() as text, Path("files/mydoc.ann.json").open() as annotations:
            files = [("file", text), ("file", annotations)]
            results.append(
                only_item(
                    requests.post(account.documents, params=query, auth=account.auth, files=files, timeout=20)
                )
            )
    assert [result["result"] for result in results] == ["created", "updated"]
    (docid,) = {result["docid"] for result in results}
    # Download the plain.html, call it anything, and send it with other annotations.
    get = {**account.params, "ids": docid, "output": "html"}
    Path("files/article.html").write_bytes(
        requests.get(account.documents, params=get, auth=account.auth, timeout=20).content
    )
    Path("files/article.ann.json").write_text(ann_json(entity("e_2", "s1v1", 0, "Ada met Bob")))
    query = {**account.params, "output": "null", "format": "anndoc"}
    with Path("files/article.html").open() as html, Path("files/article.ann.json").open() as annotations:
        item = only_item(
            requests.post(
                account.documents,
                params=query,
                auth=account.auth,
                files=[("file", html), ("file", annotations)],
                timeout=20,
            )
        )
    assert (item["docid"], item["result"], item["origid"]) == (docid, "updated", "mydoc.txt")
    assert item["filenames"] == ["article.ann.json", "article.html"]
    found = requests.get(
        account.documents,
        params={**account.params, "ids": docid, "output": "ann.json"},
        auth=account.auth,
        timeout=20,
    ).json()
    assert [one["classId"] for one in found["entities"]] == ["e_2"]


# --- Search, download, delete


def upload_examples(account: Account) -> list[str]:
    norm = {
        "n_2": {"source": {"name": "SwissProt", "id": "P02649", "url": None}, "recName": "Apolipoprotein E"}
    }
    docids = []
    for number in range(3):
        own = [entity("e_3", "s1v1", 0, "APOE") | {"normalizations": norm}] if number == 0 else []
        files = [(f"text{number}.txt", f"APOE and text {number}"), (f"text{number}.ann.json", ann_json(*own))]
        query = {**account.params, "output": "null", "format": "default-plus-annjson"}
        docids.append(
            only_item(
                requests.post(account.documents, params=query, auth=account.auth, files=files, timeout=20)
            )["docid"]
        )
    return docids


def test_search_and_get(account: Account) -> None:
    docids = upload_examples(account)
    found = requests.get(
        account.documents,
        params={**account.params, "search": "entity:GGP:P02649"},
        auth=account.auth,
        timeout=20,
    ).json()
    assert found["search"] == "entity:GGP:P02649"
    assert (found["totalFound"], [hit["id"] for hit in found["docs"]]) == (1, docids[:1])
    assert found["pages"] == {"current": 0, "previous": -1, "next": -1, "numPages": 1, "pageSize": 50}
    for query in (
        "folder:pool",
        "folder:0",
        "updated:[NOW-1DAY to NOW]",
        "created:[2013 to NOW]",
        "anncomplete:false",
        "-label:isSpam",
        "filename:*.txt",
    ):
        assert (
            requests.get(
                account.documents, params={**account.params, "search": query}, auth=account.auth, timeout=20
            ).json()["totalFound"]
            == 3
        ), query
    listed = requests.get(
        account.documents,
        params={**account.params, "search": "*", "output": "csv"},
        auth=account.auth,
        timeout=20,
    )
    assert listed.text.splitlines() == ["docid,anncomplete", *(f"{docid},false" for docid in docids)]
    original = requests.get(
        account.documents,
        params={**account.params, "ids": docids[1], "output": "orig"},
        auth=account.auth,
        timeout=20,
    )
    assert original.content == b"APOE and text 1"
    member = requests.get(
        account.documents,
        params={**account.params, "ids": docids[0], "member": "John", "output": "ann.json"},
        auth=account.auth,
        timeout=20,
    )
    assert len(member.json()["entities"]) == 1  # the master version, because John has none
    assert "Warning" in member.headers


def test_downloading_page_by_page_as_the_download_script_does(account: Account) -> None:
    """The search stays among the parameters while the documents are asked for."""
    docids = upload_examples(account)
    params: dict[str, Any] = {**account.params, "search": "*", "member": "master"}
    next_page, downloaded = 0, {}
    while next_page != -1:
        params.update(output="search", page=next_page)
        found = requests.get(account.documents, params=params, auth=account.auth, timeout=20).json()
        next_page = found["pages"]["next"]
        params["output"] = "ann.json"
        for hit in found["docs"]:
            params["ids"] = hit["id"]
            response = requests.get(account.documents, params=params, auth=account.auth, timeout=20)
            del params["ids"]
            assert response.ok
            disposition = response.headers["Content-Disposition"]
            downloaded[disposition.partition('filename="')[2].rstrip('"')] = response.json()
    assert list(downloaded) == [f"{docid}.ann.json" for docid in docids]


def test_deleting(account: Account) -> None:
    docids = upload_examples(account)
    delete = {**account.params, "idType": "tagtogID", "ids": docids[0]}
    assert [
        requests.delete(account.documents, params=delete, auth=account.auth, timeout=20).text
        for _ in range(2)
    ] == ["1", "0"]
    assert (
        requests.delete(
            account.documents,
            params={**account.params, "search": "entity:GGP"},
            auth=account.auth,
            timeout=20,
        ).text
        == "0"
    )
    found = requests.delete(
        account.documents,
        params={**account.params, "search": f"docid:{docids[1]}", "output": "null"},
        auth=account.auth,
        timeout=20,
    )
    assert found.text == "1"  # as the download script does it
    assert (
        requests.delete(
            account.documents, params={**account.params, "search": "*"}, auth=account.auth, timeout=20
        ).text
        == "1"
    )


def test_adding_a_folder(account: Account) -> None:
    payload = {"parentPath": "pool", "newFolderName": "myNewFolder"}
    response = requests.post(
        f"{account.settings}/folders/add", auth=account.auth, json=payload, params=account.params, timeout=20
    )
    assert response.ok
    upload = {**account.params, "folder": "myNewFolder", "output": "null"}
    only_item(
        requests.post(account.documents, params=upload, auth=account.auth, data={"text": "in it"}, timeout=20)
    )
    found = requests.get(
        account.documents,
        params={**account.params, "search": "folder:pool/myNewFolder"},
        auth=account.auth,
        timeout=20,
    ).json()
    assert [hit["folder"] for hit in found["docs"]] == ["pool/myNewFolder"]


def test_the_project_may_be_the_users_own(account: Account) -> None:
    """tagtog takes the user for the owner where none is given."""
    response = requests.post(
        account.documents,
        params={"project": account.project, "output": "null"},
        auth=account.auth,
        data={"text": "x"},
        timeout=20,
    )
    assert only_item(response)["result"] == "created"


def test_wrong_passwords_get_in_nowhere(account: Account) -> None:
    wrong = requests.auth.HTTPBasicAuth(username="local", password="wrong")
    assert (
        requests.get(
            account.documents, params={**account.params, "search": "*"}, auth=wrong, timeout=20
        ).status_code
        == 401
    )


# --- Webhooks


class Parts(HTMLParser):
    """The texts of a plain.html, read as the tutorials do: with any HTML parser."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: dict[str, str] = {}
        self.open: list[str | None] = []
        self.in_body = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_body |= tag == "body"
        if tag not in ("meta", "img", "br"):
            part = dict(attrs).get("id") if self.in_body and tag != "body" else None
            self.open.append(part)
            if part:
                self.texts[part] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.pop()

    def handle_data(self, data: str) -> None:
        for part in self.open:
            if part:
                self.texts[part] += data


@contextmanager
def webhook(account: Account) -> Iterator[tuple[str, list[int]]]:
    """A web server that tagtog calls: it gets the document, lets spaCy predict, and sends the result back."""
    nlp = spacy.blank("en")
    ruler: Any = nlp.add_pipe("entity_ruler")
    ruler.add_patterns(
        [
            {"label": "PERSON", "pattern": "Ada Lovelace"},
            {"label": "ORG", "pattern": "tagtog"},
            {"label": "OTHER", "pattern": "London"},
        ]
    )
    legend = requests.get(
        f"{account.settings}/annotationsLegend", params=account.params, auth=account.auth, timeout=20
    ).json()
    class_ids = {name: class_id for class_id, name in legend.items()}
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            docid = body.get("tagtogID")
            if docid:
                html = requests.get(
                    account.documents,
                    params={**account.params, "output": "plain.html", "ids": docid},
                    auth=account.auth,
                    timeout=20,
                ).content
                parts = Parts()
                parts.feed(html.decode("utf-8"))
                annotations: dict[str, Any] = {
                    "anncomplete": False,
                    "metas": {},
                    "relations": [],
                    "entities": [],
                }
                for part, text in parts.texts.items():
                    for span in nlp(text).ents:
                        if span.label_ in class_ids:
                            annotations["entities"].append(
                                entity(
                                    class_ids[span.label_], part, span.start_char, span.text, "ml:en_blank"
                                )
                            )
                # Neither annotatable nor sources: tagtog fills them in.
                files = [(f"{docid}.plain.html", html), (f"{docid}.ann.json", json.dumps(annotations))]
                query = {**account.params, "output": "null", "format": "anndoc"}
                answers.append(
                    requests.post(
                        account.documents, params=query, auth=account.auth, files=files, timeout=20
                    ).status_code
                )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_address[1]}/", answers
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


@pytest.mark.parametrize("text_format", ["verbatim", "formatted", "markdown"])
def test_a_spacy_webhook_annotates_a_new_document(account: Account, text_format: str) -> None:
    text = "# Title of Ada Lovelace\n\nIn London, Ada Lovelace & friends use tagtog 😀."
    upload = {**account.params, "output": "null", "format": text_format}
    item = only_item(
        requests.post(account.documents, params=upload, auth=account.auth, data={"text": text}, timeout=20)
    )
    with webhook(account) as (address, answers):
        called = {"owner": "local", "project": account.project, "tagtogID": item["docid"]}
        assert requests.post(address, json=called, timeout=20).ok
    assert answers == [200]
    found = requests.get(
        account.documents,
        params={**account.params, "ids": item["docid"], "output": "ann.json"},
        auth=account.auth,
        timeout=20,
    ).json()
    assert sorted(
        (one["classId"], one["offsets"][0]["text"], one["confidence"]["who"][0]) for one in found["entities"]
    ) == [
        ("e_1", "Ada Lovelace", "ml:en_blank"),
        ("e_1", "Ada Lovelace", "ml:en_blank"),
        ("e_2", "tagtog", "ml:en_blank"),
    ]
    table = requests.get(
        account.documents,
        params={**account.params, "ids": item["docid"], "output": "entitiestsv"},
        auth=account.auth,
        timeout=20,
    )
    rows = [line.split("\t") for line in table.content.decode().splitlines() if line]
    assert [row for row in rows if row[1] != "O"] == [
        ["Ada Lovelace", "PERSON"],
        ["Ada Lovelace", "PERSON"],
        ["tagtog", "ORG"],
    ]


_Told = tuple[str, str, dict[str, Any], int]


@contextmanager
def adding_webhook(account: Account) -> Iterator[tuple[str, queue.Queue[_Told]]]:
    """A web server that tagtog calls: it adds entities and a label to every new document.

    Yields:
        Its address, and what it was told: status, source, body, and the status of its own upload.
    """
    told: queue.Queue[_Told] = queue.Queue()

    def add(docid: str) -> int:
        get = {**account.params, "ids": docid}
        html = requests.get(
            account.documents, params={**get, "output": "plain.html"}, auth=account.auth, timeout=20
        ).content
        own = requests.get(
            account.documents, params={**get, "output": "ann.json"}, auth=account.auth, timeout=20
        ).json()
        parts = Parts()
        parts.feed(html.decode())
        for part, text in parts.texts.items():
            own["entities"] += [
                entity("e_1", part, found.start(), found[0], "ml:flair")
                for found in re.finditer("Ada Lovelace", text)
            ]
        confidence = {"state": "pre-added", "who": ["ml:flair"], "prob": 0.9}
        own["metas"] = {**own["metas"], "m_1": {"value": False, "confidence": confidence}}
        files = [(f"{docid}.plain.html", html), (f"{docid}.ann.json", json.dumps(own))]
        query = {**account.params, "output": "null", "format": "anndoc"}
        answer = requests.post(account.documents, params=query, auth=account.auth, files=files, timeout=20)
        return answer.status_code

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, source = (self.headers[f"X-tagtog-onPushSave-{what}"] for what in ("status", "source"))
            answer = add(body["tagtogID"]) if status == "created" else 0
            self.send_response(204)
            self.end_headers()
            told.put((status, source, body, answer))

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_address[1]}/", told
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def test_a_webhook_that_tagtog_calls_adds_to_what_is_there(account: Account) -> None:
    with adding_webhook(account) as (address, told):
        hooks = {
            "w_1": {
                "endpoint": address,
                "format": "tagtogID",
                "onlyGUI": False,
                "authentication": {"type": "none"},
            }
        }
        local = f"{account.server.url}/-local/webhooks"
        assert requests.put(local, params=account.params, auth=account.auth, json=hooks, timeout=20).ok
        files = [
            ("a.txt", "Ada Lovelace and tagtog"),
            ("a.ann.json", ann_json(entity("e_2", "s1v1", 17, "tagtog"))),
        ]
        query = {**account.params, "output": "null", "format": "default-plus-annjson"}
        docid = only_item(
            requests.post(account.documents, params=query, auth=account.auth, files=files, timeout=20)
        )["docid"]
        first, second = told.get(timeout=120), told.get(timeout=120)
        assert (first[:2], first[3]) == (("created", "API"), 200)
        assert {key: first[2][key] for key in ("owner", "project", "tagtogID")} == {
            "owner": "local",
            "project": account.project,
            "tagtogID": docid,
        }
        # Its own upload, which it leaves alone.
        assert (second[:2], second[2]["tagtogID"]) == (("updated", "API"), docid)
        assert requests.put(local, params=account.params, auth=account.auth, json={}, timeout=20).ok
    found = requests.get(
        account.documents,
        params={**account.params, "ids": docid, "output": "ann.json"},
        auth=account.auth,
        timeout=20,
    ).json()
    assert [one["offsets"][0]["text"] for one in found["entities"]] == ["tagtog", "Ada Lovelace"]
    assert found["metas"]["m_1"]["value"] is False


def test_a_classifier_webhook_labels_new_documents(account: Account) -> None:
    """The answer to an upload is a plain.html. It is sent back with a document label under another name."""
    for number, text in enumerate(["Please txt ur favorite footballer to win", "who are you?"]):
        html = requests.post(
            account.documents,
            params={**account.params, "output": "html"},
            auth=account.auth,
            data={"text": text},
            timeout=20,
        ).text
        label = {
            "value": bool(number),
            "confidence": {"state": "pre-added", "who": ["ml:my_ml"], "prob": 0.75},
        }
        files = [
            ("files", ("text.plain.html", html)),
            ("files", ("text.ann.json", ann_json(metas={"m_1": label}))),
        ]
        query = {**account.params, "format": "anndoc", "output": "null"}
        item = only_item(
            requests.post(account.documents, params=query, auth=account.auth, files=files, timeout=20)
        )
        assert item["result"] == "updated"
    found = requests.get(
        account.documents,
        params={**account.params, "search": "label:isSpam:false"},
        auth=account.auth,
        timeout=20,
    ).json()
    assert found["totalFound"] == 1
