"""The guidelines of a project: shown, edited, exported and imported."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from databases import opened, upload
from hypothesis import given, settings
from hypothesis import strategies as st
from local_api import LEGEND, People, password_of, refused
from logins import Surfer
from lxml import html as lxml_html
from strategies import examples

from spacy_tagtog.anndoc.layout import read_guidelines
from spacy_tagtog.errors import ProjectError
from spacy_tagtog.server import create_project, settings_from_legend
from spacy_tagtog.server.db.archive import export_project
from spacy_tagtog.server.db.project_changes import MAX_GUIDELINES, set_guidelines
from spacy_tagtog.server.db.projects import read_project
from spacy_tagtog.server.db.restore import restore_project
from spacy_tagtog.server.imports.uploads import UploadedFile, read_uploads
from spacy_tagtog.server.web.markdown import to_html
from spacy_tagtog.steps.connection import ConnectionSettings
from spacy_tagtog.steps.import_export import import_project

TEXT = "# What counts\n\n- **Person**: names, *not* titles\n"


def visitor(people: People, user: str) -> Surfer:
    surfer = Surfer(people.server.url)
    assert surfer.log_in(user, password_of(user)).ok
    return surfer


def page_of(people: People, more: str = "") -> str:
    return f"/owner/{people.name}?view=guidelines{more}"


def form_of(people: People, surfer: Surfer) -> Any:
    tree = lxml_html.fromstring(surfer.open(page_of(people, "&edit=yes")).content.decode())
    (form,) = tree.forms
    return form


def save(people: People, surfer: Surfer, form: Any, text: str) -> Any:
    return surfer.post(
        people.server.url + form.action,
        # Browsers send the ends of lines so.
        data={"token": form.fields["token"], "was": form.fields["was"], "text": text.replace("\n", "\r\n")},
        headers={"Origin": people.server.url},
        timeout=20,
    )


def text_of(form: Any) -> str:
    """What stands in the form. Browsers leave out a first empty line, lxml doesn't."""
    return str(form.fields["text"]).removeprefix("\n")


def test_an_admin_writes_them_and_everybody_reads_them(people: People) -> None:
    admin = visitor(people, "admin")
    assert "There are no guidelines yet" in admin.open(page_of(people)).text
    answer = save(people, admin, form_of(people, admin), TEXT)
    assert answer.url.endswith("?view=guidelines")
    for user in ("reader", "curator", "admin"):
        surfer = visitor(people, user)
        tree = lxml_html.fromstring(surfer.open(page_of(people)).content.decode())
        assert tree.xpath("//h2/text()") == ["What counts"]
        assert tree.xpath("//li/strong/text()") == ["Person"]
        assert bool(tree.xpath("//a[.='Edit']")) == (user == "admin")
        project = lxml_html.fromstring(surfer.open(f"/owner/{people.name}").content.decode())
        assert project.xpath("//a[.='Guidelines']/@href") == [f"/owner/{people.name}?view=guidelines"]
    assert text_of(form_of(people, admin)) == TEXT
    # A second change begins with the first.
    assert save(people, admin, form_of(people, admin), "Shorter.").ok
    assert people.call("reader", "GET", "/-local/guidelines").json() == {"text": "Shorter."}


def test_two_who_edit_at_once_lose_nothing(people: People) -> None:
    first, second = visitor(people, "admin"), visitor(people, "reviewer")
    forms = form_of(people, first), form_of(people, second)
    assert save(people, first, forms[0], "From the first.").ok
    answer = save(people, second, forms[1], "From the <second>.")
    assert answer.status_code == 409
    tree = lxml_html.fromstring(answer.content.decode())
    assert (
        "Somebody else changed the guidelines meanwhile" in tree.xpath("//*[@role='alert']")[0].text_content()
    )
    (form,) = tree.forms
    assert text_of(form) == "From the <second>."
    assert "From the first." in tree.xpath("//div[contains(@class, 'prose')]")[0].text_content()
    assert save(people, second, form, "From both.").ok
    assert people.call("reader", "GET", "/-local/guidelines").json() == {"text": "From both."}


def test_programs_read_and_replace_them(people: People) -> None:
    answer = people.call("reviewer", "PUT", "/-local/guidelines", json={"text": TEXT})
    assert answer.json() == {"text": TEXT}
    refused(
        people.call("supercurator", "PUT", "/-local/guidelines", json={"text": "x"}), 403, "reviewer or admin"
    )
    refused(people.call("admin", "PUT", "/-local/guidelines", json={}), 400, "text")
    refused(people.call("admin", "PUT", "/-local/guidelines", json={"text": "\ud800"}), 400, "UTF-8")
    too_long = "x" * (MAX_GUIDELINES + 1)
    refused(people.call("admin", "PUT", "/-local/guidelines", json={"text": too_long}), 413, "too long")
    refused(people.call("stranger", "GET", "/-local/guidelines"), 404)
    assert people.call("curator", "GET", "/-local/guidelines").json() == {"text": TEXT}
    # The settings have them, too.
    assert people.call("admin", "GET", "settings/v1/export").json()["guidelines"] == TEXT


