"""spacy-tagtog: the glue between tagtog, where teams annotate, and spaCy, where they train."""

__version__ = "0.1.0"
