"""Errors: five things in one order, and a message that can always be shown."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from spacy_tagtog import errors
from spacy_tagtog.errors import AnnJsonError, ClientError, SettingValue, SpacyTagtogError, setting, spelled

ALL = [getattr(errors, name) for name in errors.__all__]


def test_the_five_things_in_order() -> None:
    error = AnnJsonError("it broke", place="x.ann.json, line 3", value=[1], legal="text", advice="mend it")
    assert (
        str(error) == "it broke\n  where: x.ann.json, line 3\n  value: [1]\n  legal: text\n  to do: mend it"
    )
    assert error.details() == [
        ("where", "x.ann.json, line 3"),
        ("value", "[1]"),
        ("legal", "text"),
        ("to do", "mend it"),
    ]
    assert error.args == ("it broke",)


def test_what_is_not_given_is_not_shown() -> None:
    assert str(SpacyTagtogError("it broke")) == "it broke"
    assert SpacyTagtogError("it broke").value is None
    assert str(SpacyTagtogError("it broke", value=None)) == "it broke\n  value: None"
    assert str(SpacyTagtogError("it broke", value="")) == "it broke\n  value: "
    assert str(SpacyTagtogError("it broke", place=0)) == "it broke\n  where: 0"


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_is_one_of_ours_and_survives_a_process_boundary(kind: type[SpacyTagtogError]) -> None:
    assert issubclass(kind, SpacyTagtogError)
    assert kind.__doc__
    error = kind("it broke", place="here", value=3, legal="4", advice="count")
    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(same) is kind
        assert str(same) == str(error)
        assert same.value == 3


def test_a_client_error_keeps_its_status() -> None:
    error = ClientError("no", status=418)
    assert pickle.loads(pickle.dumps(error)).status == error.status == 418
    assert ClientError("no").status is None


def as_option(name: str, value: SettingValue | None) -> str:
    """A setting as users of the command type it."""
    option = f"--{name.replace('_', '-')}"
    return option if value is None or value is True else f"{option} {value}"


def test_settings_are_spelled_as_in_python() -> None:
    text = f"use {setting('on_problem', 'report')}, or {setting('force', True)}, or fewer {setting('folds')}"
    error = SpacyTagtogError(text, place=text, legal=text, advice=text)
    plain = 'use on_problem="report", or force=True, or fewer folds'
    assert str(error) == f"{plain}\n  where: {plain}\n  legal: {plain}\n  to do: {plain}"
    assert error.details() == [("where", plain), ("legal", plain), ("to do", plain)]


def test_settings_are_spelled_as_an_interface_wants() -> None:
    text = f"use {setting('on_problem', 'report')}, or {setting('force', True)}"
    error = SpacyTagtogError(text, place=text, legal=text, advice=text)
    typed = "use --on-problem report, or --force"
    assert error.details(as_option) == [("where", typed), ("legal", typed), ("to do", typed)]
    assert spelled(error.problem, as_option) == typed


def test_a_value_is_never_spelled() -> None:
    """It is data, and shown as it came."""
    value = setting("on_problem", "report")
    assert SpacyTagtogError("p", value=value).details(as_option) == [("value", value)]
    assert str(SpacyTagtogError("p", value=value)) == f"p\n  value: {value}"


def test_settings_survive_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(SpacyTagtogError("p", advice=f"set {setting('top', 5)}")))
    assert str(error) == "p\n  to do: set top=5"
    assert error.details(as_option) == [("to do", "set --top 5")]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("report", '"report"'),
        ("5", '"5"'),
        ('a ⟧ “b” "c" \\', r'"a ⟧ “b” \"c\" \\"'),
        ("", '""'),
        (True, "True"),
        (False, "False"),
        (5, "5"),
        (-0.25, "-0.25"),
        (1e-9, "1e-09"),
    ],
)
def test_values_of_settings_keep_their_kind(value: SettingValue, plain: str) -> None:
    text = f"({setting('x', value)})"
    assert str(SpacyTagtogError(text)) == f"(x={plain})"
    given: list[tuple[str, SettingValue | None]] = []

    def spell(name: str, value: SettingValue | None) -> str:
        given.append((name, value))
        return name

    assert spelled(text, spell) == "(x)"
    assert given == [("x", value)]
    assert type(given[0][1]) is type(value)


@pytest.mark.parametrize("text", ["⟦x=report⟧", '⟦x="a\nb"⟧', "⟦x=1-2⟧", f"⟦x={'9' * 5000}⟧", "⟦x=[1]⟧"])
def test_what_only_looks_like_a_setting_stays_as_it_is(text: str) -> None:
    assert spelled(text, as_option) == text


def test_text_without_settings_stays_as_it_is() -> None:
    assert spelled("a ⟦ b ⟧ c ⟦not one⟧ --force", as_option) == "a ⟦ b ⟧ c ⟦not one⟧ --force"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain é🚀", "plain é🚀"),
        ("two\nlines\t\0", r"two\nlines\t\x00"),
        ("\ud800", r"\ud800"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("right\u202eleft", r"right\u202eleft"),
        ({"a": 1}, "{'a': 1}"),
        (b"\xff", r"b'\xff'"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        ("x" * 10_000_000, "x" * 199 + "…"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_values_are_shown_safely(value: object, shown: str) -> None:
    assert SpacyTagtogError("p", value=value).details() == [("value", shown)]


def test_a_value_that_can_not_be_shown_is_named() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]

    class Broken:
        def __repr__(self) -> str:
            raise KeyError

    assert "list" in str(SpacyTagtogError("p", value=deep))
    assert "Broken" in str(SpacyTagtogError("p", value=Broken()))
    assert "int" in str(SpacyTagtogError("p", value=10**10_000))
    while deep:  # taken apart by hand: not every Python frees such a list without deep recursion
        (deep,) = deep  # type: ignore[assignment]


@quick
@given(
    st.text(st.characters()),
    st.text(st.characters()),
    st.text(st.characters(), max_size=2000),
    st.text(st.characters()),
)
def test_messages_can_always_be_printed(problem: str, place: str, value: str, text: str) -> None:
    error = SpacyTagtogError(problem, place=place, value=value, legal=text, advice=text)
    message = str(error)
    assert message.encode().decode() == message
    assert [caption for caption, _ in error.details()] == ["where", "value", "legal", "to do"]
    shown = dict(error.details())["value"]
    assert shown.isprintable()
    assert len(shown) <= 200
