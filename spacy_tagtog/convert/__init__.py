"""tagtog documents to spaCy Docs and back, character-exact, part by part."""

from spacy_tagtog.convert.converter import AnndocConverter, Converter, converters, make_converter
from spacy_tagtog.convert.corpus import AnndocCorpus, convert_documents, read_spacy, write_docbin
from spacy_tagtog.convert.from_doc import doc_to_document, docs_to_document
from spacy_tagtog.convert.parts import split_into_parts
from spacy_tagtog.convert.relations import DocRelation
from spacy_tagtog.convert.report import ConversionReport, ReportItem
from spacy_tagtog.convert.settings import ToDocSettings
from spacy_tagtog.convert.state import DocState
from spacy_tagtog.convert.to_doc import document_to_doc
from spacy_tagtog.convert.tokenizer import (
    TokenizerRules,
    apply_rules,
    gold_texts,
    learn_tokenizer,
    read_rules,
    write_rules,
)

__all__ = [
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
    "convert_documents",
    "converters",
    "doc_to_document",
    "docs_to_document",
    "document_to_doc",
    "gold_texts",
    "learn_tokenizer",
    "make_converter",
    "read_rules",
    "read_spacy",
    "split_into_parts",
    "write_docbin",
    "write_rules",
]
