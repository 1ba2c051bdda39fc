"""The fast ways give what the slow ones give: tokenizing at once, writing .spacy files, several processes, shards."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import srsly
from builders import E, document
from hypothesis import given
from hypothesis import strategies as st
from spacy.attrs import NORM, ORTH, SENT_START, SPACY
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.vocab import Vocab
from strategies import projects, quick, slow

from spacy_tagtog.anndoc import Document, Project, write_project
from spacy_tagtog.convert import ConversionReport, assemble, docbin, document_to_doc, read_spacy, write_docbin
from spacy_tagtog.convert import tokens as tokens_module
from spacy_tagtog.convert.bulk import BulkJob, Shards, convert_in_bulk
from spacy_tagtog.convert.docbin import PIECE_DOCS, DocBinFile, DocPacker
from spacy_tagtog.convert.tokens import _longest_searched, prepare_for_tokens
from spacy_tagtog.errors import (
    ConfigurationError,
    ConversionError,
    OutputExistsError,
    PipelineError,
    WriteError,
)
from spacy_tagtog.steps.convert import convert

# Tokenizer exceptions, emoticons, addresses, white space of all kinds, also where parts meet.
PIECES = [
    "don't",
    "U.K.",
    "a.m.",
    ":-)",
    "(x)",
    "p.V600E",
    "it's",
    "é",
    "👩🏽\u200d🚀",
    "http://a.b/c?d",
    "¿",
    "1,000.5",
    "co-op",
    "C++",
    "in",
    "vitro",
]
BLANKS = [" ", "  ", "\n", "\n\n", "\t", "\u00a0", "\u2028", "\r\n", "\x1f"]
part_texts = st.lists(st.sampled_from(PIECES + BLANKS + [" ", " ", ""]), max_size=8).map("".join)


class OtherTokenizer(Tokenizer):
    """A class of somebody else's: only the slow way is safe."""


