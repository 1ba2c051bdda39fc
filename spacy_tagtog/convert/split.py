"""Which document goes to which side of the data.

A stable hash of its id decides, so that no document ever changes sides as the corpus grows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from spacy_tagtog.errors import ArgumentError

TRAIN = "train"
"""The side that takes what no other side takes."""


def parse_split(text: str) -> dict[str, float]:
    """Read shares such as ``dev=0.2`` or ``dev=0.1,test=0.2``.

    Returns:
        Name to share; ``train`` takes the rest and is not in it.

    Raises:
        ConfigurationError: It can't be read, a name comes twice, or nothing would be left for training.
    """
    shares: dict[str, float] = {}
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, number = piece.partition("=")
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        if not equals or not name.isidentifier() or name in shares or name == TRAIN or not 0 < share < 1:
            raise ArgumentError(
                "a share of the split can't be read",
                value=piece,
                legal="NAME=SHARE with a share between 0 and 1, each name once; train takes the rest",
            )
        shares[name] = share
    if sum(shares.values()) > 1 - 1e-9:  # 0.7 + 0.2 + 0.1 is a little less than 1
        raise ArgumentError(
            "the shares of the split leave nothing for training",
            value=text,
            legal="shares that add up to less than 1",
        )
    return shares


def side_of(doc_id: str, shares: Mapping[str, float]) -> str:
    """The side of a document.

    The SHA-256 hash of the id gives a number in [0, 1); the shares take their stretches of that interval in
    the order given, ``train`` the rest.
    """
    if not shares:
        return TRAIN
    number = (
        int.from_bytes(hashlib.sha256(doc_id.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64
    )
    reached = 0.0
    for name, share in shares.items():
        reached += share
        if number < reached:
            return name
    return TRAIN