@pytest.mark.parametrize("user", ["reader", "curator", "supercurator"])
def test_who_may_not_edit_them_can_not(people: People, user: str) -> None:
    surfer = visitor(people, user)
    assert surfer.open(page_of(people, "&edit=yes")).status_code == 403
    answer = surfer.post(
        f"{people.server.url}/-local/guidelines/save",
        params=people.project,
        data={"token": "x", "was": "", "text": "mine"},
        headers={"Origin": people.server.url},
        timeout=20,
    )
    assert answer.status_code == 403
    assert people.call("reader", "GET", "/-local/guidelines").json() == {"text": ""}


# -------------------------------------------------------------------------------------------------- markdown


ALLOWED = re.findall(
    r"\S+",
    "h2 h3 h4 h5 h6 p ul ol li em strong s code pre blockquote a br hr table thead tbody tr th td div",
)


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "<script>alert(1)</script>",
                "<img src=x onerror=alert(1)>",
                "[x](javascript:alert(1))",
                "[x](data:text/html,x)",
                "![x](https://elsewhere.example/x.png)",
                "[x](https://elsewhere.example)",
                "<https://elsewhere.example>",
                "# a",
                "###### b",
                "| a | b |\n|:--|--:|\n| 1 | 2 |",
                "```html\n<b>\n```",
                "*a* **b** `<i>`",
                "&lt;b&gt; &quot;",
                "- a\n  1. b",
                "> q",
                "\n\n",
                "\" onclick='x'",
                "[a]: javascript:x\n\n[a]",
            ]
        )
        | st.text("<>&\"'[]()!*#`|\\\n ab:/", max_size=20),
        max_size=8,
    )
)
def test_no_markdown_becomes_markup_of_its_own(pieces: list[str]) -> None:
    tree = lxml_html.fragment_fromstring(str(to_html("\n".join(pieces))), create_parent="div")
    for element in tree.iter():
        assert element.tag in ALLOWED
        for name, value in element.items():
            assert name in ("href", "class", "start", "title")
            if name == "href":
                assert not value.lower().strip().startswith(("javascript:", "data:", "vbscript:"))


def test_what_markdown_can_do() -> None:
    html = to_html("# a\n\n| x | y |\n|:--|--:|\n| 1 | ~~2~~ |\n\n![alt](https://a.example/b.png)\n")
    assert "<h2>a</h2>" in html
    assert "<td>1</td>\n<td><s>2</s></td>" in html
    assert '!<a href="https://a.example/b.png">alt</a>' in html


# ------------------------------------------------------------------------------------------- with the project


def test_they_are_exported_and_imported_with_the_project(tmp_path: Path) -> None:
    with opened(tmp_path / "x.db") as database:
        database.write(create_project, "local", "p", settings_from_legend(LEGEND))
        database.write(set_guidelines, "local", "p", TEXT)
        upload(database, "local", "p", read_uploads([UploadedFile("a.txt", b"Vega")], None))
        for name in ("folder", "archive.zip"):
            target = tmp_path / name
            export_project(database, "local", "p", target)
            assert read_guidelines(target) == TEXT  # the file of tagtog's layout
            restore_project(database, target, "local", f"from {name}")
            assert database.read(read_project, "local", f"from {name}").guidelines == TEXT
        (tmp_path / "folder" / "guidelines.md").write_text("Edited.", encoding="utf-8")
        restore_project(database, tmp_path / "folder", "local", "edited")
        assert database.read(read_project, "local", "edited").guidelines == "Edited."


def test_a_download_of_tagtog_brings_its_own(demo_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "stargazing.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for path in sorted(demo_folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                archive.write(path, f"stargazing/{path.relative_to(demo_folder)}")
        archive.writestr("stargazing/guidelines.md", TEXT)
        archive.writestr("stargazing/plain.html/pool/guidelines.md", "Another one.")
    where = ConnectionSettings(database=tmp_path / "x.db", project="sky")
    assert import_project(source, where).is_new
    with opened(tmp_path / "x.db") as database:
        assert database.read(read_project, "local", "sky").guidelines == TEXT


def test_guidelines_that_can_not_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "guidelines.md").write_bytes(b"\xff\xfe")
    with pytest.raises(ProjectError, match="aren't UTF-8"):
        read_guidelines(tmp_path)
    (tmp_path / "guidelines.md").unlink()
    assert read_guidelines(tmp_path) == ""
