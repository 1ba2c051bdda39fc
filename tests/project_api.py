"""Calls to one project of a local tagtog over real HTTP, as who runs the server."""

from __future__ import annotations

from typing import Any

import requests
from local_api import LEGEND

from spacy_tagtog.anndoc import Annotations, html_from_blocks
from spacy_tagtog.server import LocalTagtog, create_project, settings_from_legend


class Api:
    """A project of its own on a running server, and the calls to it."""

    def __init__(self, server: LocalTagtog, project: str) -> None:
        self.server = server
        self.name = project
        self.session = requests.Session()
        self.session.auth = (server.username, server.password)
        self.project = {"owner": "local", "project": project}
        server.database.write(
            create_project,
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
        for name, content, own in pairs:
            text = own if isinstance(own, str) else own.dumps()
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


def pair_html(*paragraphs: str, doc_id: str = "x", origid: str = "x") -> bytes:
    return html_from_blocks([("p", paragraph) for paragraph in paragraphs], doc_id=doc_id, origid=origid).data
