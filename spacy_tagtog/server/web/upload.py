"""What the form to upload documents leads to: a page that says what became of each file."""

from __future__ import annotations

import dataclasses

from starlette.responses import Response

from spacy_tagtog.server.api.answers import json_answer
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.api.page_uploads import store_each
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.web.frame import page
from spacy_tagtog.server.web.pages import crumbs_of, render

UPLOAD = "/-local/upload"


def post_upload(call: Call) -> Response:
    """``POST /-local/upload``: documents of the form of the project's page. Scripts get JSON."""
    call.need("import documents")
    call.check_token("upload")
    outcomes = store_each(call)
    if not call.caller.wants_page:
        return json_answer({"files": [dataclasses.asdict(one) for one in outcomes]})
    info = call.database.read(read_project, *call.project)
    return page(render("uploaded", "Upload", crumbs_of(info), outcomes=outcomes, info=info))
