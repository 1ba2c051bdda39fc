"""tagtog documents to spaCy Docs and back, character-exact, part by part."""

from spacy_tagtog.convert.converter import (
    DEFAULT_CONVERTER,
    AnndocConverter,
    Converter,
    converters,
    make_converter,
    settings_from_text,
)
from spacy_tagtog.convert.corpus import AnndocCorpus, convert_documents, read_spacy, write_docbin
from spacy_tagtog.convert.from_doc import doc_to_document, docs_to_document, new_entity
from spacy_tagtog.convert.parts import split_into_parts
from spacy_tagtog.convert.relations import DocRelation
from spacy_tagtog.convert.report import ConversionReport, ReportItem
from spacy_tagtog.convert.settings import ToDocSettings
from spacy_tagtog.convert.split import parse_split, side_of
from spacy_tagtog.convert.state import PARTS_KEY, SPANS_KEY, DocState, get_state
from spacy_tagtog.convert.to_doc import document_to_doc
from spacy_tagtog.convert.tokenizer import TokenizerRules, apply_rules, learn_tokenizer
from spacy_tagtog.convert.tokens import assemble, predicted_doc

__all__ = [
    "DEFAULT_CONVERTER",
    "PARTS_KEY",
    "SPANS_KEY",
    "AnndocConverter",
    "AnndocCorpus",
    "ConversionReport",
    "Converter",
    "DocRelation",
    "DocState",
    "ReportItem",
    "ToDocSettings",
    "TokenizerRules",
    "apply_rules",
    "assemble",
    "convert_documents",
    "converters",
    "doc_to_document",
    "docs_to_document",
    "document_to_doc",
    "get_state",
    "learn_tokenizer",
    "make_converter",
    "new_entity",
    "parse_split",
    "predicted_doc",
    "read_spacy",
    "settings_from_text",
    "side_of",
    "split_into_parts",
    "write_docbin",
]
