"""The OpenAPI document of the local tagtog: valid, complete, and true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import schemathesis
from databases import number_of_projects, upload
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.routing import Route

from spacy_tagtog.anndoc import Annotations, Legend
from spacy_tagtog.server import Database, LocalTagtog, create_project, settings_from_legend
from spacy_tagtog.server.api.openapi import openapi_document
from spacy_tagtog.server.app import make_app
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads
from spacy_tagtog.server.web.routes import OPEN_ROUTES, PEOPLE_ROUTES, PROJECT_ROUTES

SETTINGS = settings_from_legend(Legend({"e_1": "Person", "m_1": "topic"}), ["pool/train"])


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(json.loads(json.dumps(openapi_document()))).validate()


def test_the_documentation_has_the_document_of_today() -> None:
    path = Path(__file__).parents[2] / "docs" / "openapi.json"
    assert json.loads(path.read_text(encoding="utf-8")) == openapi_document(), "python docs/make_openapi.py"


def test_every_call_of_the_server_is_described(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db")
    routes = [route for route in make_app(database).routes if isinstance(route, Route)]
    database.close()
    served = {
        route.path
        for route in routes
        if route.path.startswith(("/-api/", "/-local/"))
        and "{rest" not in route.path
        and route.path not in {**OPEN_ROUTES, **PEOPLE_ROUTES, **PROJECT_ROUTES}  # these are pages with forms
    }
    assert served == set(openapi_document()["paths"])


@pytest.fixture(scope="module")
def api_schema(server: LocalTagtog) -> Any:
    """The document as the server gives it."""
    raw = requests.get(
        f"{server.url}/-local/openapi.json", auth=(server.username, server.password), timeout=20
    ).json()
    schema = schemathesis.openapi.from_dict(raw)
    schema.config.update(base_url=server.url)
    return schema


def project_with_a_document(server: LocalTagtog) -> dict[str, str]:
    """What a call's parameters have to be, so that it reaches something."""
    project = f"p{number_of_projects(server.database)}"
    server.database.write(create_project, "local", project, SETTINGS)
    own = Annotations.empty(complete=True)
    files = [UploadedFile("a.txt", b"Ada wrote"), UploadedFile("a.ann.json", own.dumps().encode())]
    (made,) = upload(server.database, "local", project, read_uploads(files, "default-plus-annjson"))
    return {"owner": "local", "project": project, "docid": made.docid, "ids": made.docid, "anntaskId": "e_1"}


OPERATIONS = [
    (method, path) for path, operations in openapi_document()["paths"].items() for method in operations
]


# What a description of parameters and bodies can't say, or depends on what is in the project.
RULES = (
    "the request asks for nothing",
    "what to delete isn't clear",
    "a file has no partner",
    "two files have one base name",
    "takes no annotations",
    "names one document",
    "can't import files of this kind",
    "isn't UTF-8",
    "the project has no such folder",
    "exists already",
    "the query",
    "no member confirmed",
    "can't be compared with himself",
    "tagtog defines no",
    "the same id in both",
    "have the same",
    "same name",
    "can't be given to th",
    "there are fewer members",
    "plain.html can't carry",
    "no such output of a search",
    "not the id of a delivery",  # an empty one doesn't mean all
    "the parameter left is missing",
    "the parameter right is missing",
)


def _errors(schema: Any, value: Any) -> bool:
    whole = {**schema, "components": openapi_document()["components"]}
    return not Draft202012Validator(whole).is_valid(value)


def is_described(operation: Any, sent: requests.PreparedRequest) -> bool:
    """Whether the document allows a request, as it was sent."""
    query = {name: value for name, value in parse_qsl(urlsplit(sent.url or "").query) if value}
    for parameter in operation["parameters"]:
        if parameter["in"] != "query":
            continue
        if parameter["name"] not in query:
            if parameter["required"]:
                return False
            continue
        value: Any = query[parameter["name"]]
        if parameter["schema"].get("type") == "integer" and value.isdecimal() and value.isascii():
            value = int(value)
        if _errors(parameter["schema"], value):
            return False
    if "requestBody" not in operation:
        return True
    schema = operation["requestBody"]["content"].get(sent.headers.get("Content-Type", ""))
    if schema is None or sent.headers["Content-Type"] != "application/json":
        return True  # forms have only texts
    try:
        return not _errors(schema["schema"], json.loads(sent.body or ""))
    except ValueError:
        return False


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_server_does_what_the_document_says(
    server: LocalTagtog, api_schema: Any, method: str, path: str, mode: GenerationMode
) -> None:
    """It takes what the document allows, refuses what it doesn't, and answers as it says."""
    session = requests.Session()
    session.auth = (server.username, server.password)
    known = project_with_a_document(server)
    operation = openapi_document()["paths"][path][method]
    names = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"}

    @settings(
        max_examples=5,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api_schema[path][method.upper()].as_strategy(generation_mode=mode), reaches=st.integers(0, 3))
    def check(case: Any, reaches: int) -> None:
        if reaches:  # three of four calls reach the project
            case.query.update({name: value for name, value in known.items() if name in names})
            if "search" in names and reaches == 1:
                case.query.pop("ids", None)
                case.query["search"] = "*"
            elif "search" in names:
                case.query.pop("search", None)
        response = case.call(session=session, timeout=20, allow_redirects=False)
        assert response.status_code != 500
        case.validate_response(
            response, checks=[status_code_conformance, content_type_conformance, response_schema_conformance]
        )
        if response.status_code >= 400:
            assert "Traceback" not in response.text
        described = is_described(operation, response.request)
        if response.status_code < 400:
            assert described, f"taken, and not described: {response.request.url} {response.request.body!r}"
        elif described and response.status_code in (400, 501):
            assert any(rule in response.text for rule in RULES), response.text

    check()
    session.close()
