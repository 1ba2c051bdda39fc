"""Fingerprints: which texts and which contents are the same, without keeping them."""

from __future__ import annotations

import hashlib

from spacy_tagtog.anndoc.document import Document
from spacy_tagtog.anndoc.plain_html import PlainHtml


def text_fingerprint(text: str) -> str:
    """The fingerprint of a text alone, such as a spaCy Doc's. It says nothing of parts.

    Args:
        text: Any text, also one with half characters.

    Returns:
        The first 16 hexadecimal digits of the SHA-256. Two different texts share them with a probability of
        2^-64.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def content_fingerprint(content: Document | PlainHtml) -> str:
    """The fingerprint of a document's content: the ids and texts of all its parts.

    The markup around the parts doesn't count: it may have been written anew.

    Args:
        content: The document, or its ``plain.html``.

    Returns:
        16 hexadecimal digits, other ones than :func:`text_fingerprint` gives for the text of the same
        document.

    Raises:
        PlainHtmlError: The content can't be read.
    """
    return text_fingerprint("\0".join(f"{part.id}\0{part.text}" for part in content.parts.values()))
