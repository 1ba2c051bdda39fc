"""The OpenAPI description of comparing, copying and merging versions."""

from __future__ import annotations

from typing import get_args

from spacy_tagtog.agreement import MergeStrategy
from spacy_tagtog.server.api.comparable import ComparableVersions, SavedVersion
from spacy_tagtog.server.api.compare import ComparedDocuments, Comparison, Decided
from spacy_tagtog.server.api.openapi_parts import (
    ANN_JSON,
    CONDITIONS,
    DOCID,
    OBJECT,
    SAVE_TO,
    SIDE,
    SIDE_OR_NONE,
    Json,
    answer_of,
    as_json,
    one_of,
    operation_of,
    parameter,
)


def merge_call(name: str) -> Json:
    """The call that merges, which programs and pages have at different addresses."""
    strategy = parameter("strategy", "How to merge.", one_of(get_args(MergeStrategy)), required=True)
    parameters = [DOCID, strategy, SAVE_TO, *CONDITIONS]
    return {"post": operation_of(name, "One version of all confirmed ones.", parameters, as_json(ANN_JSON))}


def compare_calls() -> Json:
    """The calls of the page that compares, below ``/-local``."""
    left, right = (
        parameter(name, "master, a member, save:NUMBER of the history, or save:model.", SIDE, required=True)
        for name in ("left", "right")
    )
    pair = [
        parameter(
            name, "master, a member, or save:model; by default two that have most in common.", SIDE_OR_NONE
        )
        for name in ("left", "right")
    ]
    after = parameter("after", "The document after which the next one is looked for.")
    source = parameter("from", "What is copied: as left and right.", SIDE, required=True)
    saved = as_json(answer_of(SavedVersion))
    return {
        "versions": {
            "get": operation_of(
                "comparableVersions",
                "What of a document can be compared.",
                [DOCID],
                as_json(answer_of(ComparableVersions)),
            )
        },
        "versions/copy": {
            "post": operation_of(
                "copyAnyVersion",
                "A version or an earlier save becomes another's version, unconfirmed.",
                [DOCID, source, {**SAVE_TO, "required": True}, *CONDITIONS],
                saved,
                body=as_json(OBJECT),
            )
        },
        "versions/merge": merge_call("mergeVersions"),
        "compare": {
            "get": operation_of(
                "compareVersions",
                "Where two versions of a document differ.",
                [DOCID, left, right],
                as_json(answer_of(Comparison)),
            ),
            "put": operation_of(
                "adjudicate",
                "Save as master what a person decided about two versions.",
                [DOCID, left, right, *CONDITIONS],
                saved,
                body=as_json(answer_of(Decided)),
            ),
        },
        "compare/documents": {
            "get": operation_of(
                "differingDocuments",
                "The documents of which two versions differ.",
                [*pair, after],
                as_json(answer_of(ComparedDocuments)),
            )
        },
    }
