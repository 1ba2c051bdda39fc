"""tagtog's document format: content, annotations, legends, projects. Knows nothing of spaCy or HTTP."""

from spacy_tagtog.anndoc.ann_json import Annotations, Entity, Fragment, Relation, confidence
from spacy_tagtog.anndoc.document import MASTER, Document
from spacy_tagtog.anndoc.legend import Legend
from spacy_tagtog.anndoc.locate import Located, detect_unit, locate
from spacy_tagtog.anndoc.offsets import OffsetConverter, OffsetUnit
from spacy_tagtog.anndoc.plain_html import (
    Part,
    PlainHtml,
    document_id,
    html_from_blocks,
    html_from_text,
)
from spacy_tagtog.anndoc.project import Project
from spacy_tagtog.anndoc.project_writer import write_project

__all__ = [
    "MASTER",
    "Annotations",
    "Document",
    "Entity",
    "Fragment",
    "Legend",
    "Located",
    "OffsetConverter",
    "OffsetUnit",
    "Part",
    "PlainHtml",
    "Project",
    "Relation",
    "confidence",
    "detect_unit",
    "document_id",
    "html_from_blocks",
    "html_from_text",
    "locate",
    "write_project",
]
