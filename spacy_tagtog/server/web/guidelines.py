"""The guidelines of a project: what annotators go by, shown and edited."""

from __future__ import annotations

import dataclasses

from starlette.responses import RedirectResponse, Response

from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.db.project_changes import MAX_GUIDELINES, fingerprint_of, set_guidelines
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.roles import Access
from spacy_tagtog.server.settings import ProjectInfo
from spacy_tagtog.server.web.frame import page
from spacy_tagtog.server.web.markdown import to_html
from spacy_tagtog.server.web.pages import crumbs_of, query_of, render

SAVE = "/-local/guidelines/save"
_PURPOSE = "guidelines"


def guidelines_page(call: Call, access: Access, info: ProjectInfo) -> Response:
    """``?view=guidelines``: the guidelines; with ``edit=yes`` the form to change them.

    Raises:
        RequestError: The user may not change them.
    """
    if not call.query.get("edit"):
        return _shown(call, access, info)
    access.need("edit annotation settings")
    return _shown(call, access, info, draft=info.guidelines)


def _shown(
    call: Call,
    access: Access,
    info: ProjectInfo,
    *,
    draft: str | None = None,
    problem: RequestError | None = None,
) -> Response:
    """The page. Args: draft: what stands in the form; ``None`` for no form. problem: why it wasn't saved."""
    named = dataclasses.replace(call, query={"owner": info.owner, "project": info.name})
    html = render(
        "guidelines",
        "Guidelines",
        crumbs_of(info),
        html=to_html(info.guidelines),
        now=info.guidelines,
        draft=draft,
        may_edit=access.may("edit annotation settings"),
        edit=f"{named.page('guidelines')}&edit=yes",
        back=named.page("guidelines"),
        action=f"{SAVE}?{query_of(owner=info.owner, project=info.name)}",
        was=fingerprint_of(info.guidelines),
        token=named.token(_PURPOSE),
        longest=MAX_GUIDELINES,
        problem=problem,
    )
    return page(html, status=problem.status if problem else 200)


def post_guidelines(call: Call) -> Response:
    """``POST /-local/guidelines/save``: the form of the page."""
    call.need("edit annotation settings")
    call.check_token(_PURPOSE)
    # Browsers send the ends of lines of forms as CR LF.
    text = call.field("text").replace("\r\n", "\n")
    try:
        call.database.write(set_guidelines, *call.project, text, was=call.field("was"))
    except RequestError as error:
        if error.status not in (409, 413):
            raise
        return _shown(
            call, call.access, call.database.read(read_project, *call.project), draft=text, problem=error
        )
    return RedirectResponse(call.page("guidelines"), 303)
