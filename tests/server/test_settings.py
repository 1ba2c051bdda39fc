"""A project's settings and folders, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from local_api import LEGEND, annotated, entity, refused
from project_api import Api, pair_html

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.server import create_project, settings_from_legend
from spacy_tagtog.server.db.projects import read_project


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
        api.pairs(("x", pair_html("Ada"), annotated(entity("e_7", 0, "Ada"))), folder="new").status_code
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
        ({"entities": None}, "entities"),
        ({"folders": None}, "folders"),
        ({"entities": {"e_1": {"id": "e_2", "name": "Person"}}}, "same id"),
        ({"entities": {"e_1": {"id": "e_1", "name": "P"}}}, "2 to 24"),
        ({"entities": {"e_1": {"id": "e_1", "name": "a person"}}}, "2 to 24"),
        ({"metas": {"m_1": {"id": "m_1", "name": " topic"}}}, "document label"),
        ({"taskDistributionNumber": "x"}, "taskDistributionNumber"),
        ({"taskDistributionNumber": True}, "taskDistributionNumber"),
        ({"taskDistributionNumber": -1}, "taskDistributionNumber"),
        ({"taskDistributionNumber": 1}, "fewer members"),
        ({"taskDistributionNumber": 1, "taskDistributionMembers": ["nobody"]}, "nobody"),
        ({"taskDistributionMembers": [1]}, "a list of names"),
        ({"taskDistributionMembers": None}, "a list of names"),
        ({"usePreSelections": "yes"}, "true or false"),
        ({"language": 5}, "a text"),
        ({"requirements": []}, "JSON object"),
        ({"webhooks": []}, "webhooks"),
        ({"entities": {"x": {"name": "X"}}}, "e_N"),
        ({"entities": {"m_1": {"name": "X"}}}, "e_N"),
        ({"entities": {"e_1": {"name": ""}}}, "e_1"),
        ({"entities": {"e_1": {"name": "XX"}, "e_2": {"name": "XX"}}}, "same name"),
        ({"folders": []}, "folders"),
        ({"folders": {"other": {"index": 0}}}, "pool"),
        ({"folders": {"pool": {"index": 1}}}, "pool"),
        ({"folders": {"pool": {"index": "0"}}}, "index"),
        ({"folders": {"pool": {**_POOL, "children": []}}}, "folders"),
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
def test_settings_that_are_none_are_refused_and_nothing_changes(api: Api, new: Any, word: str) -> None:
    docid = api.text("kept")["docid"]
    before = api.call("GET", "export").json()
    answer = api.call("POST", "import", json=new)
    refused(answer, 400, word)
    assert api.call("GET", "export").json() == before
    assert api.get(docid, "text").text == "kept"


def test_exported_settings_have_all_that_tagtog_exports(api: Api) -> None:
    api.call("POST", "import", json={"version": "1.6"})
    exported = api.call("GET", "export").json()
    assert (
        exported.items()
        >= {
            "domain": "other",
            "language": "English",
            "usePreSelections": True,
            "usePreDeselections": False,
            "usePreCaseSentive": False,
            "useMachineLearning": False,
            "nativePDF": False,
            "autoSave": False,
            "confirmLayer": False,
            "taskDistributionNumber": 0,
            "taskDistributionMembers": [],
            "requirements": {},
            "webhooks": {},
            "metas": {},
            "fields": {},
            "relations": {},
            "entities": {},
        }.items()
    )
    changed = {**exported, "language": "German", "usePreSelections": False}
    api.call("POST", "import", json=changed)
    assert api.call("GET", "export").json() == changed


def test_settings_come_back_to_their_own_project_whatever_its_names_are(api: Api) -> None:
    legend = Legend({"e_1": "Developing anatomical structure", "m_2": "x"})
    api.server.database.write(create_project, "local", "long names", settings_from_legend(legend))
    api.project["project"] = "long names"
    exported = api.call("GET", "export").json()
    assert api.call("POST", "import", json=exported).json()["newSettings"] == exported


def test_settings_must_be_json(api: Api) -> None:
    refused(api.call("POST", "import", data={"x": "y"}), 400, "JSON")


def test_folders_are_added_renamed_and_removed(api: Api) -> None:
    def paths(answer: requests.Response) -> list[str]:
        assert answer.status_code == 200, answer.text
        return sorted(
            folder.path for folder in api.server.database.read(read_project, "local", api.name).folders
        )

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
