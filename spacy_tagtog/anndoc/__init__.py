"""tagtog's document format: content, annotations, legends, projects. Knows nothing of spaCy or HTTP."""

from spacy_tagtog.anndoc.ann_json import Annotations, Entity, Fragment, Relation, confidence
from spacy_tagtog.anndoc.document import MASTER, Document
from spacy_tagtog.anndoc.legend import LEGEND_NAME, Legend
from spacy_tagtog.anndoc.locate import Located, detect_unit, locate
from spacy_tagtog.anndoc.offsets import OffsetConverter, OffsetUnit
from spacy_tagtog.anndoc.plain_html import (
    Block,
    Part,
    PlainHtml,
    Section,
    document_id,
    html_from_blocks,
    html_from_sections,
    html_from_text,
    is_document_id,
)
from spacy_tagtog.anndoc.project import Project, document_paths, write_project

__all__ = [
    "LEGEND_NAME",
    "MASTER",
    "Annotations",
    "Block",
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
    "Section",
    "confidence",
    "detect_unit",
    "document_id",
    "document_paths",
    "html_from_blocks",
    "html_from_sections",
    "html_from_text",
    "is_document_id",
    "locate",
    "write_project",
]
