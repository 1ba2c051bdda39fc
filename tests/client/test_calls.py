"""Calls for single documents, versions, settings, members and metrics; uploading and deleting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import spacy
from fault_server import FaultServer, answer, imported, page
from spacy.language import Language
from verbatim import LEGEND, connect, new_project, numbered, put

from spacy_tagtog.client import DeleteReport, ReportedAgreement, TagtogClient, UploadReport, delete, upload
from spacy_tagtog.errors import (
    ClientError,
    ConfigurationError,
    NotFoundError,
    ProjectError,
    RejectedError,
    UnexpectedAnswerError,
)
from spacy_tagtog.server import LocalTagtog, add_user, local_tagtog, settings_from_legend
from spacy_tagtog.steps.connection import Connection
from spacy_tagtog.steps.upload import pre_annotate


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTagtog]:
    with local_tagtog(tmp_path_factory.mktemp("server") / "tagtog.db") as running:
        for name in ("ann", "bob"):
            running.database.write(add_user, name, "password")
        yield running


@pytest.fixture
def client(server: LocalTagtog) -> Iterator[TagtogClient]:
    project = new_project(server, owner="local", folders=["pool/train"])
    with connect(server, project, owner="local", threads=2) as made:
        yield made


# ---------------------------------------------------------------- one document, in every form


def test_a_document_in_every_form(client: TagtogClient, server: LocalTagtog) -> None:
    doc = numbered()
    put(client, doc)
    assert client.text(doc.id) == "Ann 1 🦊 lives here."
    assert client.web_url(doc.id).startswith(server.url)
    assert "lives here" in client.page(doc.id)
    assert ("Ann", "Person") in client.entities_tsv(doc.id)
    assert [row for row in client.entities_tsv(doc.id, only_entities=True) if row != ("", "")] == [
        ("Ann", "Person")
    ]
    put(client, numbered(2, complete=False))
    assert client.confirmed() == {doc.id: True, numbered(2).id: False}
    assert (client.exists(doc.id), client.exists(f"{doc.id}x")) == (True, False)
    for call in (client.text, client.web_url, client.page, client.entities_tsv, client.original):
        with pytest.raises(NotFoundError):
            call(f"{doc.id}x")
        with pytest.raises(ConfigurationError):
            call("")


def test_pairs_with_an_original_and_imports_from_elsewhere(client: TagtogClient, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("Ann 1 met Bob.")
    (tmp_path / "note.ann.json").write_text(numbered().annotations.dumps())
    (item,) = client.upload_files(
        [tmp_path / "note.txt", tmp_path / "note.ann.json"],
        text_format="default-plus-annjson",
        distribute_to="",
    )
    assert [entity.class_id for entity in client.annotations(item.doc_id).entities] == ["e_1"]
    for odd in ([tmp_path / "note.txt"], [tmp_path / "note.ann.json"]):
        with pytest.raises(ConfigurationError, match="partner"):
            client.upload_files(odd, text_format="verbatim-plus-annjson")
    with pytest.raises(RejectedError, match="not available offline") as caught:
        client.upload_url("https://example.org/x")
    assert caught.value.status == 501
    assert str(caught.value.advice).startswith("give what is legal; tagtog may have done it anyway")
    with pytest.raises(RejectedError, match="not available offline"):
        client.upload_ids(["23596191"])
    for ids in ([], [""], ["1,2"]):
        with pytest.raises(ConfigurationError):
            client.upload_ids(ids)


# ---------------------------------------------------------------- members, versions, metrics


def test_members_and_their_tasks(client: TagtogClient) -> None:
    client.add_member("ann", "reviewer")
    client.add_member("bob", "reader")
    client.set_role("bob", "curator")
    assert {(member.name, member.role, member.pending) for member in client.members()} >= {
        ("ann", "reviewer", False),
        ("bob", "curator", False),
    }
    with pytest.raises(RejectedError, match="a member already") as caught:
        client.add_member("bob", "reader")
    assert caught.value.status == 409
    client.set_task_distribution(2, ["ann", "bob"])
    assert client.settings()["taskDistributionNumber"] == 2
    client.upload_text("For both.", filename="both.txt")
    client.upload_text("For nobody.", filename="nobody.txt", distribute_to="")
    client.upload_text("For Ann.", filename="ann.txt", distribute_to="ann")
    assert {hit.filename: hit.members_assigned for hit in client.search()} == {
        "both.txt": ("ann", "bob"),
        "nobody.txt": (),
        "ann.txt": ("ann",),
    }
    client.remove_member("bob")
    with pytest.raises(NotFoundError):
        client.remove_member("bob")
    calls: list[Callable[[], None]] = [
        lambda: client.add_member(" ", "reader"),
        lambda: client.set_role("ann", "king"),  # type: ignore[arg-type]
        lambda: client.set_task_distribution(3, ["ann"]),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError):
            call()


def test_versions_and_agreement(client: TagtogClient) -> None:
    for name in ("ann", "bob"):
        client.add_member(name, "reviewer")
    put(client, numbered(1, complete=False))
    with pytest.raises(RejectedError):
        client.merge(numbered().id, "union_v1")
    put(client, numbered(1, member="ann"), member="ann")
    put(client, numbered(1, class_id="e_2", member="bob"), member="bob")
    merged = client.merge(numbered().id, "union_v1")
    assert sorted((entity.class_id, entity.prob) for entity in merged.entities) == [
        ("e_1", 0.5),
        ("e_2", 0.5),
    ]
    assert len(client.annotations(numbered().id)) == 1
    client.merge(numbered().id, "majority_v1", save_to="master")
    assert len(client.annotations(numbered().id)) == 0
    copied = client.copy(numbered().id, source="ann", target="master")
    assert (len(copied), copied.complete) == (1, False)
    with pytest.raises(RejectedError, match="confirmed"):
        client.copy(numbered().id, source="master", target="bob")
    assert (
        client.iaa("ann", "bob", "e_1", metric="overlapping_v1")
        == client.iaa("ann", "bob", "e_1")
        == ReportedAgreement(0.0, 1)
    )
    assert "e_1" in str(client.search_stats("*"))
    for call in (lambda: client.merge("x", "all_v1"), lambda: client.iaa("a", "b", "e_1", metric="exact")):  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError):
            call()


# ---------------------------------------------------------------- folders, settings


def test_folders_are_renamed_and_removed_but_not_with_documents(client: TagtogClient) -> None:
    put(client, numbered(folder="pool/train"))
    client.rename_folder("pool/train", "dev")
    assert [hit.folder for hit in client.search()] == ["pool/dev"]
    with pytest.raises(ConfigurationError, match="remove its documents") as caught:
        client.remove_folder("pool/dev")
    assert "1 document" in str(caught.value)
    client.remove_folder("pool/dev", force=True)
    assert (client.folders(), client.count()) == (["pool"], 0)
    calls: list[Callable[[], None]] = [
        lambda: client.remove_folder("pool"),
        lambda: client.rename_folder("pool", "x"),
        lambda: client.rename_folder("pool/a", "b/c"),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError):
            call()


def test_settings_are_imported_into_empty_projects_only(client: TagtogClient) -> None:
    settings = client.settings()
    put(client, numbered())
    with pytest.raises(ConfigurationError, match="remove the project's documents"):
        client.import_settings(settings)
    assert client.count() == 1
    assert client.import_settings(settings, force=True)["e_1"] == "e_1"
    assert (client.count(), client.legend()) == (0, LEGEND)


@pytest.mark.usefixtures("waits")
def test_lost_answers_of_settings_are_looked_for(fault: FaultServer) -> None:
    """What the answer didn't say, the project says: nothing is done twice, and nothing is left undone."""

    def folders(*names: str) -> Callable[[BaseHTTPRequestHandler], None]:
        children = {
            name: {"name": name, "index": number, "children": {}} for number, name in enumerate(names, 1)
        }
        return answer({"folders": {"pool": {"name": "pool", "index": 0, "children": children}}})

    members = {"members": [{"username": "bob", "role": {"name": "reader"}}]}
    with fault.client() as client:
        cases: list[tuple[list[Any], Callable[[], None], str]] = [
            (
                [folders(), answer("x", 500), folders("a")],
                lambda: client.add_folder("pool/a"),
                "GET POST GET",
            ),
            (
                [folders(), answer("x", 500), folders(), answer({})],
                lambda: client.add_folder("pool/a"),
                "GET POST GET POST",
            ),
            ([answer("x", 502), folders("b")], lambda: client.rename_folder("pool/a", "b"), "POST GET"),
            (
                [answer("x", 502), folders("a"), answer({})],
                lambda: client.rename_folder("pool/a", "b"),
                "POST GET POST",
            ),
            ([answer("x", 504), folders()], lambda: client.remove_folder("pool/a", force=True), "POST GET"),
            ([answer("x", 500), answer(members)], lambda: client.add_member("bob", "reader"), "POST GET"),
            ([answer("x", 500), answer("gone", 404)], lambda: client.remove_member("bob"), "DELETE DELETE"),
            ([answer("x", 500), answer({})], lambda: client.set_role("bob", "reader"), "PUT PUT"),
        ]
        for answers, call, methods in cases:
            fault.requests.clear()
            fault.answers = answers
            call()
            assert [request.method for request in fault.requests] == methods.split()
        fault.requests.clear()
        fault.answers = [answer("x", 500)]
        with pytest.raises(RejectedError) as caught:
            client.merge("aDoc", "union_v1", save_to="master")
        assert (len(fault.requests), caught.value.uncertain) == (1, True)


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (lambda client: client.members(), {"members": [{"role": {"name": "admin"}}]}),
        (lambda client: client.members(), {"members": "all"}),
        (lambda client: client.iaa("a", "b", "e_1"), {"f1": 7, "overNumDocs": 1}),
        (lambda client: client.iaa("a", "b", "e_1"), {"f1": 0.5}),
        (lambda client: client.search_stats(), "[]"),
        (lambda client: client.confirmed(), "docid,anncomplete\na,perhaps\n"),
        (lambda client: client.confirmed(), "<html>"),
        (lambda client: client.web_url("aDoc"), "nowhere"),
        (lambda client: client.text("aDoc"), b"\xff"),
        (lambda client: client.page("aDoc"), "plain"),
        (lambda client: client.entities_tsv("aDoc"), "no table"),
        (lambda client: client.merge("aDoc", "union_v1"), "[]"),
        (lambda client: client.import_settings({}, force=True), {}),
        (lambda client: client.count(), {**page([]), "pages": {"current": 3, "next": -1, "numPages": 1}}),
    ],
)
@pytest.mark.usefixtures("waits")
def test_answers_of_another_shape(fault: FaultServer, call: Callable[[TagtogClient], Any], body: Any) -> None:
    fault.answers = [answer(body)]
    with fault.client() as client, pytest.raises(UnexpectedAnswerError):
        call(client)


