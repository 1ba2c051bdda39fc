"""``spacy-tagtog members``, ``folders``, ``settings`` and ``stats``, over a local tagtog per command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import run
from local_api import LEGEND, annotated, entity, password_of

from spacy_tagtog.anndoc import Document, Legend, html_from_blocks
from spacy_tagtog.client import TagtogClient
from spacy_tagtog.server import add_user, create_project, local_tagtog, settings_from_legend


@pytest.fixture(autouse=True)
def _project(own_folder: None) -> None:
    """A local tagtog with one project: two documents, one of them confirmed with two entities."""
    with local_tagtog(Path("local-tagtog.db")) as local:
        local.database.write(create_project, "local", "people", settings_from_legend(LEGEND, ["pool/train"]))
        local.database.write(create_project, "local", "fresh", settings_from_legend(Legend({})))
        for user in ("ada", "bob"):
            local.database.write(add_user, user, password_of(user))
        own = annotated(entity("e_1", 0, "Ada"), entity("e_2", 7, "London"), complete=True)
        html = html_from_blocks([("p", "Ada in London")], doc_id="x", origid="one")
        with TagtogClient(
            local.url, username=local.username, password=local.password, owner="local", project="people"
        ) as client:
            list(
                client.overwrite_documents(
                    [Document("one", html, {"master": own}, folder="pool/train", legend=LEGEND)]
                )
            )
            client.upload_text("nothing in it")


@pytest.fixture
def client() -> Iterator[TagtogClient]:
    with (
        local_tagtog(Path("local-tagtog.db")) as local,
        TagtogClient(
            local.url, username=local.username, password=local.password, owner="local", project="people"
        ) as made,
    ):
        yield made


def of_project(*arguments: str, project: str = "people") -> tuple[int, str]:
    """The exit code, and all that is printed, with single spaces."""
    code, out, err = run(*arguments, "--project", project)
    return code, " ".join((out + err).split())


def test_members_come_change_and_go() -> None:
    assert of_project("members") == (0, "member role ------ ----- local admin")
    code, out = of_project(
        "members", "--add", "ada=reviewer", "--add", "bob=curator", "--distribute", "1=ada,bob"
    )
    assert code == 0, out
    assert "ada is reviewer" in out
    assert "each new document goes to 1 of ada, bob" in out
    code, out = of_project("members", "--role", "bob=supercurator", "--remove", "ada")
    assert code == 0, out
    table = out[out.index("member role") :]
    assert "bob supercurator" in table
    assert "ada" not in table


def test_the_distribution_is_told_to_tagtog(client: TagtogClient) -> None:
    assert of_project("members", "--add", "ada=curator", "--distribute", "1=ada")[0] == 0
    (item,) = client.upload_text("new")
    assert [hit.id for hit in client.search("members_assigned:ada")] == [item.doc_id]
    assert of_project("members", "--distribute", "0=")[0] == 0
    (other,) = client.upload_text("newer")
    assert other.doc_id not in [hit.id for hit in client.search("members_assigned:ada")]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--add", "ada"), "LOGIN=ROLE"),
        (("--add", "ada=boss"), "boss"),
        (("--add", "nobody=curator"), "nobody"),
        (("--role", "nobody=curator"), "nobody"),
        (("--distribute", "two=ada"), "N=A,B,C"),
        (("--distribute", "²=ada,bob"), "N=A,B,C"),
        (("--distribute", "3=ada,bob"), "3"),
    ],
)
def test_wrong_members_are_refused(arguments: tuple[str, ...], named: str, client: TagtogClient) -> None:
    code, out = of_project("members", *arguments)
    assert code == 2
    assert named in out.replace("KEY=VALUE", "LOGIN=ROLE")
    assert [member.name for member in client.members()] == ["local"]


def test_one_wrong_option_stops_all_of_them(client: TagtogClient) -> None:
    code, _ = of_project("members", "--add", "ada=curator", "--distribute", "x")
    assert code == 2
    assert [member.name for member in client.members()] == ["local"]


def test_folders_are_listed_added_renamed_and_removed() -> None:
    assert of_project("folders") == (0, "folder documents ---------- --------- pool 1 pool/train 1")
    code, out = of_project("folders", "--add", "pool/a/b", "--rename", "pool/train=dev")
    assert code == 0, out
    assert "pool/dev 1" in out
    assert "pool/a/b 0" in out
    code, out = of_project("folders", "--remove", "pool/a")
    assert code == 0, out
    assert "pool/a" not in out[out.index("documents") :]


def test_a_folder_with_documents_is_removed_only_by_force(client: TagtogClient) -> None:
    code, out = of_project("folders", "--remove", "pool/train")
    assert code == 1
    assert "--force" in out
    assert client.count() == 2
    assert of_project("folders", "--remove", "pool/train", "--force")[0] == 0
    assert client.count() == 1


def test_a_dry_run_changes_nothing(client: TagtogClient, tmp_path: Path) -> None:
    before = client.settings()
    path = tmp_path / "none.json"
    path.write_text("{}", encoding="utf-8")
    for arguments in (
        ("members", "--add", "ada=curator", "--remove", "local"),
        ("folders", "--add", "pool/x", "--remove", "pool/train", "--force"),
        ("settings", "--load", str(path), "--force"),
    ):
        code, out = of_project(*arguments, "--dry-run")
        assert code == 0, out
        assert "would be" in out
    assert client.settings() == before
    assert client.count() == 2
    assert [member.name for member in client.members()] == ["local"]


def test_settings_go_from_one_project_to_another(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    code, out = of_project("settings", "--output", str(path))
    assert code == 0, out
    assert "e_1 Person entity type" in out
    code, out = of_project("settings", "--load", str(path), project="fresh")
    assert code == 0, out
    assert "removed" not in out
    assert "e_2 Place entity type" in out
    assert "pool/train" in of_project("folders", project="fresh")[1]


def test_settings_that_would_remove_documents_are_refused(tmp_path: Path, client: TagtogClient) -> None:
    path = tmp_path / "settings.json"
    of_project("settings", "--output", str(path))
    code, out = of_project("settings", "--load", str(path))
    assert code == 1
    assert "2 documents" in out
    assert client.count() == 2
    code, out = of_project("settings", "--load", str(path), "--force")
    assert code == 0, out
    assert "2 documents were removed" in out
    assert client.count() == 0


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "can't be read"),
        (b"{", "can't be read"),
        (b"\xff", "can't be read"),
        (b"[1]", "holds no settings"),
    ],
)
def test_files_that_hold_no_settings_are_refused(
    content: bytes | None, named: str, tmp_path: Path, client: TagtogClient
) -> None:
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_bytes(content)
    before = client.settings()
    code, out = of_project("settings", "--load", str(path), "--force")
    assert code == 1
    assert named in out
    assert client.settings() == before


def test_stats_count_what_a_query_finds(tmp_path: Path) -> None:
    code, out = of_project("stats", "--output", str(tmp_path / "stats.json"))
    assert code == 0, out
    assert "Person 1 1 1" in out
    assert "2 documents, 1 confirmed, 1 with an annotation" in out
    assert json.loads((tmp_path / "stats.json").read_text())["e_1"]["totalCount"] == 1
    assert "1 document, 0 confirmed" in of_project("stats", "anncomplete:false")[1]
    code, out = of_project("stats", "folder:(")
    assert code == 1
    assert "folder:(" in out
