"""Calls that read one document: content, annotations, original, and views of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from spacy_tagtog.anndoc import MASTER, Annotations, Document, PlainHtml
from spacy_tagtog.anndoc.plain_html import is_document_id
from spacy_tagtog.client._answer import Answer
from spacy_tagtog.client._calls import DOCUMENTS, read_annotations, read_text
from spacy_tagtog.client._settings import SettingsCalls
from spacy_tagtog.errors import ConfigurationError, NotFoundError, PlainHtmlError

_T = TypeVar("_T")


class ReadingCalls(SettingsCalls):
    """One document."""

    def _get(
        self,
        doc_id: str,
        output: str,
        suffix: str | None,
        read: Callable[[Answer], _T],
        *,
        member: str = MASTER,
    ) -> _T:
        if not doc_id:
            raise ConfigurationError(
                "nothing says which document to read", value=doc_id, legal="a document id"
            )

        def checked(answer: Answer) -> _T:
            if suffix is not None:
                answer.check_name(doc_id, suffix)
            return read(answer)

        params = {"idType": "tagtogID", "ids": doc_id, "output": output, "member": member}
        return self._http.call(
            "GET",
            DOCUMENTS,
            params,
            read=checked,
            place=f"{self._http.place('GET', DOCUMENTS)}, document {doc_id}",
        )

    def plain_html(self, doc_id: str) -> bytes:
        """The content of a document.

        Raises:
            NotFoundError: The project has no such document.
            UnexpectedAnswerError: The answer isn't this document's plain.html.
            ClientError: The call failed otherwise.
        """
        return self._content(doc_id).data

    def _content(self, doc_id: str) -> PlainHtml:
        def read(answer: Answer) -> PlainHtml:
            answer.check_html()
            html = PlainHtml(answer.content, place=answer.place)
            try:
                parts = html.parts
            except PlainHtmlError as error:
                raise answer.unexpected(error.problem, value=error.value, legal=error.legal) from error
            if not parts:
                # A login page is HTML too, but it has no parts to annotate unless by chance.
                raise answer.unexpected(
                    "tagtog's answer is HTML without any part", value=html.id, legal="a plain.html"
                )
            self._check_id(answer, doc_id, html.id)
            return html

        return self._get(doc_id, "plain.html", ".plain.html", read)

    def _check_id(self, answer: Answer, doc_id: str, claimed: str | None) -> None:
        """Make sure that a content isn't another document's, as far as its ``<html id>`` says.

        A document that was uploaded under another name keeps the id that its content had before. So where the
        answer's file name is right, the content is another document's only if the project has that one, too.

        Raises:
            UnexpectedAnswerError: It is another one's.
        """
        if claimed is None or claimed == doc_id or not is_document_id(claimed):
            return
        if answer.filename is None or self.exists(claimed):
            raise answer.unexpected(
                "tagtog answered with another document",
                value=claimed,
                legal=f"<html id> {doc_id}",
                advice="try again; if a proxy stands in between, ask who runs it",
            )

    def annotations(self, doc_id: str, *, member: str = MASTER) -> Annotations:
        """One version of a document's annotations.

        For a member without their own version, tagtog answers with the version that they would start from.

        Args:
            doc_id: The document's id.
            member: ``master``, or a member's name.

        Raises:
            NotFoundError: The project has no such document.
            UnexpectedAnswerError: The answer isn't this document's ann.json.
            ClientError: The call failed otherwise.
        """
        return self._version(doc_id, member)[0]

    def own_annotations(self, doc_id: str, *, member: str = MASTER) -> Annotations | None:
        """One version of a document's annotations, or ``None`` if the member has no version of their own.

        Raises:
            NotFoundError: The project has no such document.
            UnexpectedAnswerError: The answer isn't this document's ann.json.
            ClientError: The call failed otherwise.
        """
        annotations, own = self._version(doc_id, member)
        return annotations if own else None

    def _version(self, doc_id: str, member: str) -> tuple[Annotations, bool]:
        """A version, and whether it is the member's own. An HTTP header ``Warning`` says that it isn't."""
        return self._get(
            doc_id,
            "ann.json",
            ".ann.json",
            lambda answer: (read_annotations(answer), "Warning" not in answer.headers),
            member=member,
        )

    def document(self, doc_id: str, *, members: Sequence[str] = (MASTER,), folder: str = "pool") -> Document:
        """A document with its content and versions.

        Args:
            doc_id: The document's id.
            members: The versions wanted. As in tagtog's own downloads, members without their own version are
                left out.
            folder: The folder that the document is in. This call can't find it out; a search can.

        Raises:
            NotFoundError: The project has no such document.
            ClientError: A call failed, or an answer isn't what was asked for.
        """
        legend = self._legend if self._legend is not None else self.legend()
        html = self._content(doc_id)
        versions = {}
        for member in members:
            annotations, own = self._version(doc_id, member)
            if own or member == MASTER:
                versions[member] = annotations
        return Document(doc_id, html, versions, folder=folder, legend=legend)

    def files(self, doc_id: str, *, members: Sequence[str] = (MASTER,)) -> tuple[bytes, dict[str, bytes]]:
        """A document's files as tagtog sends them, whether they can be read or not.

        Use it to examine documents that are broken.

        Args:
            doc_id: The document's id.
            members: The versions wanted. Members without their own version are left out.

        Returns:
            The plain.html, and the ann.json of each member.

        Raises:
            NotFoundError: The project has no such document.
            UnexpectedAnswerError: An answer is a file of another document, or no file at all.
            ClientError: A call failed.
        """

        def read(answer: Answer) -> bytes:
            answer.check_html()
            with suppress(PlainHtmlError):  # what can't be read says nothing of its id
                self._check_id(answer, doc_id, PlainHtml(answer.content).id)
            return answer.content

        def own(answer: Answer) -> tuple[bytes, bool]:
            return answer.content, "Warning" not in answer.headers

        html = self._get(doc_id, "plain.html", ".plain.html", read)
        versions = {
            member: self._get(doc_id, "ann.json", ".ann.json", own, member=member) for member in members
        }
        return html, {
            member: content for member, (content, is_own) in versions.items() if is_own or member == MASTER
        }

    def exists(self, doc_id: str) -> bool:
        """Whether the project has a document.

        Raises:
            NotFoundError: There is no such project.
            ClientError: The call failed.
        """
        try:
            self.web_url(doc_id)
        except NotFoundError:
            # This call fails if it is the project that isn't there.
            self.legend()
            return False
        return True

    def original(self, doc_id: str) -> bytes:
        """The file as it was uploaded.

        Raises:
            NotFoundError: The project has no such document.
            ClientError: The call failed.
        """
        return self._get(doc_id, "orig", None, lambda answer: answer.content)

    def text(self, doc_id: str) -> str:
        """The text of a document. An empty line separates its parts.

        Raises:
            NotFoundError: The project has no such document.
            ClientError: The call failed, or the answer isn't text in UTF-8.
        """
        return self._get(doc_id, "text", None, read_text)

    def web_url(self, doc_id: str, *, member: str = MASTER) -> str:
        """The address of a document's page in tagtog's editor.

        Raises:
            NotFoundError: The project has no such document.
            ClientError: The call failed, or the answer isn't an address.
        """

        def read(answer: Answer) -> str:
            url = read_text(answer).strip()
            if not url.startswith(("http://", "https://")) or any(character.isspace() for character in url):
                raise answer.unexpected("tagtog's answer isn't an address", value=url[:80], legal="https://…")
            return url

        return self._get(doc_id, "weburl", None, read, member=member)

    def page(self, doc_id: str, *, member: str = MASTER) -> str:
        """A document as a web page with its annotations (``output=visualize``), to show in a notebook.

        Raises:
            NotFoundError: The project has no such document.
            ClientError: The call failed, or the answer isn't a page.
        """

        def read(answer: Answer) -> str:
            answer.check_html()
            return read_text(answer)

        return self._get(doc_id, "visualize", None, read, member=member)

    def entities_tsv(
        self, doc_id: str, *, member: str = MASTER, only_entities: bool = False
    ) -> list[tuple[str, str]]:
        """A document as tagtog's table of entities.

        Args:
            doc_id: The document's id.
            member: ``master``, or a member's name.
            only_entities: Only entities, overlapping ones too (``entitiesonlyclassestsv``). Otherwise the
                whole text, in which the first of overlapping entities wins.

        Returns:
            Pairs of text and entity type, or ``O``. An empty text separates the parts.

        Raises:
            NotFoundError: The project has no such document.
            ClientError: The call failed, or the answer isn't such a table.
        """

        def read(answer: Answer) -> list[tuple[str, str]]:
            rows = []
            for line in read_text(answer).split("\n"):
                piece, tab, name = line.rpartition("\t")
                if line and not tab:
                    raise answer.unexpected(
                        "tagtog's answer isn't a table of entities",
                        value=line[:80],
                        legal="text, tabulator, entity type",
                    )
                rows.append((piece, name))
            while rows and rows[-1] == ("", ""):
                rows.pop()
            return rows

        return self._get(
            doc_id, "entitiesonlyclassestsv" if only_entities else "entitiestsv", None, read, member=member
        )
