"""Files of entries of dictionaries: what can't be read is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from spacy_tagtog.anndoc.dictionary_file import read_dictionary
from spacy_tagtog.errors import DictionaryError


def test_an_entry_has_an_id_and_names(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_bytes(b"\xef\xbb\xbfID\tName\r\nQ1\tVega\tAlpha Lyrae\r\n\r\nQ2\t\xc3\xa9\r\n")
    assert list(read_dictionary(tmp_path / "x.tsv")) == [("Q1", ("Vega", "Alpha Lyrae")), ("Q2", ("é",))]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"Q2", "an id and no name"),
        (b"Q2\t\xff", "isn't UTF-8"),
        (b"Q1\tDeneb", "line 1 has the same id"),
    ],
)
def test_a_line_that_cannot_be_used_ends_the_reading(tmp_path: Path, line: bytes, problem: str) -> None:
    path = tmp_path / "x.tsv"
    path.write_bytes(b"Q1\tVega\n" + line + b"\nQ3\tAltair\n")
    read = read_dictionary(path)
    assert next(read) == ("Q1", ("Vega",))
    with pytest.raises(DictionaryError, match=problem) as caught:
        next(read)
    assert str(caught.value.place) == f"{path}, line 2"
