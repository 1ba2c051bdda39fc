"""How far annotators agree, one version out of many, and what reviewers changed."""

from spacy_tagtog.agreement._items import DocumentVersions
from spacy_tagtog.agreement.measures import METRICS_OF, Agreement, AgreementMatrix, Metric, agreement_matrix, iaa

__all__ = ["METRICS_OF", "Agreement", "AgreementMatrix", "DocumentVersions", "Metric", "agreement_matrix", "iaa"]
