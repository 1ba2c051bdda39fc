"""Fixtures of the tests of pipelines."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from spacy.language import Language


@pytest.fixture
def fresh(trained_path: Path) -> Language:
    """The trained pipeline, to be changed."""
    return spacy.load(trained_path)
