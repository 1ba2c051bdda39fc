"""How far annotators agree, one version out of many, and what reviewers changed."""

from spacy_tagtog.agreement.adjudication import (
    Conflict,
    LeftOut,
    Merged,
    MergeReport,
    Ranking,
    Strategy,
    merge,
    rank_members,
)
from spacy_tagtog.agreement.changes import (
    Changes,
    EntityChange,
    LabelChange,
    RelationChange,
    compare_entities,
    compare_versions,
)
from spacy_tagtog.agreement.measures import (
    METRICS_OF,
    Agreement,
    AgreementMatrix,
    Metric,
    agreement_matrix,
    iaa,
)
from spacy_tagtog.agreement.versions import DocumentVersions, confirmed_members, task_order

__all__ = [
    "METRICS_OF",
    "Agreement",
    "AgreementMatrix",
    "Changes",
    "Conflict",
    "DocumentVersions",
    "EntityChange",
    "LabelChange",
    "LeftOut",
    "MergeReport",
    "Merged",
    "Metric",
    "Ranking",
    "RelationChange",
    "Strategy",
    "agreement_matrix",
    "compare_entities",
    "compare_versions",
    "confirmed_members",
    "iaa",
    "merge",
    "rank_members",
    "task_order",
]
