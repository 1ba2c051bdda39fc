"""ann.json: everything is kept, and what is wrong is named."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from corpora import CORPORA, needs_corpora
from hypothesis import given
from hypothesis import strategies as st
from strategies import documents, json_objects, json_values, printable, quick, short, slow

from spacy_tagtog._plural import counted
from spacy_tagtog.anndoc import Annotations, Document, Fragment, Project, confidence
from spacy_tagtog.errors import AnnJsonError


def full() -> Any:
    """Every field of the format once."""
    sure = {"state": "pre-added", "who": ["user:ann", "ml:x"], "prob": 0.75}
    data = {
        "annotatable": {"parts": ["s1h1", "s1p1"]},
        "anncomplete": True,
        "sources": [{"name": "PMID", "id": "1", "url": None}],
        "metas": {"m_1": {"value": True, "confidence": sure}, "m_2": {"value": 0.5}, "m_3": {"value": "x"}},
        "entities": [
            {
                "classId": "e_1",
                "part": "s1p1",
                "offsets": [{"start": 3, "text": "North"}, {"start": 20, "text": "America"}],
                "coordinates": [{"x": 1, "y": 2}],
                "confidence": sure,
                "fields": {"f_1": {"value": "a", "confidence": sure}},
                "normalizations": {
                    "n_1": {
                        "source": {"name": "w", "id": "Q1", "url": None},
                        "recName": "r",
                        "confidence": sure,
                    }
                },
            },
            {"classId": "e_2", "part": "s1h1", "offsets": [{"start": 0, "text": "x"}]},
        ],
        "relations": [
            {
                "classId": "r_1",
                "type": "linked",
                "directed": False,
                "entities": ["s1p1|e_1|3,7", "s1h1|0,0"],
                "connectingWords": None,
                "confidence": sure,
            }
        ],
    }
    return json.loads(json.dumps(data))  # nothing in it twice


def refused(content: bytes | str, *, place: object = "x.ann.json") -> AnnJsonError:
    with pytest.raises(AnnJsonError) as caught:
        Annotations.parse(content, place=place)
    assert "x.ann.json" in str(caught.value)
    printable(caught.value)
    return caught.value


# ---- reading


def test_views_on_every_field() -> None:
    annotations = Annotations.parse(json.dumps(full()))
    first, second = annotations
    assert annotations.complete
    assert annotations.annotatable == ["s1h1", "s1p1"]
    assert {name: label["value"] for name, label in annotations.metas.items()} == {
        "m_1": True,
        "m_2": 0.5,
        "m_3": "x",
    }
    assert len(annotations) == 2
    assert (first.class_id, first.part, first.index) == ("e_1", "s1p1", 0)
    assert first.fragments == [Fragment(3, "North"), Fragment(20, "America")]
    assert first.text == "North … America"
    assert (first.state, first.who, first.prob, first.is_removed) == (
        "pre-added",
        ["user:ann", "ml:x"],
        0.75,
        False,
    )
    assert (second.state, second.who, second.prob, second.is_removed) == (None, [], None, False)
    assert [relation.class_id for relation in annotations.relations] == ["r_1"]


def test_removed_entities_are_known() -> None:
    entity = full()["entities"][1] | {"confidence": confidence(state="pre-removed", who=["user:a"], prob=1)}
    assert Annotations({"entities": [entity]}).entities[0].is_removed


@pytest.mark.parametrize("content", ["{}", "{" + ",".join(f'"{key}": null' for key in full()) + "}"])
def test_nothing_is_required_of_the_file(content: str) -> None:
    annotations = Annotations.parse(content)
    assert (len(annotations), annotations.relations, annotations.metas, annotations.annotatable) == (
        0,
        [],
        {},
        [],
    )
    assert not annotations.complete
    assert "0 entities" in repr(annotations)


def test_empty_annotations() -> None:
    assert Annotations.empty(["s1p1"], complete=True).data == {
        "annotatable": {"parts": ["s1p1"]},
        "anncomplete": True,
        "sources": [],
        "metas": {},
        "entities": [],
        "relations": [],
    }
    assert not Annotations.empty().complete


def test_a_byte_order_mark_is_accepted() -> None:
    assert Annotations.parse(b'\xef\xbb\xbf{"anncomplete": true}').complete
    assert Annotations.parse('\ufeff{"anncomplete": true}').complete


def test_equality_is_of_content() -> None:
    assert Annotations(full()) == Annotations(full(), place="elsewhere")
    assert Annotations(full()) != Annotations(full() | {"anncomplete": False})
    assert Annotations({}) != {}


# ---- round trip


@quick
@given(json_objects(), json_objects(), json_objects())
def test_unknown_keys_and_their_order_are_kept(
    top: dict[str, Any], inner: dict[str, Any], deep: dict[str, Any]
) -> None:
    data = full()
    data = {**top, **dict(reversed(data.items()))}
    data["entities"][0] = {**inner, **data["entities"][0]}
    data["entities"][0]["offsets"][0] |= deep
    data["relations"][0] |= inner
    data["metas"]["m_1"] |= deep
    annotations = Annotations(copy.deepcopy(data))
    again = Annotations.parse(annotations.dumps().encode())
    assert again == annotations
    assert json.dumps(again.data) == json.dumps(data)
    assert again.dumps() == annotations.dumps()


@quick
@given(st.dictionaries(st.text(st.characters(), max_size=5), json_values(max_leaves=20), max_size=5))
def test_any_object_either_comes_back_or_is_refused(data: dict[str, Any]) -> None:
    content = json.dumps(data)
    try:
        annotations = Annotations.parse(content)
    except AnnJsonError as error:
        assert set(data) & set(full())
        printable(error)
    else:
        assert annotations.data == json.loads(content)
        assert json.loads(annotations.dumps().encode()) == json.loads(content)


@slow
@given(documents())
def test_drawn_annotations_come_back(document: Document) -> None:
    for version in document.versions.values():
        assert Annotations.parse(version.dumps()) == version
        assert counted(len(version), "entity") in repr(version)


@pytest.mark.parametrize("text", ["\ud83d", "x\udc00", "\udc00\udc01y"])
def test_half_characters_survive(text: str) -> None:
    data = full()
    data["entities"][0]["offsets"][0]["text"] = text
    data[f"key {text}"] = text
    annotations = Annotations.parse(json.dumps(data))
    assert annotations.entities[0].fragments[0].text == text
    written = annotations.dumps().encode()  # as strict UTF-8
    assert Annotations.parse(written).data == data
    assert repr(annotations)


def test_characters_are_not_escaped_needlessly() -> None:
    assert Annotations({"x": "é🚀\u2028"}).dumps() == '{"x":"é🚀\u2028"}'


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {1, 2}, b"x", 10**5000], ids=lambda value: type(value).__name__
)
def test_what_is_no_json_is_not_written(value: object) -> None:
    annotations = Annotations({}, place="x.ann.json")
    annotations.data["new"] = value
    with pytest.raises(AnnJsonError, match="written"):
        annotations.dumps()


# ---- what is refused


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"  ",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} x',
        b"\xff\xfe",
        b'{"a": "\xe9"}',
        "{}".encode("utf-16"),
        "{}".encode("utf-32"),
        b"\x1f\x8b\x08\x00",
        b'{"a": "\n"}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"entities": [{"x": NaN}]}',
        b'{"a": 1e999}',
        b'{"a": -1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"entities": [], "entities": []}',
        b'{"x": {"a": 1, "b": 2, "a": 1}}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[]",
        b"null",
        b"1",
        b'"x"',
    ],
    ids=short,
)
def test_what_is_no_ann_json(content: bytes) -> None:
    assert refused(content).legal


def test_a_syntax_error_has_its_line() -> None:
    assert "x.ann.json, line 3, column 8" in str(refused(b'{\n "a": 1,\n  "b": oops\n}'))


def test_a_key_that_comes_twice_is_named() -> None:
    assert "'anncomplete'" in str(refused(b'{"anncomplete": true, "anncomplete": false}'))


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ('{"entities": {}}', "entities"),
        ('{"entities": [1]}', "entities[0]"),
        ('{"entities": [{"part": "p", "offsets": [{"start": 0, "text": ""}]}]}', "entities[0].classId"),
        ('{"entities": [{"classId": "e_1", "offsets": [{"start": 0, "text": ""}]}]}', "entities[0].part"),
        ('{"entities": [{"classId": "e_1", "part": "p"}]}', "entities[0].offsets"),
        ('{"entities": [{"classId": "e_1", "part": "p", "offsets": []}]}', "entities[0].offsets"),
        (
            '{"entities": [{"classId": "e_1", "part": "p", "offsets": [{"start": -1, "text": ""}]}]}',
            "entities[0].offsets[0].start",
        ),
        (
            '{"entities": [{"classId": "e_1", "part": "p", "offsets": [{"start": "1", "text": ""}]}]}',
            "entities[0].offsets[0].start",
        ),
        (
            '{"entities": [{"classId": "e_1", "part": "p", "offsets": [{"start": 1.0, "text": ""}]}]}',
            "entities[0].offsets[0].start",
        ),
        (
            '{"entities": [{"classId": "e_1", "part": "p", "offsets": [{"start": true, "text": ""}]}]}',
            "entities[0].offsets[0].start",
        ),
        (
            '{"entities": [{"classId": "e_1", "part": "p", "offsets": [{"start": 1}]}]}',
            "entities[0].offsets[0].text",
        ),
        ('{"metas": {"m_1": {"value": []}}}', "metas.m_1.value"),
        ('{"metas": {"str": {"value": []}}}', "metas.str.value"),
        ('{"metas": {"m_1": {"confidence": {"prob": "1"}}}}', "metas.m_1.confidence.prob"),
        (f'{{"metas": {{"m_1": {{"confidence": {{"prob": 1{"0" * 400}}}}}}}}}', "metas.m_1.confidence.prob"),
        ('{"metas": {"m_1": {"confidence": {"who": "user:a"}}}}', "metas.m_1.confidence.who"),
        ('{"metas": {"m_1": 1}}', "metas.m_1"),
        ('{"annotatable": {"parts": [1]}}', "annotatable.parts[0]"),
        ('{"annotatable": ["s1p1"]}', "annotatable"),
        ('{"anncomplete": "yes"}', "anncomplete"),
        ('{"anncomplete": 1}', "anncomplete"),
        ('{"relations": [{"classId": "r_1", "entities": "a|1,2"}]}', "relations[0].entities"),
        ('{"relations": [{"classId": "r_1"}]}', "relations[0].entities"),
        ("[]", "the whole file"),
    ],
)
def test_wrong_fields_are_named(content: str, path: str) -> None:
    assert str(refused(content).place).endswith(f"x.ann.json: {path}")


def _paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner: list[tuple[str | int, ...]] = []
    if isinstance(value, dict):
        inner = [deeper for key, item in value.items() for deeper in _paths(item, (*path, key))]
    elif isinstance(value, list):
        inner = [deeper for index, item in enumerate(value) for deeper in _paths(item, (*path, index))]
    return [path, *inner]


def _written(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


@quick
@given(st.sampled_from(_paths(full())[1:]), json_values())
def test_a_wrong_value_anywhere_is_refused_or_kept(path: tuple[str | int, ...], value: object) -> None:
    data = full()
    inner: Any = data
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    try:
        annotations = Annotations.parse(json.dumps(data), place="x.ann.json")
    except AnnJsonError as error:
        named = str(error.place).removeprefix("x.ann.json: ")
        assert named.startswith(_written(path))
        printable(error)
        return
    assert json.loads(annotations.dumps()) == data
    assert repr(annotations)
    for entity in annotations:
        assert isinstance(entity.class_id + entity.part + entity.text, str)
        assert all(fragment.start >= 0 for fragment in entity.fragments)
        assert entity.prob is None or isinstance(entity.prob, float)
        assert isinstance(entity.who, list)
        assert isinstance(entity.is_removed, bool)
    for relation in annotations.relations:
        try:
            assert all(start >= 0 for _, _, start, _ in relation.ends)
        except AnnJsonError as error:
            message = printable(error)
            assert "relations[0].entities" in message


@quick
@given(st.binary(max_size=60), st.integers(0, 700), st.integers(0, 20))
def test_damage_never_ends_in_another_exception(noise: bytes, at: int, drop: int) -> None:
    data = json.dumps(full()).encode()
    for hurt in (noise, data[:at] + noise + data[at + drop :]):
        try:
            annotations = Annotations.parse(hurt)
        except AnnJsonError as error:
            printable(error)
        else:
            assert Annotations.parse(annotations.dumps()) == annotations


def test_a_deep_wrong_value_can_be_shown() -> None:
    error = refused('{"entities":' + '{"x":' * 800 + "1" + "}" * 801)
    assert "entities" in str(error)


# ---- relations


def _relation(*references: str) -> Annotations:
    return Annotations(
        {"relations": [{"classId": "r_0", "entities": []}, {"classId": "r_1", "entities": list(references)}]}
    )


def test_both_spellings_of_an_end() -> None:
    assert _relation("s1p1|e_1|3,7", "s2h1|10,10").relations[1].ends == [
        ("s1p1", "e_1", 3, 7),
        ("s2h1", None, 10, 10),
    ]


@quick
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z0-9]+", fullmatch=True),
            st.none() | st.just("e_7"),
            st.integers(0, 10**9),
            st.integers(0, 10**9),
        )
    )
)
def test_ends_come_back(ends: list[tuple[str, str | None, int, int]]) -> None:
    references = [
        "|".join([part, *([class_id] if class_id else []), f"{start},{last}"])
        for part, class_id, start, last in ends
    ]
    assert _relation(*references).relations[1].ends == ends


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "s1p1",
        "3,7",
        "s1p1|e_1",
        "s1p1|e_1|3",
        "s1p1|e_1|3,",
        "s1p1|e_1|,7",
        "s1p1|e_1|-3,7",
        "s1p1|e_1|3,7,9",
        "s1p1|e_1|3.0,7",
        "s1p1|e_1|three,7",
        "s1p1|e_1|²,7",
        "s1p1|e_1|٣,٧",
        "s1p1|e_1|x|3,7",
        "s1p1|e_1| 3,7",
        "s1p1|e_1|3,7\n",
        "s1p1|e_1|" + "9" * 5000 + ",7",
    ],
    ids=short,
)
def test_malformed_ends(reference: str) -> None:
    annotations = _relation("s1p1|e_1|3,7", reference)
    with pytest.raises(AnnJsonError, match=r"relations\[1\]\.entities"):
        _ = annotations.relations[1].ends


@quick
@given(st.text(st.characters() | st.sampled_from("|,0123"), max_size=15))
def test_any_text_as_an_end(reference: str) -> None:
    try:
        ((part, _, start, last),) = _relation(reference).relations[1].ends
    except AnnJsonError as error:
        printable(error)
    else:
        assert reference.startswith(f"{part}|")
        assert start >= 0
        assert last >= 0


# ---- real annotations


@needs_corpora
@pytest.mark.parametrize("name", ["loctext", "decm-michoacan.zip"])
def test_real_annotations_come_back(name: str) -> None:
    relations = 0
    for document in Project.open(CORPORA / name):
        for version in document.versions.values():
            assert Annotations.parse(version.dumps()) == version
            for relation in version.relations:
                relations += 1
                assert all(part for part, _, _, _ in relation.ends)
    assert (relations > 0) == (name == "loctext")


@pytest.mark.parametrize(
    "text",
    [
        '{"anncomplete": true, "anncomplete": false}',
        '{"a":1,"a":2}',
        '{"x":"\\u0022:","a":1,"a":2}',  # an escaped quote makes up for the lost key
        '{"x":{"b" : 1,\n"b"\t:2}}',
        '{"x":"\\":","a":1,"a":"\\":"}',
    ],
)
def test_a_key_twice_is_never_passed_over(text: str) -> None:
    with pytest.raises(AnnJsonError, match="twice"):
        Annotations.parse(text)


@quick
@given(
    data=st.dictionaries(
        st.text(),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            st.lists,
        ),
        max_size=4,
    )
)
@pytest.mark.parametrize("escaped", [True, False])
def test_what_is_read_is_what_json_reads(data: dict[str, Any], escaped: bool) -> None:
    text = json.dumps({"unknown": data}, ensure_ascii=escaped)
    annotations = Annotations.parse(text)
    assert repr(annotations.data) == repr(json.loads(text))  # 1 is not 1.0, 0.0 is not -0.0
    assert (
        annotations.dumps() == Annotations(json.loads(text)).dumps()
    )  # to the byte, whichever parser read it


def test_data_that_was_changed_is_written_as_it_is_now() -> None:
    annotations = Annotations.parse('{"x":null,"date":"2020-01-01","anncomplete":false}')
    annotations.data["anncomplete"] = True
    assert json.loads(annotations.dumps()) == {"x": None, "date": "2020-01-01", "anncomplete": True}
    annotations.data["x"] = float("nan")
    with pytest.raises(AnnJsonError, match="can't be written"):
        annotations.dumps()
    annotations.data["x"] = {1, 2}
    with pytest.raises(AnnJsonError, match="can't be written"):
        annotations.dumps()


@pytest.mark.parametrize("number", ["1e999", "-1e400", "Infinity", "NaN"])
def test_a_number_that_no_float_holds_is_refused(number: str) -> None:
    with pytest.raises(AnnJsonError):
        Annotations.parse(f'{{"x": [{number}]}}')
