"""How far annotators agree, one version out of many, and what reviewers changed."""

from spacy_tagtog.agreement.adjudication import merge
from spacy_tagtog.agreement.changes import Changes, compare_versions
from spacy_tagtog.agreement.measures import AgreementMatrix, agreement_matrix, iaa
from spacy_tagtog.agreement.member_ranking import MemberRanking, rank_members
from spacy_tagtog.agreement.merge_report import Conflict, LeftOut, Merged, MergeReport, MergeStrategy
from spacy_tagtog.agreement.metrics import Agreement, Metric
from spacy_tagtog.agreement.side_by_side import Comparison, Difference, adjudicate, compare_sides
from spacy_tagtog.agreement.versions import DocumentVersions

__all__ = [
    "Agreement",
    "AgreementMatrix",
    "Changes",
    "Comparison",
    "Conflict",
    "Difference",
    "DocumentVersions",
    "LeftOut",
    "MemberRanking",
    "MergeReport",
    "MergeStrategy",
    "Merged",
    "Metric",
    "adjudicate",
    "agreement_matrix",
    "compare_sides",
    "compare_versions",
    "iaa",
    "merge",
    "rank_members",
]
