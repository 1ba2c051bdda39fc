"""A project with its calls, for the tests of the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from databases import number_of_projects
from project_api import Api

from spacy_tagtog.server import LocalTagtog


@pytest.fixture
def api(server: LocalTagtog) -> Iterator[Api]:
    made = Api(server, f"project {number_of_projects(server.database)}")
    yield made
    made.session.close()
