"""How far annotators agree, one version out of many, and what reviewers changed."""

from spacy_tagtog.agreement._items import DocumentVersions
from spacy_tagtog.agreement.adjudication import Conflict, LeftOut, Merged, MergeReport, Ranking, Strategy, merge, rank_members
from spacy_tagtog.agreement.measures import METRICS_OF, Agreement, AgreementMatrix, Metric, agreement_matrix, iaa

__all__ = [
    "METRICS_OF",
    "Agreement",
    "AgreementMatrix",
    "Conflict",
    "DocumentVersions",
    "LeftOut",
    "MergeReport",
    "Merged",
    "Metric",
    "Ranking",
    "Strategy",
    "agreement_matrix",
    "iaa",
    "merge",
    "rank_members",
]
