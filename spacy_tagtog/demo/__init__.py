"""The demo corpus: notes of amateur astronomers, written for this package.

It has entities, relations and a document label. The texts are kept as people write and review them, with the
annotations inline (``[M13](Celestial_Object)``). They become tagtog documents when they are read:

    === NAME | annotated | seeing=good      a document, confirmed; "new" ones are not annotated
    # A title                               part s1h1
    A paragraph with [M13](Celestial_Object#a) in the [8-inch Dobsonian](Instrument#b).
    > observed_with a b                     a relation between two keys

A document of one paragraph is one verbatim part (s1v1), any other has one part per paragraph (s1p1…).
``guidelines.md`` says what is annotated. The relations are a sample: a text without one may still describe an
observation.
"""

from spacy_tagtog.demo.corpus import DEMO_LEGEND, DEMO_PROJECT, demo_documents

__all__ = ["DEMO_LEGEND", "DEMO_PROJECT", "demo_documents"]
