"""A project on a local tagtog, its review page in a browser that is logged in, and what was saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from spacy_tagtog.anndoc import Annotations, Legend, OffsetConverter, confidence, html_from_blocks
from spacy_tagtog.anndoc.review import Review
from spacy_tagtog.server import LocalTagtog

JsonObject = dict[str, Any]
LEGEND = Legend(
    {"e_1": "Star", "e_2": "Planet", "e_3": "Person", "m_1": "clear", "n_1": "wiki", "r_1": "near"}
)
SKY = "Vega and Mars rose above Ada while Vega and Mars set, and Deneb was gone."


def entity(text: str, surface: str, class_id: str = "e_1", *, nth: int = 0, prob: float = 0.9) -> JsonObject:
    """A suggestion at the nth place of a text in its part."""
    start = -1
    for _ in range(nth + 1):
        start = text.index(surface, start + 1)
    return {
        "classId": class_id,
        "part": "s1p1",
        "offsets": [{"start": OffsetConverter(text).to_utf16(start), "text": surface}],
        "coordinates": [],
        "confidence": confidence(state="pre-added", who=["ml:model"], prob=prob),
        "fields": {},
        "normalizations": {},
        "a key of somebody else": {"stays": True},
    }


@dataclass
class Site:
    """A project of its own on a local tagtog, and a browser that is logged in."""

    server: LocalTagtog
    project: str
    context: BrowserContext

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        params = {"owner": "local", "project": self.project, **more.pop("params", {})}
        auth = (self.server.username, self.server.password)
        answer = requests.request(
            method, self.server.url + path, params=params, auth=auth, timeout=20, **more
        )
        assert answer.ok, answer.text
        return answer

    def add(self, name: str, text: str, entities: Sequence[JsonObject] = (), **more: Any) -> str:
        """Upload a document of one paragraph. Gives its id."""
        html = html_from_blocks([("p", text)], doc_id="x", origid=name).data
        annotations = Annotations.empty(["s1p1"])
        annotations.data.update({"entities": list(entities), **more})
        files = [
            ("f", (f"{name}.plain.html", html)),
            ("f", (f"{name}.ann.json", annotations.dumps().encode())),
        ]
        answer = self.call(
            "POST", "/-api/documents/v1", files=files, params={"format": "anndoc", "output": "null"}
        )
        return str(answer.json()["items"][0]["docid"])

    def saved(self, docid: str, member: str = "master") -> JsonObject:
        """The ann.json that the server has."""
        answer = self.call(
            "GET", "/-api/documents/v1", params={"ids": docid, "output": "ann.json", "member": member}
        )
        found: JsonObject = answer.json()
        return found

    def save(self, docid: str, annotations: JsonObject) -> None:
        self.call("PUT", "/-local/annotations", params={"docid": docid, "member": "master"}, json=annotations)

    def open(self, docid: str = "", **more: str) -> Page:
        """The review page of a document. An error in its scripts fails, and so does a request elsewhere."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"an error in the page: {error}"))
        page.on("request", lambda request: self._ours(request.url))
        query = "&".join(f"{key}={value}" for key, value in {"docid": docid, **more}.items() if value)
        page.goto(f"{self.server.url}/local/{self.project}?view=review&{query}")
        expect(page.locator("#title")).not_to_be_empty()
        return page

    def _ours(self, url: str) -> None:
        assert url.startswith(self.server.url), url


def sky(site: Site, name: str = "sky.txt") -> str:
    return site.add(
        name,
        SKY,
        [
            entity(SKY, "Vega"),
            entity(SKY, "Mars", prob=0.5),
            entity(SKY, "Ada", "e_3"),
            entity(SKY, "Vega", nth=1),
        ],
    )


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def is_saved(page: Page) -> None:
    expect(page.locator("#saved")).to_have_attribute("data-state", "saved")


def by_python(before: JsonObject, text: str = SKY) -> Review:
    html = html_from_blocks([("p", text)], doc_id="x", origid="x")
    return Review(Annotations(before), html.parts, who="user:local")
