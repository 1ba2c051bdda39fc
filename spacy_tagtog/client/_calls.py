"""What all calls of the API share: paths, one project, and readers of common answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from spacy_tagtog.anndoc import Annotations, Legend
from spacy_tagtog.client._answer import Answer
from spacy_tagtog.client._http import Transport
from spacy_tagtog.errors import AnnJsonError, ClientError

DOCUMENTS: Final = "/-api/documents/v1"
VERSIONS: Final = "/-api/documents/versions/v0"
SETTINGS: Final = "/-api/settings/v1"
METRICS: Final = "/-api/metrics/v0"
_UNCERTAIN_TRIES: Final = 4
_T = TypeVar("_T")


class Calls:
    """One project over HTTP. :class:`~spacy_tagtog.client.TagtogClient` puts the groups of calls together.

    Attributes:
        domain: tagtog's address.
        owner: The project's owner.
        project: The project's name.
        name: A stable name of the server, for manifests.
        threads: The number of concurrent calls where several documents are fetched or pushed.
    """

    domain: str
    owner: str
    project: str
    name: str
    threads: int
    _http: Transport
    _legend: Legend | None

    def _settled(self, do: Callable[[], _T], done: Callable[[], bool], result: Callable[[], _T]) -> _T:
        """Make a call that can't be repeated blindly: after a lost answer, look whether tagtog did it.

        Args:
            do: The call.
            done: Whether tagtog has done it.
            result: What to return in that case.
        """
        for number in range(_UNCERTAIN_TRIES):
            try:
                return do()
            except ClientError as error:
                if not error.uncertain:
                    raise
                if done():
                    return result()
                if number == _UNCERTAIN_TRIES - 1:
                    raise
        raise AssertionError


def read_annotations(answer: Answer) -> Annotations:
    """The answer as an ann.json.

    Raises:
        UnexpectedAnswerError: It isn't one.
    """
    try:
        return Annotations.parse(answer.content, place=answer.place)
    except AnnJsonError as error:
        raise answer.unexpected(error.problem, value=error.value, legal=error.legal) from error


def read_text(answer: Answer) -> str:
    """The answer as text.

    Raises:
        UnexpectedAnswerError: It isn't text in UTF-8.
    """
    try:
        return answer.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise answer.unexpected(
            "tagtog's answer isn't text in UTF-8", value=answer.content[:40], legal="UTF-8"
        ) from error
