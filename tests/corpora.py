"""Real corpora, for the tests that need some.

A folder that the environment variable SPACY_TAGTOG_CORPORA names.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CORPORA = Path(os.environ.get("SPACY_TAGTOG_CORPORA") or "no-corpora")
needs_corpora = pytest.mark.skipif(
    not CORPORA.is_dir(), reason="needs real corpora: set SPACY_TAGTOG_CORPORA to a folder of tagtog projects"
)
