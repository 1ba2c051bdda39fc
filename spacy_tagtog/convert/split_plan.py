"""A split that keeps near-duplicates together, is balanced over entity types, and is remembered.

The hash of a document's id alone (:func:`~spacy_tagtog.convert.split.side_of`) gives it a side that never
changes and needs no memory. But it may put two copies of one text on two sides, and it leaves the balance of
the entity types to chance. A plan looks at the texts and the entities, and is written to a file: documents
that are in it always keep their side, new ones join their near-duplicates or go where their types are needed
most.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spacy_tagtog._files import write_atomic
from spacy_tagtog.anndoc import Project
from spacy_tagtog.convert.converter import members_of
from spacy_tagtog.convert.split import TRAIN, side_of
from spacy_tagtog.errors import AnndocError, ConfigurationError

if TYPE_CHECKING:
    from datasketch import MinHash

_SHINGLE: Final = 5  # words
_PERMUTATIONS: Final = 128
_WORD: Final = re.compile(r"\w+")
_VERSION: Final = 1


@dataclass(frozen=True)
class SplitItem:
    """What a plan needs to know of a document.

    Attributes:
        id: Its id.
        text: Its text.
        labels: How many entities of each type it has.
    """

    id: str
    text: str
    labels: Mapping[str, int]


def _signature(text: str) -> MinHash:
    words = _WORD.findall(text.casefold())
    shingles = {
        " ".join(words[start : start + _SHINGLE]) for start in range(max(1, len(words) - _SHINGLE + 1))
    }
    from datasketch import MinHash  # it imports much of scipy

    signature = MinHash(num_perm=_PERMUTATIONS, seed=1)
    signature.update_batch([shingle.encode("utf-8", "surrogatepass") for shingle in shingles])
    return signature


def near_duplicates(items: Iterable[SplitItem], *, threshold: float = 0.7) -> list[list[str]]:
    """Group documents with nearly the same text.

    Two texts are near-duplicates if the estimated Jaccard similarity of their five-word shingles (MinHash,
    Broder 1997) reaches the threshold; groups are closed under that.

    Args:
        items: The documents.
        threshold: In (0, 1].

    Returns:
        Groups of ids, each sorted; a document without near-duplicates is a group by itself. The order is that
        of the first members.
    """
    from datasketch import MinHashLSH

    # The index only proposes pairs. For a threshold above this it could not be divided into bands.
    index = MinHashLSH(threshold=min(threshold, 0.9), num_perm=_PERMUTATIONS)
    parent: dict[str, str] = {}

    def root(doc_id: str) -> str:
        while parent[doc_id] != doc_id:
            parent[doc_id] = parent[parent[doc_id]]
            doc_id = parent[doc_id]
        return doc_id

    signatures: dict[str, MinHash] = {}
    for item in items:
        parent[item.id] = item.id
        # Texts of no words are alike in nothing.
        if not _WORD.search(item.text):
            continue
        signature = _signature(item.text)
        for other in index.query(signature):
            if signatures[other].jaccard(signature) >= threshold:
                one, two = sorted((root(item.id), root(other)))
                parent[two] = one
        signatures[item.id] = signature
        index.insert(item.id, signature)
    groups: dict[str, list[str]] = defaultdict(list)
    for doc_id in parent:
        groups[root(doc_id)].append(doc_id)
    return sorted(sorted(group) for group in groups.values())


def plan_split(
    items: Iterable[SplitItem],
    shares: Mapping[str, float],
    *,
    known: Mapping[str, str] | None = None,
    threshold: float = 0.7,
) -> dict[str, str]:
    """Decide the side of each document.

    Documents that are known keep their side. A group of near-duplicates goes where one of it is already. The
    others are placed by iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011): group by group, the
    one with the rarest entity type first, each on the side that lacks most of that type. Ties are decided by
    the number of documents, then by the hash of the id.

    Args:
        items: The documents.
        shares: Name to share for the sides beside ``train``.
        known: Sides that were decided before.
        threshold: See :func:`near_duplicates`.

    Returns:
        Id to side, for every document of ``items``.

    Raises:
        ConfigurationError: A known document is on a side that the split doesn't have.
    """
    documents = {item.id: item for item in items}
    plan = _known_sides(documents, shares, known or {})
    waiting: list[tuple[str, ...]] = []
    for group in near_duplicates(documents.values(), threshold=threshold):
        decided = {plan[doc_id] for doc_id in group if doc_id in plan}
        fresh = tuple(doc_id for doc_id in group if doc_id not in plan)
        if decided:
            # Copies that were put on two sides before can't be mended without moving one. New ones then join
            # the training side.
            plan.update(dict.fromkeys(fresh, TRAIN if len(decided) > 1 else decided.pop()))
        elif fresh:
            waiting.append(fresh)
    return plan | _stratified(waiting, documents, plan, shares)


def _known_sides(
    ids: Collection[str], shares: Mapping[str, float], known: Mapping[str, str]
) -> dict[str, str]:
    """The sides that were decided before, of those documents that are still there."""
    sides = (*shares, TRAIN)
    for doc_id, side in known.items():
        if side not in sides:
            raise ConfigurationError(
                "a document was put on a side that the split doesn't have",
                place=doc_id,
                value=side,
                legal=", ".join(sides),
                advice="name the same sides as before, or begin with a new split file",
            )
    return {doc_id: side for doc_id, side in known.items() if doc_id in ids}


def _stratified(
    groups: Iterable[tuple[str, ...]],
    documents: Mapping[str, SplitItem],
    plan: Mapping[str, str],
    shares: Mapping[str, float],
) -> dict[str, str]:
    """Place groups of documents by iterative stratification, see :func:`plan_split`.

    Args:
        groups: The documents that have no side yet.
        documents: All documents.
        plan: Those that have one.
        shares: Name to share for the sides beside ``train``.
    """

    def labels_of(group: Iterable[str]) -> Counter[str]:
        return sum((Counter(documents[doc_id].labels) for doc_id in group), Counter())

    sides = {**shares, TRAIN: 1 - sum(shares.values())}
    total = labels_of(documents)
    weights = {group: labels_of(group) for group in groups}
    have = {side: labels_of(doc_id for doc_id in plan if plan[doc_id] == side) for side in sides}
    number = Counter(plan.values())

    def rarest(group: tuple[str, ...]) -> str | None:
        return min(weights[group], key=lambda label: (total[label], label), default=None)

    def order(group: tuple[str, ...]) -> tuple[float, str]:
        label = rarest(group)
        return (total[label] if label is not None else float("inf"), group[0])

    def shortage(side: str, group: tuple[str, ...], label: str | None) -> tuple[float, float, bool]:
        """How much a side still needs, as a share of what it should have."""
        wanted = sides[side]
        of_label = 0.0 if label is None else 1 - have[side][label] / (wanted * total[label])
        return (of_label, 1 - number[side] / (wanted * len(documents)), side_of(group[0], shares) == side)

    placed: dict[str, str] = {}
    for group in sorted(weights, key=order):
        label = rarest(group)
        side = max(sides, key=lambda name: shortage(name, group, label))
        placed.update(dict.fromkeys(group, side))
        have[side] += weights[group]
        number[side] += len(group)
    return placed


def split_items(project: Project, *, member: str, confirmed_only: bool) -> Iterator[SplitItem]:
    """What a plan needs to know of a project's documents.

    Documents that can't be read are skipped; the conversion lists them.


    Args:
        project: The project.
        member: Whose annotations; several (``a,b``) or all (``*``) count together.
        confirmed_only: Leave out what the member has not confirmed.
    """
    for doc_id in project.ids:
        try:
            document = project[doc_id]
            versions = [
                document.version(name) for name in members_of(member, document) if name in document.versions
            ]
            versions = [version for version in versions if version.complete or not confirmed_only]
            if not versions:
                continue
            names = Counter(
                project.legend.get(entity.class_id, entity.class_id)
                for version in versions
                for entity in version
            )
            yield SplitItem(doc_id, document.text, names)
        except AnndocError:
            continue


def read_plan(path: Path) -> dict[str, str]:
    """Read a plan that :func:`write_plan` wrote; nothing where there is none yet.

    Raises:
        ConfigurationError: The file is something else.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        sides = data["sides"]
        if data["version"] != _VERSION or not all(isinstance(side, str) for side in sides.values()):
            raise ValueError("an unknown version, or a side that isn't text")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigurationError(
            f"this is no split file: {error}",
            place=path,
            legal='{"version": 1, "sides": {"DOCUMENT": "SIDE"}}',
            advice="give another file, or remove it",
        ) from error
    return dict(sides)


def write_plan(path: Path, plan: Mapping[str, str]) -> None:
    """Write a plan, all or nothing; sorted, so that a version control system shows what is new.

    Raises:
        WriteError: The file system refuses.
    """
    write_atomic(
        path,
        json.dumps({"version": _VERSION, "sides": dict(sorted(plan.items()))}, ensure_ascii=False, indent=1)
        + "\n",
    )
