"""Time that people work: measured only where the project says so, only while the page is looked at."""

from __future__ import annotations

from typing import Any

import pytest
from commands import run
from playwright.sync_api import Page, expect
from review_site import Site, is_saved, press, sky

from spacy_tagtog.server.db.project_changes import measure_time


@pytest.fixture
def measured(site: Site) -> Site:
    site.server.database.write(measure_time, "local", site.project, on=True)
    return site


def with_clock(site: Site, docid: str) -> Page:
    """The page with a clock that the test moves."""
    site.context.clock.install(time=0)
    site.context.clock.pause_at(1000)
    page = site.open(docid)
    page.bring_to_front()
    return page


def efforts(site: Site, docid: str) -> list[dict[str, Any] | None]:
    """Of each save, the earliest first."""
    saves = site.call("GET", "/-local/history", params={"docid": docid}).json()["history"]
    return [one["effort"] for one in reversed(saves)]


def test_nothing_is_measured_unless_the_project_says_so(site: Site) -> None:
    docid = sky(site)
    page = site.open(docid)
    expect(page.locator("#measured")).not_to_be_visible()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    press(page, "a")
    is_saved(page)
    assert any("/-local/annotations" in url for url in requests)
    assert not any("effort" in url for url in requests)
    # Nor is it stored if somebody sends it.
    annotations = site.saved(docid)
    query = {"docid": docid, "member": "master", "effort": '{"seconds": 5, "decisions": {}}'}
    site.call("PUT", "/-local/annotations", params=query, json={**annotations, "anncomplete": True})
    assert efforts(site, docid) == [None] * 3


def test_active_time_goes_to_the_decisions_and_idle_time_to_nobody(measured: Site) -> None:
    docid = sky(measured)
    page = with_clock(measured, docid)
    expect(page.locator("#measured")).to_have_text("This project measures how long you work on a document.")
    page.clock.run_for(3000)
    press(page, "a")
    page.clock.run_for(2000)  # the save goes out
    is_saved(page)
    page.clock.run_for(3_600_000)  # somebody went to lunch: at most a minute of it counts
    press(page, "x")
    page.clock.run_for(2000)
    is_saved(page)
    _, first, second = efforts(measured, docid)
    assert first is not None
    assert second is not None
    # The save is sent 0.4 s after the decision.
    assert first == {"seconds": 3.4, "decisions": {"accept": [1, 3]}}
    assert second == {"seconds": 60.4, "decisions": {"reject": [1, 60.4]}}


def test_what_is_not_saved_yet_is_sent_later_and_once(measured: Site) -> None:
    docid = sky(measured)
    page = with_clock(measured, docid)
    page.route("**/-local/annotations*", lambda route: route.abort())
    page.clock.run_for(4000)
    press(page, "a")
    page.clock.run_for(1000)
    expect(page.locator("#saved")).to_have_attribute("data-state", "offline")
    page.unroute("**/-local/annotations*")
    page.clock.run_for(10000)
    is_saved(page)
    press(page, "a")
    page.clock.run_for(1000)
    is_saved(page)
    stored = [one for one in efforts(measured, docid) if one]
    assert [one["decisions"] for one in stored] == [{"accept": [1, 4]}, {"accept": [1, 11]}]


@pytest.mark.parametrize(
    "effort",
    [
        "x",
        "[]",
        '{"seconds": -1, "decisions": {}}',
        '{"seconds": 1e9, "decisions": {}}',
        '{"seconds": 1, "decisions": {"accept": 3}}',
        '{"seconds": NaN, "decisions": {}}',
    ],
)
def test_an_effort_that_cannot_be_is_refused(measured: Site, effort: str) -> None:
    docid = sky(measured)
    with pytest.raises(AssertionError, match="the effort can't be read"):
        measured.call(
            "PUT",
            "/-local/annotations",
            params={"docid": docid, "member": "master", "effort": effort},
            json={**measured.saved(docid), "anncomplete": True},
        )
    assert measured.saved(docid)["anncomplete"] is False


def test_the_history_shows_the_time(measured: Site) -> None:
    docid = sky(measured)
    query = {
        "docid": docid,
        "member": "master",
        "effort": '{"seconds": 41.6, "decisions": {"accept": [1, 3]}}',
    }
    measured.call(
        "PUT", "/-local/annotations", params=query, json={**measured.saved(docid), "anncomplete": True}
    )
    page = measured.context.new_page()
    page.goto(f"{measured.server.url}/local/{measured.project}/pool/{docid}?view=history")
    expect(page.locator("main")).to_contain_text("saved after 42 s")


def test_the_command_switches_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DOMAIN", "OWNER", "PROJECT", "DATABASE"):
        monkeypatch.delenv(f"TAGTOG_{name}", raising=False)
    assert run("project", "create", "stars", "--entity", "Star")[0] == 0
    code, out, err = run("settings", "--measure-time", "--dry-run")
    assert (code, err) == (0, "")
    assert "would be measured" in out
    assert run("settings", "--output", "s.json")[0] == 0
    assert "measureTime" not in (tmp_path / "s.json").read_text(encoding="utf-8")
    assert run("settings", "--measure-time", "--output", "s.json")[0] == 0
    assert '"measureTime": true' in (tmp_path / "s.json").read_text(encoding="utf-8")
    assert run("settings", "--no-measure-time", "--output", "s.json")[0] == 0
    assert '"measureTime": false' in (tmp_path / "s.json").read_text(encoding="utf-8")
