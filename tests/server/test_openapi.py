"""The OpenAPI document of the local tagtog: valid, complete, and true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from databases import number_of_projects, upload
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
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


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_server_does_what_the_document_says(
    server: LocalTagtog, api_schema: Any, method: str, path: str
) -> None:
    session = requests.Session()
    session.auth = (server.username, server.password)
    known = project_with_a_document(server)

    @settings(
        max_examples=5,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api_schema[path][method.upper()].as_strategy())
    def check(case: Any) -> None:
        if (
            len(case.query.get("project", "")) % 4
        ):  # three of four calls reach the project, and the others no project
            case.query.update(
                {name: value for name, value in known.items() if name in case.query or name == "owner"}
            )
        response = case.call(session=session, timeout=20, allow_redirects=False)
        assert response.status_code != 500
        case.validate_response(
            response, checks=[status_code_conformance, content_type_conformance, response_schema_conformance]
        )
        if response.status_code >= 400:
            assert "Traceback" not in response.text

    check()
    session.close()