# ---------------------------------------------------------------- uploading and deleting


def test_a_file_at_which_tagtog_fails_does_not_stop_the_others(fault: FaultServer, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("odd.html", "fine.txt")]
    for path in paths:
        path.write_text("text")

    def respond(handler: BaseHTTPRequestHandler) -> None:
        sent = fault.requests[-1]
        if sent.path.endswith("/folders/add") or "export" in sent.path:
            return answer(settings_from_legend(LEGEND))(handler)
        if sent.method == "GET":
            return answer(page([]))(handler)
        if b"odd.html" in sent.body:
            return answer("the server failed", 500)(handler)
        item = {"docid": "d", "tagtogID": "d", "result": "created", "origid": "x", "names": ["fine.txt"]}
        return answer(imported(item))(handler)

    fault.answers = [respond]
    with fault.client(threads=1) as client:
        report = upload(client, paths)
    assert (report.refused, report.created) == ([(paths[0], "the server failed")], [(paths[1], "d")])


def test_files_are_uploaded_once(client: TagtogClient, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.txt", "b ü.md", "sub/a.txt")]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"Text {number}")
    planned = upload(client, paths, folder="pool/new", dry_run=True)
    assert (
        [path for path, _ in planned.created],
        planned.ids,
        client.count(),
        "pool/new" in client.folders(),
    ) == (paths, [], 0, False)
    (tmp_path / "broken.txt").write_bytes(b"\xff\xfe\xfa")
    report = upload(client, [*paths, tmp_path / "broken.txt"], folder="pool/new")
    assert [path for path, _ in report.created] == paths
    assert report.refused[0][0] == tmp_path / "broken.txt"
    assert {(hit.filename, hit.folder) for hit in client.search()} == {
        ("a.txt", "pool/new"),
        ("b ü.md", "pool/new"),
    }
    assert client.count() == 3
    again = upload(client, paths)
    assert (again.created, [path for path, _ in again.present], again.ids) == ([], paths, report.ids)
    with pytest.raises(ProjectError):
        upload(client, [*paths, tmp_path / "missing.txt"])
    with pytest.raises(ConfigurationError, match="twice"):
        upload(client, [paths[0], tmp_path / "sub" / ".." / "a.txt"])
    assert upload(client, []) == UploadReport()


@pytest.mark.usefixtures("waits")
def test_an_upload_whose_answer_gets_lost_is_looked_for(fault: FaultServer, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Text")
    found = page(["aDoc"])
    found["docs"][0]["filename"] = "a.txt"
    settings = answer({"folders": {"pool": {"name": "pool", "index": 0, "children": {}}}})
    with fault.client(threads=1) as client:
        fault.answers = [settings, answer(page([])), answer("x", 502), answer(found), answer("Text")]
        assert upload(client, [path]).created == [(path, "aDoc")]
        assert [request.method for request in fault.requests].count("POST") == 1
        fault.answers = [
            settings,
            answer(page([])),
            answer("x", 502),
            answer(page([])),
            answer(imported({"docid": "aNew", "result": "created"})),
        ]
        assert upload(client, [path]).created == [(path, "aNew")]
        fault.answers = [settings, answer(page([])), answer("no", 403)]
        with pytest.raises(ClientError):
            upload(client, [path])


def test_new_documents_are_annotated_as_tagtog_read_them(
    client: TagtogClient, server: LocalTagtog, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text("# Ann\n\nAnn met *Bob* in Rome.\n")
    report = upload(client, [tmp_path / "a.md"], folder="pool/train")
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("span_ruler", config={"spans_key": "found"})
    ruler.add_patterns([{"label": "PER", "pattern": "Ann"}, {"label": "PER", "pattern": "Bob"}])  # type: ignore[attr-defined]

    @Language.component("sure")
    def sure(doc: Any) -> Any:
        doc.spans["found"].attrs["scores"] = [0.75] * len(doc.spans["found"])
        return doc

    nlp.add_pipe("sure")
    connection = Connection(client, server.database)
    settings: dict[str, Any] = {"name": "test", "rename": {"PER": "Person"}, "spans_key": "found"}
    assert pre_annotate(connection, nlp, report.ids, **settings, dry_run=True).updated == report.ids
    assert len(client.annotations(report.ids[0])) == 0
    assert pre_annotate(connection, nlp, report.ids, **settings, dry_run=False).updated == report.ids
    entities = client.annotations(report.ids[0]).entities
    assert {(entity.text, entity.state, tuple(entity.who), entity.prob) for entity in entities} == {
        ("Ann", "pre-added", ("ml:test",), 0.75),
        ("Bob", "pre-added", ("ml:test",), 0.75),
    }
    assert pre_annotate(connection, nlp, report.ids, **settings, dry_run=False).unchanged == report.ids


def test_what_is_confirmed_is_not_deleted_by_the_way(client: TagtogClient) -> None:
    docs = [numbered(number, complete=number == 0) for number in range(3)]
    put(client, *docs)
    put(client, numbered(1, member="ann"), member="ann")
    expected = DeleteReport(deleted=[docs[2].id], kept=[docs[0].id, docs[1].id])
    assert delete(client, "*", dry_run=True) == expected
    assert client.count() == 3
    assert delete(client, "*") == expected
    assert client.count() == 2
    assert delete(client, "*", force=True).deleted == [docs[0].id, docs[1].id]
    with pytest.raises(ConfigurationError):
        delete(client, " ")