def by_part(nlp: Language, parts: list[tuple[str, str]], **arguments: Any) -> Any:
    """The same, surely part by part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens_module, "_tokenized_at_once", lambda *_: None)
        return assemble(nlp, parts, **arguments)


def contents(doc: Doc) -> list[list[int]]:
    return doc.to_array([ORTH, NORM, SPACY, SENT_START]).tolist()


def same(fast: Any, slow: Any) -> None:
    assert contents(fast.doc) == contents(slow.doc)
    assert fast.doc.text == slow.doc.text == fast.text
    assert (fast.parts, fast.splits, fast.starts, fast.ends) == (
        slow.parts,
        slow.splits,
        slow.starts,
        slow.ends,
    )
    assert fast.starts == [token.idx for token in fast.doc]
    assert fast.ends == [token.idx + len(token) for token in fast.doc]


@quick
@given(texts=st.lists(part_texts, max_size=5), data=st.data())
def test_at_once_is_as_part_by_part(nlp: Language, texts: list[str], data: st.DataObject) -> None:
    parts = [(f"s1p{number}", text) for number, text in enumerate(texts)]
    cuts = {part: data.draw(st.sets(st.integers(0, len(text) + 2), max_size=4)) for part, text in parts}
    same(assemble(nlp, parts, cuts=cuts), by_part(nlp, parts, cuts=cuts))
    same(assemble(nlp, parts), by_part(nlp, parts))


@pytest.mark.parametrize("special", ["in vitro", "a\n\nb", "\n\n", "it's\n\nC++"])
def test_special_cases_with_white_space(special: str) -> None:
    nlp = spacy.blank("en")
    parts = [("s1p1", "x a"), ("s1p2", "b in vitro it's"), ("s1p3", "C++ in"), ("s1p4", "vitro")]
    before = contents(assemble(nlp, parts).doc)
    nlp.tokenizer.add_special_case(special, [{"ORTH": special}])
    same(assemble(nlp, parts), by_part(nlp, parts))
    # One special case that stands within a part is one token, and none is made of two parts.
    assert (contents(assemble(nlp, parts).doc) != before) == (special == "in vitro")


@pytest.mark.parametrize("affix", ["prefix", "suffix", "infix"])
def test_a_tokenizer_that_divides_the_separator(affix: str) -> None:
    nlp = spacy.blank("en")
    if affix == "infix":
        nlp.tokenizer.infix_finditer = re.compile("\n").finditer
    elif affix == "prefix":
        nlp.tokenizer.prefix_search = re.compile("^\n").search
    else:
        nlp.tokenizer.suffix_search = re.compile(r"\n\Z").search
    assert len(nlp.tokenizer("\n\n")) == 2
    parts = [("s1p1", "one two"), ("s1p2", "three")]
    same(assemble(nlp, parts), by_part(nlp, parts))
    assert [token.text for token in assemble(nlp, parts).doc] == ["one", "two", "\n\n", "three"]


def test_other_tokenizers_see_each_part_by_itself() -> None:
    nlp = spacy.blank("en")
    seen = []

    class Watching(OtherTokenizer):
        def __call__(self, string: str) -> Doc:
            seen.append(string)
            return super().__call__(string)

    nlp.tokenizer = Watching(nlp.vocab, nlp.tokenizer.rules)
    assemble(nlp, [("s1p1", "one"), ("s1p2", "two")])
    assert seen == ["one", "two"]


def test_a_tokenizer_with_a_vocabulary_of_its_own() -> None:
    nlp = spacy.blank("en")
    nlp.tokenizer = spacy.blank("en").tokenizer
    parts = [("s1p1", "a quaint word"), ("s1p2", "isn't")]
    doc = assemble(nlp, parts, cuts={"s1p1": [4]}).doc
    assert doc.vocab is nlp.vocab
    assert [token.text for token in doc] == ["a", "qu", "aint", "word", "\n\n", "is", "n't"]


def test_long_stretches_are_one_token(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    """spaCy would take a day for a megabyte of brackets."""
    stretch = "(." * 500_000
    doc = assemble(nlp, [("p", f"don't {stretch} (so)"), ("q", stretch)], cuts={"p": [8]}).doc
    assert [token.text for token in doc if len(token) < 50] == ["do", "n't", "(.", "(", "so", ")", "\n\n"]
    assert doc.text == f"don't {stretch} (so)\n\n{stretch}"
    assert [token.norm_ for token in doc][:2] == ["do", "not"]


@given(
    text=st.lists(
        st.sampled_from(["a", "(", "don't", "a(b)c", " ", "  ", "\n", "x" * 30, "." * 30]), max_size=12
    ).map("".join)
)
def test_the_longest_stretches_change_and_nothing_else(nlp: Language, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spacy_tagtog.convert.tokens._FREE_SQUARES", 500)
        patch.setattr("spacy_tagtog.convert.tokens._SQUARES_A_CHARACTER", 0)
        longest = _longest_searched(text)
        doc = assemble(nlp, [("p", text)]).doc
    assert doc.text == text
    stretches = text.split()
    searched = [len(stretch) for stretch in stretches if longest is None or len(stretch) <= longest]
    assert sum(length**2 for length in searched) <= 500
    plain = {(token.idx, token.text_with_ws) for token in nlp.make_doc(text)}
    ours = {(token.idx, token.text_with_ws) for token in doc}
    changed = {token.idx for token in doc if (token.idx, token.text_with_ws) not in plain}
    assert all(len(token) > (longest or 0) for token in doc if token.idx in changed)
    assert ours == plain or longest is not None


def test_norms_of_special_cases_are_kept(nlp: Language) -> None:
    """A pipeline looks at norms: they must be those that it will see when it runs."""
    expected = [token.norm_ for token in nlp("don't can't") if token.text == "n't"]
    for cuts in ({}, {"s1p1": [7]}):
        doc = assemble(nlp, [("s1p1", "don't stop"), ("s1p2", "can't")], cuts=cuts).doc
        assert [token.norm_ for token in doc if token.text == "n't"] == expected == ["not", "not"]


@pytest.fixture(scope="module")
def lean() -> Language:
    nlp = spacy.blank("en")
    prepare_for_tokens(nlp)
    return nlp


@quick
@given(texts=st.lists(part_texts, max_size=4))
def test_only_norms_are_needed(nlp: Language, lean: Language, texts: list[str]) -> None:
    parts = [(f"s1p{number}", text) for number, text in enumerate(texts)]
    assert contents(assemble(lean, parts).doc) == contents(assemble(nlp, parts).doc)


def test_only_norms_not_for_other_tokenizers() -> None:
    nlp = spacy.blank("en")
    nlp.tokenizer = OtherTokenizer(nlp.vocab)
    prepare_for_tokens(nlp)
    assert nlp.vocab["12"].like_num
    assert nlp("Abc12")[0].shape_ == "Xxxdd"


# Writing


def stock(docs: list[Doc]) -> bytes:
    return zlib.decompress(DocBin(store_user_data=True, docs=docs).to_bytes())


def ours(docs: list[Doc], folder: Path) -> bytes:
    assert write_docbin(iter(docs), folder / "docs.spacy") == len(docs)
    return zlib.decompress((folder / "docs.spacy").read_bytes())


def rich_docs(number: int) -> list[Doc]:
    """Docs with all that a Doc can carry."""
    chance = random.Random(number)
    vocabs = [Vocab(), spacy.blank("en").vocab]
    docs = []
    for index in range(number):
        words = chance.choices(
            ["Mars", "is", "réd", "👩🏽\u200d🚀", "\n\n", "x" * 40, "2"], k=chance.choice([0, 1, 5, 9])
        )
        count = len(words)
        doc = Doc(
            chance.choice(vocabs),
            words=words,
            spaces=chance.choice([None, [True] * count]),
            tags=chance.choice([None, ["NN"] * count]),
            pos=chance.choice([None, ["NOUN"] * count]),
            lemmas=chance.choice([None, [f"lemma{index}"] * count]),
            morphs=chance.choice([None, ["Number=Sing|Case=Nom"] * count]),
        )
        if count > 1 and chance.random() < 0.5:
            doc = Doc(
                doc.vocab,
                words=words,
                heads=[0] * count,
                deps=["ROOT", *["dep"] * (count - 1)],
                ents=["B-A", *["I-A"] * (count - 1)],
            )
        if count and chance.random() < 0.7:
            doc.spans["one"] = [Span(doc, 0, count, label="L", kb_id="Q1", span_id=chance.choice(["e0", 77]))]
            doc.spans["two"] = SpanGroup(doc, name="other", attrs={"scores": [np.float32(0.5)], "ünï": "é"})
            doc.spans["three"] = doc.spans["one"].copy()
            doc.ents = [Span(doc, 0, 1, label=f"E{index}", kb_id="Q2")]
        doc.cats = chance.choice([{}, {"a": 1.0, "b": np.float64(0.25)}])
        doc.user_data = {
            "array": np.arange(3),
            "list": [1, "é", None, 2**40],
            ("._.", "x", None, None): b"\0",
        }
        docs.append(doc)
    return docs


@pytest.mark.parametrize("number", [0, 1, 2, 15, 16, PIECE_DOCS, PIECE_DOCS + 1, 2 * PIECE_DOCS + 40])
def test_a_file_holds_the_same_bytes_as_spacys(tmp_path: Path, number: int) -> None:
    docs = rich_docs(number)
    assert ours(docs, tmp_path) == stock(docs)
    assert len(list(read_spacy(tmp_path / "docs.spacy", Vocab()))) == number


def test_sizes_of_columns_at_their_limits(tmp_path: Path) -> None:
    """Headers of message pack have one, two or four bytes of length."""
    vocab = Vocab()
    for lengths in ([2], [3], [630, 1], [70_000], [256], [65_536]):
        docs = [Doc(vocab, words=["a"] * length, spaces=[False] * length) for length in lengths]
        assert ours(docs, tmp_path) == stock(docs)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 255, 256, 65_535, 65_536])
def test_headers(size: int) -> None:
    assert docbin._list_header(size) == srsly.msgpack_dumps([None] * size)[: -size or None]
    assert docbin._bin_header(size) == srsly.msgpack_dumps(bytes(size))[: -size or None]


@slow
@given(made=projects())
def test_converted_documents_are_written_as_spacy_would(
    nlp: Language, tmp_path_factory: pytest.TempPathFactory, made: list[Document]
) -> None:
    docs = [document_to_doc(one, nlp) for one in made]
    assert ours(docs, tmp_path_factory.mktemp("written")) == stock(docs)


def test_what_cant_be_packed_leaves_nothing_behind(nlp: Language, tmp_path: Path) -> None:
    good, bad = nlp("good"), nlp("bad")
    bad.user_data["x"] = object()
    packer = DocPacker()
    packer.add(good)
    with pytest.raises(TypeError):
        packer.add(bad)
    file = DocBinFile()
    file.add(packer.take().compressed())
    file.write(tmp_path / "docs.spacy")
    assert zlib.decompress((tmp_path / "docs.spacy").read_bytes()) == stock([good])


# Reading


def assert_read_as_by_spacy(path: Path) -> None:
    """All that a Doc carries is as ``DocBin.get_docs`` gives it."""
    theirs = list(DocBin(store_user_data=True).from_disk(path).get_docs(Vocab()))
    mine = list(read_spacy(path, Vocab()))
    assert stock(mine) == stock(theirs)
    for one, other in zip(mine, theirs, strict=True):
        assert list(one.spans) == list(other.spans)
        for key, group in one.spans.items():
            assert (group.name, dict(group.attrs)) == (other.spans[key].name, dict(other.spans[key].attrs))
            assert [span.id for span in group] == [span.id for span in other.spans[key]]
        assert repr(one.user_data) == repr(other.user_data)


@pytest.mark.parametrize("number", [0, 1, 60])
def test_docs_are_read_as_by_spacy(tmp_path: Path, number: int) -> None:
    DocBin(store_user_data=True, docs=rich_docs(number)).to_disk(tmp_path / "docs.spacy")
    assert_read_as_by_spacy(tmp_path / "docs.spacy")
    DocBin(docs=rich_docs(number), attrs=["LEMMA", "ENT_TYPE"]).to_disk(tmp_path / "bare.spacy")
    assert_read_as_by_spacy(tmp_path / "bare.spacy")


@quick
@given(made=projects())
def test_converted_documents_are_read_as_by_spacy(
    nlp: Language, tmp_path_factory: pytest.TempPathFactory, made: list[Document]
) -> None:
    path = tmp_path_factory.mktemp("read") / "docs.spacy"
    write_docbin((document_to_doc(one, nlp) for one in made), path)
    assert_read_as_by_spacy(path)


def test_span_groups_that_are_left_to_spacy(tmp_path: Path) -> None:
    """Labels that are no strings, borders that aren't those of the tokens, lists as spaCy 3.0 wrote them."""
    doc = Doc(Vocab(), words=["Vega", "and", "Mars"])
    doc.spans["a"] = [Span(doc, 0, 2, label="L", kb_id="Q")]
    group = srsly.msgpack_loads(doc.spans["a"].to_bytes())
    for values in [(1, 2, 3, 0, 2, 0, 8), (0, 0, doc.vocab.strings["L"], 0, 2, 1, 7)]:
        strange = srsly.msgpack_dumps({**group, "spans": [docbin._SPAN.pack(*values)]})
        for packed in ({strange: ["a"]}, {strange: ["a"], doc.spans["a"].to_bytes(): ["b", "c"]}, [strange]):
            bin_ = DocBin(docs=[doc])
            bin_.span_groups = [srsly.msgpack_dumps(packed)]
            bin_.to_disk(tmp_path / "docs.spacy")
            (one,) = read_spacy(tmp_path / "docs.spacy", Vocab())
            (other,) = DocBin().from_disk(tmp_path / "docs.spacy").get_docs(Vocab())
            assert one.spans.to_bytes() == other.spans.to_bytes()


