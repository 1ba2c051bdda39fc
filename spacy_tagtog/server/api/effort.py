"""How long people worked on what they save: sent by the review page where the project measures it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.settings import ProjectInfo

_A_DAY: Final = 86_400
_Seconds = Annotated[float, Field(ge=0, le=_A_DAY, allow_inf_nan=False)]


class Effort(TypedDict):
    """The active time since the save before.

    ``seconds`` is all of it; ``decisions`` has, for each kind of decision, their number and the seconds that
    went before them.
    """

    seconds: _Seconds
    decisions: dict[
        Annotated[str, Field(max_length=40)], tuple[Annotated[int, Field(ge=1, le=1_000_000)], _Seconds]
    ]


_EFFORT: Final = TypeAdapter(Effort)


def effort_of(call: Call, info: ProjectInfo) -> str | None:
    """The time that a save took, as JSON; ``None`` where it isn't sent, or the project doesn't measure it.

    Raises:
        RequestError: It can't be read.
    """
    given = call.query.get("effort")
    if not given or not info.measures_time:
        return None
    try:
        effort = _EFFORT.validate_json(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RequestError(
            400,
            "the effort can't be read",
            place=".".join(map(str, ("effort", *first["loc"]))),
            legal='{"seconds": 12.5, "decisions": {"accept": [3, 4.2]}}: ' + first["msg"],
        ) from error
    return _EFFORT.dump_json(effort).decode()
