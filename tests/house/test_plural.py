"""Numbers with what they count."""

from __future__ import annotations

import pytest

from spacy_tagtog._pages.templates import templates_of
from spacy_tagtog._plural import counted


@pytest.mark.parametrize(
    ("number", "one", "expected"),
    [
        (1, "document", "1 document"),
        (0, "document", "0 documents"),
        (2, "more document label", "2 more document labels"),
        (1, "entity", "1 entity"),
        (3, "entity", "3 entities"),
        (3, "strategy", "3 strategies"),
        (2, "key", "2 keys"),
        (2, "class", "2 classes"),
        (2, "batch", "2 batches"),
        (1, "pre-annotation", "1 pre-annotation"),
    ],
)
def test_the_last_word_follows_the_number(number: int, one: str, expected: str) -> None:
    assert counted(number, one) == expected


def test_a_verb_can_follow_too() -> None:
    assert [counted(number, "document is", "documents are") for number in (0, 1, 2)] == [
        "0 documents are",
        "1 document is",
        "2 documents are",
    ]


def test_templates_count_as_well() -> None:
    template = templates_of("spacy_tagtog.convert").from_string(
        '{{ 1 | counted("token") }}, {{ 5 | counted("entity") }}'
    )
    assert template.render() == "1 token, 5 entities"