@pytest.mark.parametrize("column", ["span_groups", "user_data"])
def test_what_cant_be_unpacked_is_refused(nlp: Language, tmp_path: Path, column: str) -> None:
    doc = nlp("Vega")
    doc.spans["a"] = [doc[0:1]]
    for change in (lambda packed: packed + b"\0", lambda packed: packed[:-1], lambda packed: b"\xc1"):
        bin_ = DocBin(store_user_data=True, docs=[doc])
        setattr(bin_, column, [change(value) for value in getattr(bin_, column)])
        bin_.to_disk(tmp_path / "docs.spacy")
        with pytest.raises(ConversionError, match=r"isn't a \.spacy file that can be read"):
            list(read_spacy(tmp_path / "docs.spacy", Vocab()))


# Whole projects


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """23 documents, one unconfirmed; all entities are right."""
    made = []
    for number in range(23):
        one = document(
            f"Mars {number} and U.K.",
            "can't",
            entities=[E(1, 0, 4, "e_2")],
            complete=number != 5,
            name=f"{number:02}.txt",
        )
        one.id = f"{'a' * 27}b-{number:02}"
        made.append(one)
    path = tmp_path_factory.mktemp("bulk") / "project"
    write_project(made, path)
    return path


@pytest.fixture(params=["folder", "zip"])
def source(request: pytest.FixtureRequest, project: Path, tmp_path: Path) -> Path:
    if request.param == "zip":
        write_project(Project.open(project), tmp_path / "project.zip")
        return tmp_path / "project.zip"
    return project


