"""What tagtog says where it refuses: in its own words, whole, and without the password."""

from __future__ import annotations

import pytest
from fault_server import FaultServer, answer

from spacy_tagtog.anndoc import Legend
from spacy_tagtog.errors import ClientError, LegendError, NotFoundError, RejectedError

pytestmark = pytest.mark.usefixtures("waits")
LONG = ", ".join(f"field_{number}" for number in range(100))
SAID = f"""the query uses a field that isn't known
  where: search
  value: foo
  legal: {LONG}
  to do: put it in quotes
"""


@pytest.mark.parametrize(
    ("status", "kind"), [(400, RejectedError), (404, NotFoundError), (409, RejectedError)]
)
def test_the_words_of_a_local_tagtog_become_the_error(
    fault: FaultServer, status: int, kind: type[ClientError]
) -> None:
    fault.answers = [answer(SAID, status)]
    with fault.client() as client, pytest.raises(kind) as caught:
        client.count()
    error = caught.value
    assert (error.problem, error.value, error.legal) == (SAID.splitlines()[0], "foo", LONG)
    assert (error.advice, error.status) == ("put it in quotes", status)
    assert str(error.place).startswith("search (GET ")
    assert error.said.startswith(
        "the query uses a field that isn't known; where: search; value: foo; legal: "
    )


def test_other_words_are_shown_as_they_are(fault: FaultServer) -> None:
    # The second line is none of the captions.
    fault.answers = [answer("no\n  legal: x\n  and more", 400)]
    with fault.client() as client, pytest.raises(RejectedError) as caught:
        client.count()
    assert caught.value.problem == "tagtog answered with an error (400 Bad Request)"
    assert caught.value.value == caught.value.said == "no / legal: x / and more"
    assert caught.value.advice


@pytest.mark.parametrize("password", ["a", "ask", "doc", "ument", "local", "projects"])
def test_a_password_is_masked_where_it_stands_not_inside_words(fault: FaultServer, password: str) -> None:
    said = "asked for documents of the locality's subprojects; ada"
    fault.answers = [answer(f"{said}: you sent {password}, '{password}' and user:{password}@host", 400)]
    with fault.client(password=password) as client, pytest.raises(RejectedError) as caught:
        client.count()
    assert caught.value.value == f"{said}: you sent ***, '***' and user:***@host"


def test_a_long_password_is_masked_inside_words_too(fault: FaultServer) -> None:
    fault.answers = [answer("youSentCorrectHorseBatteryStapleX", 400)]
    with fault.client(password="CorrectHorseBatteryStaple") as client, pytest.raises(RejectedError) as caught:
        client.count()
    assert caught.value.value == "youSent***X"


def test_an_own_sentence_does_not_tell_the_password_by_masking_it(fault: FaultServer) -> None:
    fault.answers = [answer("answer is no page")]
    with fault.client(password="answer") as client, pytest.raises(ClientError) as caught:
        client.count()
    assert "answer" in caught.value.problem
    assert "answer" not in str(caught.value.value)


def test_what_is_missing_decides_what_to_do() -> None:
    legend = Legend({"e_1": "Person"})
    advice = {}
    for prefix in ("e", "m", "n", "r"):
        with pytest.raises(LegendError) as caught:
            legend.id_of(prefix, "Uniprot")  # type: ignore[arg-type]
        advice[prefix] = str(caught.value.advice)
        assert "rename" not in advice[prefix]  # nothing asks push to rename
    assert "settings --add-entity Uniprot" in advice["e"]
    assert "settings --add-label Uniprot" in advice["m"]
    assert "--add" not in advice["n"] + advice["r"]
    with pytest.raises(LegendError, match=r"dictionary"):
        legend.id_of("n", "Uniprot")
    with pytest.raises(LegendError) as caught:
        legend.id_of("e", "PER", can_rename=True)
    assert 'rename="PER=NAME"' in str(caught.value)
