"""Files of other annotation tools: read into tagtog's documents, and written from them."""

from spacy_tagtog.formats.files_of_tools import read_documents, write_documents
from spacy_tagtog.formats.record import Record
from spacy_tagtog.formats.registry import Format, formats

__all__ = ["Format", "Record", "formats", "read_documents", "write_documents"]
