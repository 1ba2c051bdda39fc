"""Speed and memory of the conversion, beside spaCy's own and other tools', on synthetic projects.

    python benchmarks/convert.py speed [--documents 2000] [--rounds 5] [--peers PYTHON] [--nested 0.0]
    python benchmarks/convert.py curve [--sizes 1000,10000,100000] [--n-process 1]

Every run has a process of its own, with an empty vocabulary; imports aren't counted. In each round all
contenders take their turn, and ratios are
taken within a round, so that a load that comes and goes meets all of them. PYTHON is that of an environment
with the other tools
(beautifulsoup4, label-studio-sdk, dkpro-cassis, medspacy_io and spacy); what isn't installed there is left
out, and said so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from spacy_tagtog.anndoc import Document

CHARACTERS = 1536
ENTITIES = 15
LABELS = {"e_1": "Gene", "e_2": "Disease", "e_3": "Drug"}
_ONSETS = ("b", "br", "c", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "st", "t", "v")
_RHYMES = ("a", "e", "i", "o", "u", "an", "er", "is")
_SYLLABLES = [onset + rhyme for onset in _ONSETS for rhyme in _RHYMES]
_FREQUENT = (
    "the",
    "of",
    "and",
    "in",
    "to",
    "a",
    "was",
    "with",
    "for",
    "that",
    "were",
    "by",
    "is",
    "as",
    "on",
    "at",
    "from",
    "an",
    "be",
    "or",
    "this",
)


class Writer:
    """Texts with words distributed as in natural language (Zipf's law), punctuation and numbers."""

    def __init__(self, seed: int = 0, words: int = 15_000) -> None:
        chance = random.Random(seed)
        made = dict.fromkeys(_FREQUENT)
        while len(made) < words:
            made["".join(chance.choices(_SYLLABLES, k=chance.choice((1, 2, 2, 3, 3, 4))))] = None
        self.words = list(made)
        self.weights = list(accumulate(1 / (rank + 2.7) ** 1.2 for rank in range(words)))

    def sentence(self, chance: random.Random) -> str:
        """One sentence."""
        pieces = []
        for word in chance.choices(self.words, cum_weights=self.weights, k=chance.randint(8, 26)):
            luck = chance.random()
            if luck < 0.02:
                word = str(chance.randint(1, 2000))  # noqa: PLW2901
            elif luck < 0.03:
                word = f"({word})"  # noqa: PLW2901
            elif luck < 0.035:
                word += "'s"  # noqa: PLW2901
            elif luck < 0.04:
                word = f"{word}-{chance.choice(self.words)}"  # noqa: PLW2901
            elif luck < 0.1:
                word += ","  # noqa: PLW2901
            pieces.append(word)
        text = " ".join(pieces)
        return text[0].upper() + text[1:] + chance.choice("....?")

    def text(self, chance: random.Random, length: int) -> str:
        """A text of exactly this length."""
        text = self.sentence(chance)
        while len(text) < length:
            text += " " + self.sentence(chance)
        text = text[:length]
        return text[: length - 1].rstrip().ljust(length - 1, "a") + "."


def make_document(number: int, writer: Writer, *, seed: int = 0, nested: float = 0.0) -> Document:
    """Document number so-and-so of the synthetic project: a heading and five paragraphs.

    Args:
        number: Its number.
        writer: Writes the text.
        seed: Another seed, other documents.
        nested: The share of entities that stand within another one.
    """
    from spacy_tagtog.anndoc import Annotations, Document, Legend, html_from_blocks

    chance = random.Random(seed * 1_000_003 + number)
    doc_id = f"a{number:027d}-bench{number}.txt"
    lengths = [86, 250, 300, 300, 300, 300]
    texts = [writer.text(chance, length) for length in lengths]
    html = html_from_blocks(
        [("h2" if n == 0 else "p", text) for n, text in enumerate(texts)],
        doc_id=doc_id,
        origid=f"bench{number}.txt",
    )
    places: list[tuple[int, int, int]] = []
    taken: set[tuple[int, int]] = set()
    wanted = round(ENTITIES * (1 - nested))
    while len(places) < wanted:
        part = chance.randrange(len(texts))
        words = _words(texts[part])
        first = chance.randrange(len(words))
        last = min(first + chance.choice((0, 0, 0, 1, 1, 2)), len(words) - 1)
        if any((part, word) in taken for word in range(first, last + 1)):
            continue
        taken.update((part, word) for word in range(first, last + 1))
        places.append((part, words[first][0], words[last][1]))
    longer = [place for place in places if " " in texts[place[0]][place[1] : place[2]]]
    while len(places) < ENTITIES:
        part, start, end = chance.choice(longer or places)
        inner = texts[part].find(" ", start, end)
        places.append((part, start, inner if inner > 0 else end))
    places.sort()
    annotations = Annotations.empty(list(html.parts), complete=True)
    ids = list(html.parts)
    annotations.data["entities"] = [
        {
            "classId": f"e_{chance.randint(1, 3)}",
            "part": ids[part],
            "offsets": [{"start": start, "text": texts[part][start:end]}],
            "coordinates": [],
            "confidence": {"state": "", "who": ["user:ada"], "prob": 1},
            "fields": {},
            "normalizations": {},
        }
        for part, start, end in places
    ]
    return Document(doc_id, html, {"master": annotations}, legend=Legend(LABELS))


def _words(text: str) -> list[tuple[int, int]]:
    """Where the words of a text stand, without the punctuation around them."""
    found = []
    position = 0
    for word in text.split(" "):
        core = word.strip(".,?()")
        if core:
            start = position + word.index(core)
            found.append((start, start + len(core)))
        position += len(word) + 1
    return found


def make_project(path: Path, number: int, *, seed: int = 0, nested: float = 0.0) -> None:
    """Write a synthetic project."""
    from spacy_tagtog.anndoc import Legend, write_project

    writer = Writer(seed)
    write_project(
        (make_document(n, writer, seed=seed, nested=nested) for n in range(number)),
        path,
        legend=Legend(LABELS),
        force=True,
    )


# What each contender does: setting up isn't timed, what it returns is; then the .spacy files in "out" are
# looked at.

Contender = Callable[[Path], Callable[[], object]]


def floor(folder: Path) -> Callable[[], object]:
    """What spaCy itself takes for the bare texts, without any annotation."""
    return _floor(folder, store_user_data=False)


def floor_with_user_data(folder: Path) -> Callable[[], object]:
    """The same with a place for user data, which the documents themselves need."""
    return _floor(folder, store_user_data=True)


def _floor(folder: Path, *, store_user_data: bool) -> Callable[[], object]:
    import spacy
    from spacy.tokens import DocBin

    spacy.blank("en")  # for its imports
    texts = [item["text"] for item in _gold(folder)]

    def run() -> None:
        nlp = spacy.blank("en")
        docbin = DocBin(store_user_data=store_user_data)
        for text in texts:
            docbin.add(nlp.make_doc(text))
        (folder / "out" / "train.spacy").write_bytes(docbin.to_bytes())

    return run


def ours(folder: Path, *, n_process: int = 1) -> Callable[[], object]:
    """spacy-tagtog."""
    from spacy_tagtog.steps.convert import convert

    _warm_up()
    return lambda: convert(folder / "project", folder / "out", force=True, n_process=n_process)


def _warm_up() -> None:
    """Import all that a conversion imports."""
    from spacy_tagtog.anndoc import Project
    from spacy_tagtog.steps.convert import convert, convert_back

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_project(folder / "project", 1)
        convert(folder / "project", folder / "docs")
        convert_back(folder / "docs", folder / "back")
        assert len(Project.open(folder / "back")) == 1


def ours_2(folder: Path) -> Callable[[], object]:
    """spacy-tagtog in two processes."""
    return ours(folder, n_process=2)


def get_docs(folder: Path) -> Callable[[], object]:
    """What spaCy takes to read the Docs of a file that spacy-tagtog wrote."""
    import spacy
    from spacy.tokens import DocBin

    _convert_for_back(folder)
    spacy.blank("xx")

    def run() -> None:
        vocab = spacy.blank("xx").vocab
        for _ in DocBin(store_user_data=True).from_disk(folder / "back" / "train.spacy").get_docs(vocab):
            pass

    return run


def back(folder: Path) -> Callable[[], object]:
    """spacy-tagtog, from .spacy files to a project."""
    from spacy_tagtog.steps.convert import convert_back

    _convert_for_back(folder)
    _warm_up()
    return lambda: convert_back(folder / "back", folder / "project-back", force=True)


def _convert_for_back(folder: Path) -> None:
    from spacy_tagtog.steps.convert import convert

    if not (folder / "back").exists():
        convert(folder / "project", folder / "back", shard_size=0)


def soup(folder: Path) -> Callable[[], object]:
    """BeautifulSoup and char_span, as people write it."""
    import spacy
    from bs4 import BeautifulSoup
    from spacy.tokens import DocBin
    from spacy.util import filter_spans

    spacy.blank("en")

    def run() -> None:
        nlp = spacy.blank("en")
        docbin = DocBin()
        for path in sorted((folder / "project" / "plain.html").rglob("*.plain.html")):
            tree = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
            where, texts, position = {}, [], 0
            for element in tree.body.find_all(id=True):
                where[element["id"]] = position
                texts.append(element.get_text())
                position += len(texts[-1]) + 2
            doc = nlp.make_doc("\n\n".join(texts))
            name = path.name.replace(".plain.html", ".ann.json")
            data = json.loads(
                (folder / "project" / "ann.json" / "master" / "pool" / name).read_text(encoding="utf-8")
            )
            spans = []
            for entity in data["entities"]:
                start = where[entity["part"]] + entity["offsets"][0]["start"]
                spans.append(
                    doc.char_span(
                        start, start + len(entity["offsets"][0]["text"]), label=LABELS[entity["classId"]]
                    )
                )
            doc.ents = filter_spans([span for span in spans if span is not None])
            docbin.add(doc)
        docbin.to_disk(folder / "out" / "train.spacy")

    return run


def label_studio(folder: Path) -> Callable[[], object]:
    """Label Studio's export to CoNLL and ``spacy convert``, its documented way to spaCy.

    At its best: as it is exported, spaCy refuses the file (E177: its first line lacks a column), and with
    that mended it makes one Doc of all
    documents, which takes quadratic time. Here every document gets a first line of its own.
    """
    from label_studio_sdk.converter import Converter
    from spacy.cli.convert import convert

    config = '<View><Labels name="label" toName="text">%s</Labels><Text name="text" value="$text"/></View>'
    config %= "".join(f"<Label value={quoteattr(label)}/>" for label in LABELS.values())
    tasks = []
    for number, item in enumerate(_gold(folder)):
        result = [
            {
                "from_name": "label",
                "to_name": "text",
                "type": "labels",
                "value": {"start": start, "end": end, "labels": [label], "text": item["text"][start:end]},
            }
            for start, end, label in item["entities"]
        ]
        tasks.append(
            {
                "id": number,
                "data": {"text": item["text"]},
                "annotations": [{"id": number, "completed_by": 1, "result": result}],
            }
        )
    (folder / "tasks.json").write_text(json.dumps(tasks), encoding="utf-8")

    silent: Any = _Silent()

    def run() -> None:
        Converter(config, str(folder)).convert_to_conll2003(
            str(folder / "tasks.json"), str(folder / "conll"), is_dir=False
        )
        path = folder / "conll" / "result.conll"
        lines = path.read_text(encoding="utf-8").removeprefix("-DOCSTART- -X- O\n").strip()
        path.write_text(
            "-DOCSTART- -X- O O\n\n" + lines.replace("\n\n", "\n\n-DOCSTART- -X- O O\n\n"), encoding="utf-8"
        )
        convert(path, folder / "out", converter="ner", file_type="spacy", silent=True, msg=silent)

    return run


class _Silent:
    """Takes the place of a printer."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


def cassis(folder: Path) -> Callable[[], object]:
    """UIMA's XMI, as INCEpTION and others export it, read with dkpro-cassis."""
    import spacy
    from cassis import Cas, TypeSystem, load_cas_from_xmi, load_typesystem
    from spacy.tokens import DocBin
    from spacy.util import filter_spans

    xmi = folder / "xmi"
    if not xmi.exists():
        xmi.mkdir()
        types = TypeSystem()
        entity_type = types.create_type(name="custom.Entity", supertypeName="uima.tcas.Annotation")
        types.create_feature(domainType=entity_type, name="value", rangeType="uima.cas.String")
        types.to_xml(xmi / "TypeSystem.xml")
        for number, item in enumerate(_gold(folder)):
            cas = Cas(typesystem=types)
            cas.sofa_string = item["text"]
            cas.sofa_mime = "text/plain"
            cas.add_all(
                [entity_type(begin=start, end=end, value=label) for start, end, label in item["entities"]]
            )
            cas.to_xmi(xmi / f"{number:07}.xmi")
    spacy.blank("en")

    def run() -> None:
        nlp = spacy.blank("en")
        with (xmi / "TypeSystem.xml").open("rb") as file:
            types = load_typesystem(file)
        docbin = DocBin()
        for path in sorted(xmi.glob("*.xmi")):
            with path.open("rb") as file:
                cas = load_cas_from_xmi(file, typesystem=types)
            doc = nlp.make_doc(cas.sofa_string)
            spans = [
                doc.char_span(entity.begin, entity.end, label=entity.value)
                for entity in cas.select("custom.Entity")
            ]
            doc.ents = filter_spans([span for span in spans if span is not None])
            docbin.add(doc)
        docbin.to_disk(folder / "out" / "train.spacy")

    return run


def medspacy(folder: Path) -> Callable[[], object]:
    """The files of eHOST, read with medspacy_io."""
    import spacy
    from medspacy_io.reader import EhostDocReader
    from spacy.tokens import DocBin
    from spacy.util import filter_spans

    corpus, saved = folder / "ehost" / "corpus", folder / "ehost" / "saved"
    if not corpus.exists():
        corpus.mkdir(parents=True)
        saved.mkdir()
        for number, item in enumerate(_gold(folder)):
            name = f"{number:07}.txt"
            (corpus / name).write_text(item["text"], encoding="utf-8")
            lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<annotations textSource={quoteattr(name)}>"]
            for index, (start, end, label) in enumerate(item["entities"]):
                lines += [
                    f'<annotation><mention id="I{index}"/><annotator id="A">ada</annotator>'
                    f'<span start="{start}" end="{end}"/>',
                    f"<spannedText>{item['text'][start:end]}</spannedText><creationDate>now</creationDate></annotation>",
                    f'<classMention id="I{index}"><mentionClass id={quoteattr(label)}>x</mentionClass>'
                    "</classMention>",
                ]
            (saved / f"{name}.knowtator.xml").write_text(
                "\n".join([*lines, "</annotations>"]), encoding="utf-8"
            )
    spacy.blank("en")

    def run() -> None:
        reader = EhostDocReader(nlp=spacy.blank("en"), support_overlap=True)
        docbin = DocBin()
        for path in sorted(corpus.glob("*.txt")):
            try:
                doc = reader.read(path)
            except IndexError:  # where an entity stands at the end of the text
                continue
            doc.ents = filter_spans([span for spans in doc._.concepts.values() for span in spans])
            docbin.add(doc)
        docbin.to_disk(folder / "out" / "train.spacy")

    return run


CONTENDERS: dict[str, Contender] = {
    "stock floor: DocBin()": floor,
    "stock floor: DocBin(store_user_data=True)": floor_with_user_data,
    "spacy-tagtog": ours,
    "spacy-tagtog, two processes": ours_2,
    "DocBin.get_docs": get_docs,
    "spacy-tagtog, back": back,
    "BeautifulSoup + char_span": soup,
    "Label Studio: CoNLL + spacy convert": label_studio,
    "dkpro-cassis: XMI": cassis,
    "medspacy_io: eHOST": medspacy,
}
OTHERS = {
    "BeautifulSoup + char_span": "beautifulsoup4",
    "Label Studio: CoNLL + spacy convert": "label-studio-sdk",
    "dkpro-cassis: XMI": "dkpro-cassis",
    "medspacy_io: eHOST": "medspacy_io",
}
BACK = ("DocBin.get_docs", "spacy-tagtog, back")


def _gold(folder: Path) -> list[dict[str, Any]]:
    gold: list[dict[str, Any]] = json.loads((folder / "gold.json").read_text(encoding="utf-8"))
    return gold


def prepare(folder: Path, number: int, *, nested: float) -> None:
    """Write a project, and what must come out of it."""
    from spacy_tagtog.anndoc import Project

    make_project(folder / "project", number, nested=nested)
    gold = []
    for document in Project.open(folder / "project"):
        starts, position = {}, 0
        for part in document:
            starts[part.id] = position
            position += len(part) + 2
        entities = [
            (
                starts[entity.part] + fragment.start,
                starts[entity.part] + fragment.start + len(fragment.text),
                LABELS[entity.class_id],
            )
            for entity in document.annotations
            for fragment in entity.fragments
        ]
        gold.append({"text": document.text, "entities": entities})
    (folder / "gold.json").write_text(json.dumps(gold), encoding="utf-8")


def survivors(folder: Path) -> tuple[float, float, float]:
    """Shares of what is in the .spacy files: entities in ``doc.ents``, in any span group, whole texts.

    An entity survives if one with its label and its characters, white space aside, is there. This forgives
    those who change the text.
    """
    import spacy
    from spacy.tokens import DocBin

    vocab = spacy.blank("xx").vocab
    gold = _gold(folder)
    wanted = Counter(
        _key(item["text"][start:end], label) for item in gold for start, end, label in item["entities"]
    )
    in_ents: Counter[tuple[str, str]] = Counter()
    anywhere: Counter[tuple[str, str]] = Counter()
    texts = set()
    for path in sorted((folder / "out").rglob("*.spacy")):
        for doc in DocBin().from_disk(path).get_docs(vocab):
            texts.add(doc.text)
            ents = Counter(_key(ent.text, ent.label_) for ent in doc.ents)
            in_ents += ents
            anywhere += (
                Counter(_key(span.text, span.label_) for span in doc.spans["anndoc"])
                if "anndoc" in doc.spans
                else ents
            )
    total = sum(wanted.values())
    return (
        sum((wanted & in_ents).values()) / total,
        sum((wanted & anywhere).values()) / total,
        sum(item["text"] in texts for item in gold) / len(gold),
    )


def _key(text: str, label: str) -> tuple[str, str]:
    return "".join(text.split()), label


def run_one(name: str, folder: Path) -> dict[str, Any]:
    """Run one contender, in this process."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    (folder / "out").mkdir()
    run = CONTENDERS[name](folder)
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    result: dict[str, Any] = {
        "wall": wall,
        "cpu": cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if name not in BACK and "floor" not in name:
        result["survivors"] = survivors(folder)
    return result


def _child(python: str, *arguments: str) -> dict[str, Any] | None:
    done = subprocess.run([python, __file__, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  {arguments} failed: {(done.stderr.strip() or '?').splitlines()[-1]}", file=sys.stderr)
        return None
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _versions(python: str) -> dict[str, str]:
    return _child(python, "versions") or {}


def own_versions() -> dict[str, str]:
    """Versions of what takes part, in this environment."""
    found = {"python": platform.python_version()}
    for package in ("spacy", "spacy-tagtog", *OTHERS.values()):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def speed(number: int, rounds: int, peers: str | None, nested: float) -> None:
    """Print a table of all contenders."""
    installed = _versions(peers) if peers else {}
    names = []
    for name in CONTENDERS:
        if name in OTHERS and OTHERS[name] not in installed:
            print(
                f"{name}: left out, {OTHERS[name]} is not installed"
                + ("" if peers else " (--peers names no environment)")
            )
        else:
            names.append(name)
    print(
        f"versions: {own_versions()}; others: {installed}; "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"{number} documents of {CHARACTERS} characters, {ENTITIES} entities each, "
        f"{nested:.0%} of them nested; {rounds} rounds, medians"
    )
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder, number, nested=nested)
        for _ in range(rounds):
            for name in list(results):
                result = _child(
                    peers if name in OTHERS and peers else sys.executable, "one", name, str(folder)
                )
                if result is None:
                    del results[name]
                else:
                    results[name].append(result)
    base = results["stock floor: DocBin()"]
    print(
        "| | documents/s | × the floor | × the floor, CPU time | entities in doc.ents | entities kept "
        "| texts kept |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, measured in results.items():
        against = results["DocBin.get_docs"] if name in BACK else base
        ratio = statistics.median(
            one["wall"] / other["wall"] for one, other in zip(against, measured, strict=True)
        )
        cpu = statistics.median(
            one["cpu"] / other["cpu"] for one, other in zip(against, measured, strict=True)
        )
        kept = (
            [f"{share:.2%}" for share in measured[0]["survivors"]]
            if "survivors" in measured[0]
            else ["", "", ""]
        )
        shown = [
            f"{number / statistics.median(one['wall'] for one in measured):.0f}",
            f"{ratio:.2f}",
            "" if "two" in name else f"{cpu:.2f}",
            *kept,
        ]
        print(f"| {name} | {' | '.join(shown)} |")
    pairs = zip(results["spacy-tagtog"], results["spacy-tagtog, two processes"], strict=True)
    print(
        f"two processes / one: {statistics.median(one['wall'] / two['wall'] for one, two in pairs):.2f}; "
        f"load now {os.getloadavg()[0]:.1f}"
    )


def curve(sizes: list[int], n_process: int) -> None:
    """Print time and peak memory for growing projects."""
    print(
        f"versions: {own_versions()}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"{n_process} processes"
    )
    print("| documents | seconds | documents/s | peak memory, MB |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        for size in sizes:
            folder = Path(temporary, str(size))
            make_project(folder / "project", size)
            result = _child(sys.executable, "size", str(folder), str(n_process))
            if result is not None:
                print(
                    f"| {size:,} | {result['wall']:.1f} "
                    f"| {size / result['wall']:.0f} | {result['peak']:.0f} |",
                    flush=True,
                )
            shutil.rmtree(folder)


def run_size(folder: Path, n_process: int) -> dict[str, Any]:
    """Convert one project of the curve, in this process and those that it starts."""
    wall = time.perf_counter()
    ours(folder, n_process=n_process)()
    wall = time.perf_counter() - wall
    # Of those that it starts only the largest is known.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if n_process > 1:
        peak += n_process * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {"wall": wall, "peak": peak / 1024}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("speed", help="documents per second, and what survives")
    command.add_argument("--documents", type=int, default=2000)
    command.add_argument("--rounds", type=int, default=5)
    command.add_argument("--peers", help="the Python of an environment with the other tools")
    command.add_argument(
        "--nested", type=float, default=0.0, help="the share of entities that stand within another"
    )
    command = commands.add_parser("curve", help="time and memory of growing projects")
    command.add_argument("--sizes", default="1000,10000,100000")
    command.add_argument("--n-process", type=int, default=1)
    # What the runs call in processes of their own.
    command = commands.add_parser("one")
    command.add_argument("name", choices=CONTENDERS)
    command.add_argument("folder", type=Path)
    command = commands.add_parser("size")
    command.add_argument("folder", type=Path)
    command.add_argument("n_process", type=int)
    commands.add_parser("versions")
    arguments = parser.parse_args()
    if arguments.command == "speed":
        speed(arguments.documents, arguments.rounds, arguments.peers, arguments.nested)
    elif arguments.command == "curve":
        curve([int(size) for size in arguments.sizes.split(",")], arguments.n_process)
    elif arguments.command == "one":
        print(json.dumps(run_one(arguments.name, arguments.folder)))
    elif arguments.command == "size":
        print(json.dumps(run_size(arguments.folder, arguments.n_process)))
    else:
        print(json.dumps(own_versions()))


if __name__ == "__main__":
    main()
