"""Calls that merge, copy and compare the versions of members."""

from __future__ import annotations

from spacy_tagtog._options import choose
from spacy_tagtog.agreement import MergeStrategy
from spacy_tagtog.agreement import Metric as AgreementMetric
from spacy_tagtog.anndoc import Annotations
from spacy_tagtog.client._answer import Answer
from spacy_tagtog.client._calls import METRICS, VERSIONS, Calls, read_annotations
from spacy_tagtog.client.models import IAA_ANSWER, ReportedAgreement


class VersionCalls(Calls):
    """The versions that members make of documents."""

    def merge(self, doc_id: str, strategy: MergeStrategy, *, save_to: str | None = None) -> Annotations:
        """Merge the confirmed member versions of a document into one.

        Args:
            doc_id: The document's id.
            strategy: ``union_v1``, ``intersection_v1``, ``majority_v1`` or ``best_iaa_v1``, see
                :mod:`spacy_tagtog.agreement`.
            save_to: Store the result as the version of this member, or of ``master``, replacing what is
                there. After a lost answer such a call isn't repeated.

        Returns:
            The merged annotations.

        Raises:
            ConfigurationError: There is no such strategy.
            NotFoundError: The project has no such document.
            RejectedError: No member has confirmed it.
            ClientError: The call failed otherwise.
        """
        choose("strategy", strategy, MergeStrategy)
        params = {"docid": doc_id, "strategy": strategy, **({} if save_to is None else {"saveTo": save_to})}
        return self._http.call(
            "POST", f"{VERSIONS}/merge", params, read=read_annotations, safe=save_to is None
        )

    def copy(self, doc_id: str, *, source: str, target: str) -> Annotations:
        """Copy a version of a document to another member. The copy isn't confirmed.

        Args:
            doc_id: The document's id.
            source: ``master`` or the member whose version is copied.
            target: ``master`` or the member whose version it becomes. It replaces the version they have.

        Returns:
            The target's annotations.

        Raises:
            NotFoundError: The project has no such document.
            RejectedError: The target's version is confirmed.
            ClientError: The call failed otherwise. After a lost answer it isn't repeated.
        """
        params = {"docid": doc_id, "from": source, "saveTo": target}
        return self._http.call("POST", f"{VERSIONS}/copy", params, read=read_annotations)

    def iaa(
        self, member1: str, member2: str, task: str, *, metric: AgreementMetric = "exact_v1"
    ) -> ReportedAgreement:
        """How well two members agree on an annotation task.

        Args:
            member1: ``master`` or a member.
            member2: ``master`` or a member.
            task: A class id, such as ``e_1``.
            metric: ``exact_v1``, ``overlapping_v1``, or ``documentlevel_v1`` for normalizations.

        Raises:
            ConfigurationError: There is no such metric.
            ClientError: The call failed, or the answer isn't a measure.
        """
        choose("metric", metric, AgreementMetric)
        params = {"member1": member1, "member2": member2, "anntaskId": task, "metric": metric}

        def read(answer: Answer) -> ReportedAgreement:
            data = answer.json(IAA_ANSWER, "a measure of agreement")
            f1 = data["f1"]
            if f1 is not None and not 0 <= f1 <= 1:
                raise answer.unexpected(
                    "tagtog's answer isn't a measure of agreement", value=f1, legal="f1 between 0 and 1"
                )
            return ReportedAgreement(f1, data["overNumDocs"])

        return self._http.call("GET", f"{METRICS}/iaa", params, read=read)
