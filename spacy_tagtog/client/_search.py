"""Calls that find documents, count them, and delete them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from spacy_tagtog.client._answer import Answer
from spacy_tagtog.client._calls import DOCUMENTS, METRICS, Calls
from spacy_tagtog.client._http import Fields
from spacy_tagtog.client.models import ANY_OBJECT, SEARCH_ANSWER, Json, SearchHit
from spacy_tagtog.errors import ConfigurationError, NotFoundError


class SearchCalls(Calls):
    """Documents that a query finds."""

    def _search_page(self, query: str, page: int) -> Json:
        def read(answer: Answer) -> Json:
            data: Json = answer.json(SEARCH_ANSWER, "a page of search results")
            if data["pages"].get("current") not in (None, page):
                raise answer.unexpected(
                    "tagtog answered with another page", value=data["pages"]["current"], legal=str(page)
                )
            return data

        return self._http.call(
            "GET", DOCUMENTS, {"search": query, "page": page, "output": "search"}, read=read
        )

    def search(self, query: str = "*") -> Iterator[SearchHit]:
        """Find documents.

        Args:
            query: In tagtog's query language.

        Yields:
            All hits, page by page, each document once.

        Raises:
            ClientError: The call failed, or the answer isn't a page of results.
        """
        seen: set[str] = set()
        last = page = 0
        while True:
            answer = self._search_page(query, page)
            if page == 0:
                # The list may change while it is read, so the first page says how many there are at most.
                last = answer["pages"]["numPages"] - 1
            new = 0
            for raw in answer["docs"]:
                if raw["id"] not in seen:
                    seen.add(raw["id"])
                    new += 1
                    yield SearchHit.of(raw)
            if (
                not new
                or answer["pages"]["next"] <= page
                or page >= last
                or len(seen) >= answer["totalFound"]
            ):
                return
            page += 1

    def count(self, query: str = "*") -> int:
        """The number of documents that a query finds.

        Raises:
            ClientError: The call failed, or the answer isn't a page of results.
        """
        return int(self._search_page(query, 0)["totalFound"])

    def confirmed(self) -> dict[str, bool]:
        """Whether the master version of each document of the project is confirmed.

        It takes one call (``output=csv``, for which tagtog ignores queries).

        Returns:
            Document ids, with whether they are confirmed.

        Raises:
            ClientError: The call failed, or the answer isn't such a table.
        """

        def read(answer: Answer) -> dict[str, bool]:
            try:
                rows = list(
                    csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), strict=True)
                )
            except (UnicodeDecodeError, csv.Error) as error:
                raise answer.unexpected("tagtog's answer isn't a table", legal="docid,anncomplete") from error
            wrong = [
                row for row in rows[1:] if len(row) != 2 or not row[0] or row[1] not in ("true", "false")
            ]
            if rows[:1] != [["docid", "anncomplete"]] or wrong:
                raise answer.unexpected(
                    "tagtog's answer isn't a table of documents",
                    value=(wrong or rows)[:1],
                    legal="docid,anncomplete",
                )
            return {doc_id: complete == "true" for doc_id, complete in rows[1:]}

        return self._http.call("GET", DOCUMENTS, {"search": "*", "output": "csv"}, read=read)

    def search_stats(self, query: str = "*") -> dict[str, Any]:
        """Counts by annotation type over the documents that a query finds, as tagtog gives them.

        Raises:
            ClientError: The call failed, or the answer isn't a JSON object.
        """
        return self._http.call(
            "GET",
            f"{METRICS}/search_stats",
            {"search": query},
            read=lambda answer: answer.json(ANY_OBJECT, "counts"),
        )

    def delete(self, query: str) -> int:
        """Delete all documents that a query finds, confirmed ones too.

        :func:`spacy_tagtog.client.delete` keeps documents that somebody confirmed.

        Returns:
            The number of deleted documents.

        Raises:
            ConfigurationError: The query is empty.
            ClientError: The call failed, or the answer isn't a number. After a lost answer it isn't repeated.
        """
        if not query.strip():
            raise ConfigurationError(
                "nothing says which documents to delete", value=query, legal="a query; * for all documents"
            )
        return self._delete({"search": query}, safe=False)

    def delete_document(self, doc_id: str) -> int:
        """Delete one document.

        Returns:
            The number of deleted documents.

        Raises:
            ConfigurationError: The id is empty.
            NotFoundError: The project has no such document.
            ClientError: The call failed, or the answer isn't a number.
        """
        if not doc_id:
            raise ConfigurationError(
                "nothing says which document to delete", value=doc_id, legal="a document id"
            )
        try:
            return self._delete({"idType": "tagtogID", "ids": doc_id}, safe=True)
        except NotFoundError as error:
            # An earlier try, whose answer got lost, has deleted it.
            if error.uncertain:
                return 1
            raise

    def _delete(self, params: Fields, *, safe: bool) -> int:
        def read(answer: Answer) -> int:
            text = answer.content[:100].decode("utf-8", "replace").strip()
            if not (text.isascii() and text.isdigit()):
                raise answer.unexpected(
                    "tagtog's answer isn't the number of documents deleted", value=text, legal="a number"
                )
            return int(text)

        return self._http.call("DELETE", DOCUMENTS, params, read=read, safe=safe)