def files(folder: Path) -> dict[str, bytes]:
    """All files but the mark of folders that we wrote."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".spacy-tagtog"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize("shard_size", [0, 3, 2000])
def test_files_and_report_are_the_same_for_any_number_of_processes(
    source: Path, tmp_path: Path, shard_size: int
) -> None:
    results = []
    for n_process in (1, 2, 3):
        report = ConversionReport()
        target = tmp_path / f"out{n_process}"
        converted = convert(
            source, target, split="dev=0.3", report=report, n_process=n_process, shard_size=shard_size
        )
        results.append((converted.sides, files(target), report))
    assert results[0] == results[1] == results[2]
    sides, _, report = results[0]
    assert sum(sides.values()) == report.documents_out == 22
    assert report.documents_in == 23
    assert report.is_balanced


def test_shards(project: Path, tmp_path: Path) -> None:
    convert(project, tmp_path / "one")
    assert list(files(tmp_path / "one")) == ["train.spacy"]
    convert(project, tmp_path / "many", shard_size=5)
    names = list(files(tmp_path / "many"))
    assert names == [f"train/{number:04}.spacy" for number in range(len(names))]
    vocab = Vocab()
    assert all(len(list(read_spacy(tmp_path / "many" / name, vocab))) <= 5 for name in names)
    assert [doc.text for doc in read_spacy(tmp_path / "many" / "train", vocab)] == [
        doc.text for doc in read_spacy(tmp_path / "one", vocab)
    ]
    # As spaCy itself reads a folder: all of it, in whatever order.
    read = [example.text for example in spacy.training.Corpus(tmp_path / "many" / "train")(spacy.blank("en"))]
    assert sorted(read) == sorted(doc.text for doc in read_spacy(tmp_path / "one", vocab))


def test_a_project_that_just_fits_is_one_file(project: Path, tmp_path: Path) -> None:
    convert(project, tmp_path / "out", shard_size=23)
    assert list(files(tmp_path / "out")) == ["train.spacy"]


def test_progress_counts_every_document(project: Path, tmp_path: Path) -> None:
    seen: list[Any] = []

    def progress(items: Any, total: int) -> Any:
        seen.append(total)
        for item in items:
            seen.append(item)
            yield item

    convert(project, tmp_path / "out", n_process=2, shard_size=4, progress=progress)
    assert seen == [23, *Project.open(project).ids]


@pytest.mark.parametrize("n_process", [1, 2])
def test_faults_are_refused_before_anything_is_visible(tmp_path: Path, n_process: int) -> None:
    made = [document("Mars", entities=[E(1, 0, 4)], name=f"{number}.txt") for number in range(7)]
    for number, one in enumerate(made):
        one.id = f"{'a' * 27}b-{number}"
        one.annotations.data["entities"][0]["part"] = "s1p1" if number < 5 else "s9p9"
    write_project(made, tmp_path / "project")
    target = tmp_path / "out"
    for force in (False, True):
        report = ConversionReport()
        with pytest.raises(ConversionError, match="2 faults"):
            convert(
                tmp_path / "project", target, n_process=n_process, shard_size=2, report=report, force=force
            )
        # All of them are listed, and what was there stays.
        assert report.documents_in == 7
        assert report.reasons == {"missing_part": 2}
        assert sorted(path.name for path in tmp_path.iterdir()) == (
            ["out", "project"] if force else ["project"]
        )
        target.mkdir(exist_ok=True)
        for name in ("old", ".spacy-tagtog"):  # as if it were of an earlier run
            (target / name).write_bytes(b"old")
    assert files(target) == {"old": b"old"}


def test_a_side_without_documents_leaves_nothing(project: Path, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="no document is on the side 'dev'"):
        convert(project, tmp_path / "out", split="dev=0.000001", shard_size=2)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_refused_first(project: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    report = ConversionReport()
    with pytest.raises(OutputExistsError):
        convert(project, tmp_path, report=report)
    assert not report.documents_in


@pytest.mark.parametrize(("option", "value"), [("n_process", 0), ("n_process", -1), ("shard_size", -1)])
def test_numbers_out_of_range(project: Path, tmp_path: Path, option: str, value: int) -> None:
    with pytest.raises(ConfigurationError, match="out of range"):
        convert(project, tmp_path / "out", **{option: value})  # type: ignore[arg-type]


class Changing:
    """A tokenizer that changes the text of one document."""

    def __init__(self, vocab: Vocab, what: str) -> None:
        self.vocab = vocab
        self.what = what

    def __call__(self, text: str) -> Doc:
        if "17" in text:
            if self.what == "exit":
                os._exit(3)
            text = "other"
        return Doc(self.vocab, words=[text], spaces=[False])


def make_changing(what: str) -> Language:
    nlp = spacy.blank("en")
    nlp.tokenizer = Changing(nlp.vocab, what)
    return nlp


@pytest.mark.parametrize("n_process", [1, 2])
def test_a_typed_error_arrives_as_itself(project: Path, n_process: int) -> None:
    report = ConversionReport()
    job = BulkJob(project, partial(make_changing, "text"))
    with pytest.raises(PipelineError, match="changes the text") as caught:
        list(convert_in_bulk(job, Project.open(project), report, n_process=n_process, batch_size=2))
    assert (caught.value.place, caught.value.value) == ("part s1p1, character 0", "Mars 17 and U.K.")
    assert report.documents_in == 16


def test_a_process_that_dies_is_an_error(project: Path) -> None:
    job = BulkJob(project, partial(make_changing, "exit"))
    with pytest.raises(ConversionError, match="ended without an answer"):
        list(convert_in_bulk(job, Project.open(project), ConversionReport(), n_process=2, batch_size=2))


def test_nobody_has_to_take_all_batches(project: Path) -> None:
    batches = convert_in_bulk(
        BulkJob(project, partial(spacy.blank, "en")),
        Project.open(project),
        ConversionReport(),
        n_process=2,
        batch_size=1,
    )
    assert len(next(batches).ids) == 1
    batches.close()  # type: ignore[attr-defined]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_ctrl_c_ends_cleanly(project: Path, tmp_path: Path) -> None:
    """To a whole group of processes, as a terminal sends it; the tokenizer gives the signal itself, so there is nothing to wait for."""
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import os, signal, sys
from pathlib import Path
from spacy_tagtog.steps.convert import convert
from spacy_tagtog.cli._run import command

# A test run that was started in the background inherits that interrupts are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

def progress(items, total):
    for number, item in enumerate(items):
        if number == 3:
            os.killpg(0, signal.SIGINT)
        yield item

@command
def run():
    convert(Path({str(project)!r}), Path({str(tmp_path / "out")!r}), n_process=2, shard_size=2, progress=progress)

import typer
if __name__ == "__main__":
    try:
        run()
    except typer.Exit as error:
        sys.exit(error.exit_code)
"""
    )
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, start_new_session=True, timeout=240
    )
    assert (done.returncode, done.stderr.strip()) == (130, "Interrupted.")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["program.py"]


def test_a_shard_that_cant_be_written(nlp: Language, tmp_path: Path) -> None:
    (tmp_path / "train").write_bytes(b"a file where a folder must be")
    shards = Shards(tmp_path, "train", 1)
    for _ in range(2):
        packer = DocPacker()
        packer.add(nlp("Mars"))
        if not len(shards):
            shards.add(packer.take().compressed())
    with pytest.raises(WriteError):
        shards.add(packer.take().compressed())
