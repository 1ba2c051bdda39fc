"""The pages that a browser shows: projects, a project's documents, a document with its entities. They are read-only and need no script."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final
from urllib.parse import quote

from spacy_tagtog._plural import counted
from spacy_tagtog.agreement import AgreementMatrix, Changes
from spacy_tagtog.anndoc import Annotations, Entity, Legend, Part, PlainHtml
from spacy_tagtog.server.api.history import Save
from spacy_tagtog.server.api.spans import Span, place_entities
from spacy_tagtog.server.db.clock import timestamp
from spacy_tagtog.server.db.documents import StoredDocument
from spacy_tagtog.server.db.projects import ProjectInfo
from spacy_tagtog.server.search.results import Hit, Page

_COLORS: Final = 12
_LANES: Final = 6
"""So many underlines fit below a line; entities beyond these stand in the table alone."""

_STYLE = """
:root{color-scheme:light dark;--ink:#1d2430;--soft:#5c6675;--page:#f6f7f9;--card:#fff;--line:#dfe3e8;--link:#1c5fb0}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#9aa5b4;--page:#14181e;--card:#1c222b;--line:#323a46;--link:#7db4f5}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
header,main{max-width:64rem;margin:0 auto;padding:1rem 1.25rem}
header{padding-bottom:0;color:var(--soft);font-size:.9rem;overflow-wrap:anywhere}
h1{font-size:1.45rem;line-height:1.3;margin:.2rem 0 .8rem;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:2rem 0 .5rem}
a{color:var(--link)}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.4rem 1.1rem;margin:0 0 1rem;overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;vertical-align:top;padding:.45rem .8rem .45rem 0;border-bottom:1px solid var(--line)}
tr:last-child td{border-bottom:0}
th{font-weight:600;color:var(--soft)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
td.t{overflow-wrap:anywhere}
time{white-space:nowrap}
.soft{color:var(--soft)}
.badge{display:inline-block;border:1px solid var(--line);border-radius:1rem;padding:0 .6rem;font-size:.82rem;white-space:nowrap}
.done{border-color:#3c9a55;color:#2c7a40}
.todo{border-color:#c98a1b;color:#97650b}
@media (prefers-color-scheme:dark){.done{color:#6fd08a}.todo{color:#e9b758}}
.note{border-left:4px solid #c98a1b;padding:.3rem .8rem;margin:0 0 1rem;background:var(--card)}
.facts{display:flex;flex-wrap:wrap;gap:.4rem .6rem;margin:0 0 1rem;font-size:.9rem}
.part{white-space:pre-wrap;overflow-wrap:anywhere;line-height:2.5;margin:.3rem 0;tab-size:4}
.part.h{font-weight:650;font-size:1.12rem}
.part.v{font-family:ui-monospace,"Cascadia Mono",Menlo,Consolas,monospace;font-size:.93rem}
.partid{color:var(--soft);font-size:.72rem;margin:.6rem 0 0}
.e{background:color-mix(in srgb,var(--c) 14%,transparent);color:inherit;border-bottom:3px solid var(--c)}
.pre-added{border-bottom-style:dashed}
.pre-removed{border-bottom-style:dotted;text-decoration:line-through}
.tag{font:600 .68rem/1.2 system-ui,sans-serif;white-space:nowrap;border:1px solid var(--c);border-radius:.3rem;padding:.05rem .3rem;margin:0 .2rem}
.tag{vertical-align:.25em;background:color-mix(in srgb,var(--c) 22%,var(--card));text-decoration:none}
.l0{padding-bottom:0}.l1{padding-bottom:5px}.l2{padding-bottom:10px}.l3{padding-bottom:15px}.l4{padding-bottom:20px}.l5{padding-bottom:25px}
.c0{--c:#d98a1f}.c1{--c:#3f9b4f}.c2{--c:#3b82d0}.c3{--c:#b552bd}.c4{--c:#d4503f}.c5{--c:#1f9a94}
.c6{--c:#7a6ed0}.c7{--c:#a8821f}.c8{--c:#6f8a2c}.c9{--c:#cc5a90}.c10{--c:#4d76a3}.c11{--c:#a0602c}
details{margin:.2rem 0}
summary{cursor:pointer}
ul.changes{margin:.3rem 0;padding-left:1.2rem}
button{font:inherit;color:var(--link);background:none;border:1px solid var(--line);border-radius:.4rem;padding:.1rem .7rem;cursor:pointer}
@media print{body{background:#fff}.card{border:0;padding:0}}
""".strip()

_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
"""The policy of these pages: their own style and nothing else."""
FORM_HEADERS: Final = {
    "Content-Security-Policy": HEADERS["Content-Security-Policy"].replace(
        "form-action 'none'", "form-action 'self'"
    )
}
"""The policy of the pages with a button: its form may be sent to this server."""


def _address(*pieces: str) -> str:
    return "/" + "/".join(quote(piece, safe="") for path in pieces for piece in path.split("/"))


def document_address(owner: str, project: str, folder: str, docid: str) -> str:
    """The path of a document's page."""
    return _address(owner, project, folder, docid)


def _link(address: str, text: str) -> str:
    return f'<a href="{escape(address)}">{escape(text)}</a>'


def _page(title: str, crumbs: Sequence[str], body: Iterable[str]) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} – local tagtog</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><nav>{' / '.join(crumbs)}</nav></header>\n<main>\n<h1>{escape(title)}</h1>\n{''.join(body)}</main>\n</body>\n</html>\n"
    )


def _table(captions: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already. A caption that ends with ``#`` heads a column of numbers, one with ``…`` a column of long text."""
    classes = [
        ' class="n"' if caption.endswith("#") else ' class="t"' if caption.endswith("…") else ""
        for caption in captions
    ]
    head = "".join(
        f"<th{kind}>{escape(caption.rstrip('#…'))}</th>"
        for caption, kind in zip(captions, classes, strict=True)
    )
    lines = [
        "<tr>"
        + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, classes, strict=True))
        + "</tr>\n"
        for row in rows
    ]
    return f'<div class="card"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{"".join(lines)}</tbody></table></div>\n'


def _date(milliseconds: int) -> str:
    moment = timestamp(milliseconds)
    return f'<time datetime="{moment}">{moment[:10]} {moment[11:16]}</time>'


# ---------------------------------------------------------------------------------------------------------------------------------------- lists


def start_page(projects: Sequence[tuple[str, str, int]]) -> str:
    """The list of projects: (owner, name, number of documents)."""
    if projects:
        body = _table(
            ("Project…", "Owner", "Documents#"),
            [
                (_link(_address(owner, name), name), escape(owner), str(count))
                for owner, name, count in projects
            ],
        )
    else:
        body = '<p class="soft">There is no project yet.</p>\n'
    return _page("Projects", ["local tagtog"], [body])


def _state(hit: Hit) -> str:
    badge = (
        '<span class="badge done">confirmed</span>'
        if hit.anncomplete
        else '<span class="badge">not confirmed</span>'
    )
    if hit.pre_added:
        badge += f' <span class="badge todo">{hit.pre_added} pre-added</span>'
    if hit.members_anncomplete:
        badge += f' <span class="badge done">{escape(", ".join(hit.members_anncomplete))}</span>'
    return badge


def project_page(
    info: ProjectInfo, folder: str, found: Page, current: int, page_size: int, views: Sequence[str] = ()
) -> str:
    """The list of a project's documents.

    Args:
        info: The project.
        folder: The folder that is shown; empty for all.
        found: One page of its documents.
        current: The number of this page.
        page_size: How many documents stand on a page.
        views: The project's other pages, which are linked.
    """
    here = _address(info.owner, info.name)
    crumbs = [_link("/", "local tagtog"), f"{escape(info.owner)} / {_link(here, info.name)}"]
    if folder:
        crumbs.append(escape(folder))
    folders = " ".join(
        f'<span class="badge">{_link(_address(info.owner, info.name, one.path), one.path)}</span>'
        for one in info.folders
    )
    folders += "".join(f' <span class="badge">{_link(f"{here}?view={view}", view)}</span>' for view in views)
    body = [f'<div class="facts">{folders}</div>\n']
    if found.hits:
        rows = [
            (
                _link(document_address(info.owner, info.name, hit.folder, hit.docid), hit.filename)
                + f'<br><span class="soft">{escape(hit.header)}</span>',
                _state(hit),
                str(hit.entities),
                escape(hit.folder),
                _date(hit.updated),
            )
            for hit in found.hits
        ]
        body.append(_table(("Document…", "State", "Entities#", "Folder", "Updated (UTC)"), rows))
    else:
        body.append('<p class="soft">There is no document here.</p>\n')
    address = _address(info.owner, info.name, folder) if folder else here
    body.append(
        _pages_line(
            counted(found.total, "document"), f"{address}?", current, max(1, -(-found.total // page_size))
        )
    )
    return _page(folder.rpartition("/")[2] or info.name, crumbs, body)


# ------------------------------------------------------------------------------------------------------------------------------------- document


def _color(class_id: str) -> str:
    number = class_id.rpartition("_")[2]
    return f"c{(int(number) - 1) % _COLORS if number.isdecimal() and len(number) < 10 else 0}"


def _css_state(entity: Entity) -> str:
    return f" {entity.state}" if entity.state in ("pre-added", "pre-removed") else ""


def _probability(prob: float, digits: int) -> str:
    """Rounded, but never up to certainty: 1 is what people say."""
    if prob == 1:
        return "1"
    almost = 1 - 10**-digits
    return f"> {almost:.{digits}f}" if almost < prob < 1 else f"{prob:.{digits}f}"


def _caption(entity: Entity, legend: Legend) -> str:
    """The type's name; for what a person didn't simply say, also probability and state."""
    pieces = [legend.get(entity.class_id, entity.class_id)]
    if entity.prob is not None and (entity.state or entity.prob != 1):
        pieces[0] += f" {_probability(entity.prob, 2)}"
    if entity.state:
        pieces.append(entity.state)
    return " · ".join(pieces)


def _lanes(spans: Sequence[Span]) -> list[tuple[Span, int]]:
    """Give overlapping stretches different underlines, the outer ones the upper."""
    ends: list[int] = []
    placed = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.entity.index)):
        lane = next((number for number, end in enumerate(ends) if end <= span.start), None)
        if lane is None:
            lane = len(ends)
            if lane < _LANES:
                ends.append(0)
        if lane < _LANES:
            ends[lane] = span.end
            placed.append((span, lane))
    return placed


def _highlighted(part: Part, spans: Sequence[Span], legend: Legend) -> str:
    placed = _lanes(spans)
    starts: dict[int, list[tuple[Span, int]]] = {}
    ends: dict[int, list[tuple[Span, int]]] = {}
    for span, lane in placed:
        starts.setdefault(span.start, []).append((span, lane))
        ends.setdefault(span.end, []).append((span, lane))
    active: list[tuple[Span, int]] = []
    pieces: list[str] = []
    position = 0
    for boundary in sorted({*starts, *ends, len(part.text)}):
        text = escape(part.text[position:boundary])
        if text:
            for (
                span,
                lane,
            ) in active:  # the lowest underline outside, so that its padding is below those of the others
                text = f'<mark class="e {_color(span.entity.class_id)} l{lane}{_css_state(span.entity)}">{text}</mark>'
            pieces.append(text)
        position = boundary
        for span, lane in sorted(ends.get(boundary, ()), key=lambda item: -item[1]):
            active.remove((span, lane))
            shown = (
                _caption(span.entity, legend)
                if span.is_last
                else f"{legend.get(span.entity.class_id, span.entity.class_id)} …"
            )
            pieces.append(f'<span class="tag {_color(span.entity.class_id)}">{escape(shown)}</span>')
        active = sorted([*active, *starts.get(boundary, ())], key=lambda item: item[1])
    return "".join(pieces)


def _entity_row(entity: Entity, legend: Legend, remark: str) -> Sequence[str]:
    return (
        f'<span class="tag {_color(entity.class_id)}">{escape(legend.get(entity.class_id, entity.class_id))}</span>',
        escape(entity.text),
        "" if entity.prob is None else _probability(entity.prob, 3),
        escape(entity.state or ("by a person" if entity.state == "" else "")),
        escape(", ".join(entity.who)),
        escape(f"{entity.part}, {', '.join(str(fragment.start) for fragment in entity.fragments)}"),
        escape(remark),
    )


def document_page(
    info: ProjectInfo, document: StoredDocument, html: PlainHtml, annotations: Annotations
) -> str:
    """A document's text with its entities, and tables of all that is annotated.

    Args:
        info: The project.
        document: The document.
        html: Its content.
        annotations: The version that is shown.
    """
    legend = info.legend
    placed = place_entities(html, annotations)
    reasons = {entity.index: reason for entity, reason in placed.unplaced}
    here = document_address(info.owner, info.name, document.folder, document.docid)
    crumbs = [
        _link("/", "local tagtog"),
        f"{escape(info.owner)} / {_link(_address(info.owner, info.name), info.name)}",
        _link(_address(info.owner, info.name, document.folder), document.folder),
    ]
    states = Counter(entity.state or "" for entity in annotations.entities)
    badges = [
        '<span class="badge done">confirmed</span>'
        if annotations.complete
        else '<span class="badge">not confirmed</span>',
        *(
            f'<span class="badge todo">{states[state]} {state}</span>'
            for state in ("pre-added", "pre-removed")
            if states[state]
        ),
        f'<span class="soft">version of</span> <span class="badge">{escape(document.member)}</span>',
        *(
            f'<span class="badge">{_link(f"{here}?member={quote(member)}", member)}</span>'
            for member in document.members
            if member != document.member
        ),
        f'<span class="soft">updated {_date(document.updated)} UTC</span>',
        f'<span class="badge">{_link(f"{here}?view=history", "history")}</span>',
        f'<span class="soft">{escape(document.docid)}</span>',
    ]
    body = [f'<div class="facts">{" ".join(badges)}</div>\n']
    if document.version.warning:
        body.append(f'<p class="note">{escape(document.version.warning)}</p>\n')
    if reasons:
        body.append(
            f'<p class="note">{len(reasons)} of {counted(len(annotations), "entity")} can\'t be shown in the text; the table says why.</p>\n'
        )
    spans: dict[str, list[Span]] = {}
    for span in placed.spans:
        spans.setdefault(span.part, []).append(span)
    body.append('<div class="card">\n')
    for part in html.parts.values():
        kind = " h" if part.tag[:1] == "h" else " v" if part.tag == "pre" else ""
        body.append(
            f'<div class="partid">{escape(part.id)}</div><div class="part{kind}">{_highlighted(part, spans.get(part.id, ()), legend)}</div>\n'
        )
    body.append("</div>\n")
    if annotations.metas:
        rows = [
            (escape(legend.get(class_id, class_id)), escape(str(label.get("value"))))
            for class_id, label in annotations.metas.items()
        ]
        body.append(f"<h2>Document labels</h2>\n{_table(('Label', 'Value…'), rows)}")
    if annotations.entities:
        captions = ("Type", "Text…", "Probability#", "State", "By", "Part, start", "Remark")
        rows_of_entities = [
            _entity_row(entity, legend, reasons.get(entity.index, "")) for entity in annotations.entities
        ]
        body.append(f"<h2>Entities</h2>\n{_table(captions, rows_of_entities)}")
    if annotations.relations:
        rows_of_relations = [
            (
                escape(legend.get(relation.class_id, relation.class_id)),
                escape(" – ".join(relation.data["entities"])),
            )
            for relation in annotations.relations
        ]
        body.append(f"<h2>Relations</h2>\n{_table(('Type', 'Entities…'), rows_of_relations)}")
    return _page(document.filename, crumbs, body)


# -------------------------------------------------------------------------------------------------------------------------------------- history


@dataclass(frozen=True)
class HistoryRow:
    """A save as the page shows it.

    Attributes:
        save: The entry of the history.
        changes: What it changed.
        token: What the form that restores it sends along; ``None`` where the user may not restore it, or it is the current state.
    """

    save: Save
    changes: Changes
    token: str | None


def _named(entity: Entity, legend: Legend) -> str:
    """An entity in a list of changes."""
    where = f"{entity.part}, {', '.join(str(fragment.start) for fragment in entity.fragments)}"
    kind = f'<span class="tag {_color(entity.class_id)}">{escape(legend.get(entity.class_id, entity.class_id))}</span>'
    return f'{kind} {escape(entity.text)} <span class="soft">{escape(where)}</span>'


def _change_list(changes: Changes, legend: Legend) -> str:
    items = []
    for change in changes.entities:
        if change.kind != "kept":
            sides = [_named(entity, legend) for entity in (change.before, change.after) if entity is not None]
            items.append(f"{change.kind}: {' → '.join(sides)}")
    for label in changes.labels:
        before, after = ("nothing" if value is None else str(value) for value in (label.before, label.after))
        name = escape(f"{legend.get(label.task, label.task)}{f' of {label.where}' if label.where else ''}")
        items.append(f"label {name}: {escape(before)} → {escape(after)}")
    items.extend(
        f"relation {one.kind}: {escape(f'{legend.get(one.task, one.task)}, ' + ' – '.join(one.ends))}"
        for one in changes.relations
    )
    edits = changes.edits
    kinds = (
        ("added", edits.added),
        ("removed", edits.removed),
        ("relabelled", edits.relabelled),
        ("moved", edits.moved),
    )
    counts = [f"{number} {kind}" for kind, number in kinds if number]
    counts += [
        counted(len(found), what)
        for found, what in ((changes.labels, "label"), (changes.relations, "relation"))
        if found
    ]
    if not items:
        return '<span class="soft">no annotation changed</span>'
    shown = "".join(f"<li>{item}</li>" for item in items)
    return (
        f'<details><summary>{escape(", ".join(counts))}</summary><ul class="changes">{shown}</ul></details>'
    )


def _button(action: str, token: str, caption: str) -> str:
    return (
        f'<form method="post" action="{escape(action)}"><input type="hidden" name="token" value="{escape(token)}">'
        f"<button>{escape(caption)}</button></form>"
    )


def history_page(
    info: ProjectInfo,
    document: StoredDocument,
    rows: Sequence[HistoryRow],
    current: int,
    total: int,
    page_size: int,
) -> str:
    """Who saved which version of a document when, and what changed; with a button to restore.

    Args:
        info: The project.
        document: The document.
        rows: The saves of this page, the latest first.
        current: The number of this page.
        total: The number of saves.
        page_size: How many saves stand on a page.
    """
    here = document_address(info.owner, info.name, document.folder, document.docid)
    crumbs = [
        _link("/", "local tagtog"),
        f"{escape(info.owner)} / {_link(_address(info.owner, info.name), info.name)}",
        _link(_address(info.owner, info.name, document.folder), document.folder),
        _link(here, document.filename),
    ]
    query = f"owner={quote(info.owner, safe='')}&project={quote(info.name, safe='')}&docid={quote(document.docid, safe='')}"
    cells = []
    for row in rows:
        save = row.save
        badges = '<span class="badge done">confirmed</span> ' if save.complete else ""
        if save.is_current:
            badges += '<span class="badge">current</span> '
        if save.text_changed:
            badges += '<span class="badge todo">for an earlier text</span> '
        download = _link(f"/-local/history/version?{query}&id={save.number}", "ann.json")
        button = (
            ""
            if row.token is None
            else _button(f"/-local/history/restore?{query}&id={save.number}", row.token, "restore")
        )
        by = escape(save.author or "–") + (
            f' <span class="soft">{escape(save.source)}</span>' if save.source else ""
        )
        cells.append(
            (
                _date(save.saved),
                by,
                _link(f"{here}?member={quote(save.member)}", save.member),
                f"{badges}{escape(save.action)}<br>{_change_list(row.changes, info.legend)}",
                f"{download} {button}",
            )
        )
    body = [
        _table(("When (UTC)", "By", "Version", "What…", ""), cells)
        if cells
        else '<p class="soft">Nothing was saved yet.</p>\n'
    ]
    body.append(
        _pages_line(counted(total, "save"), f"{here}?view=history&", current, max(1, -(-total // page_size)))
    )
    return _page(f"History of {document.filename}", crumbs, body)


def _pages_line(what: str, address: str, current: int, pages: int) -> str:
    around = [
        _link(f"{address}page={number}", text)
        for number, text in ((current - 1, "← previous"), (current + 1, "next →"))
        if 0 <= number < pages
    ]
    return f'<p class="soft">{what}, page {current + 1} of {pages} {" ".join(around)}</p>\n'


def metrics_page(info: ProjectInfo, stats: Mapping[str, Any], matrix: AgreementMatrix) -> str:
    """Counts of the master versions by annotation type, and how far members agree.

    Args:
        info: The project.
        stats: As :func:`~spacy_tagtog.server.api.metrics.search_stats` gives it.
        matrix: The agreement of all pairs of members.
    """
    crumbs = [
        _link("/", "local tagtog"),
        f"{escape(info.owner)} / {_link(_address(info.owner, info.name), info.name)}",
    ]
    total, confirmed, annotated = (
        stats[name] for name in ("numDocuments", "numConfirmedDocuments", "numAnnotatedDocuments")
    )
    body = [
        f'<div class="facts">{counted(total, "document")}, {confirmed} confirmed, {annotated} annotated</div>\n'
    ]
    types = [(key, value) for key, value in stats.items() if key.startswith("e_")]
    labels = [(key, value) for key, value in stats.items() if key.startswith("m_")]
    if types:
        rows = [
            (
                f'<span class="tag {_color(key)}">{escape(one["name"])}</span>',
                str(one["totalCount"]),
                f"{one['percentage']:g} %",
                str(one["numDocuments"]),
            )
            for key, one in types
        ]
        body.append(f"<h2>Entities</h2>\n{_table(('Type', 'Entities#', 'Share#', 'Documents#'), rows)}")
    if labels:
        cells = []
        for _, one in labels:
            values = ", ".join(
                f"{value['value']}: {value['count']}" for value in one.get("values", one.get("topValues", []))
            )
            cells.append((escape(one["name"]), str(one["numDocuments"]), escape(values)))
        body.append(f"<h2>Document labels</h2>\n{_table(('Label', 'Documents#', 'Values…'), cells)}")
    pairs = [
        (
            escape(info.legend.get(task, task)),
            escape(first),
            escape(second),
            "–" if agreement.f1 is None else f"{agreement.f1:.3f}",
            str(agreement.documents),
        )
        for task, first, second, agreement in matrix.rows()
    ]
    if pairs:
        captions = ("Task", "Member", "Member", "F1#", "Documents#")
        body.append(f"<h2>Agreement of members ({escape(matrix.metric)})</h2>\n{_table(captions, pairs)}")
    return _page("Metrics", crumbs, body)


def webhooks_page(info: ProjectInfo, status: dict[str, Any], token: str) -> str:
    """The webhooks of a project, and what could not be delivered yet.

    Args:
        info: The project.
        status: As :func:`~spacy_tagtog.server.api.webhooks.deliveries` gives it.
        token: What the form that tries again sends along.
    """
    crumbs = [
        _link("/", "local tagtog"),
        f"{escape(info.owner)} / {_link(_address(info.owner, info.name), info.name)}",
    ]
    query = f"owner={quote(info.owner, safe='')}&project={quote(info.name, safe='')}"
    body = []
    if status["webhooks"]:
        rows = [
            (
                escape(hook["id"]),
                escape(hook["endpoint"]),
                escape(hook["format"]),
                "GUI" if hook["onlyGUI"] else "GUI and API",
                hook["authentication"],
            )
            for hook in status["webhooks"]
        ]
        body.append(_table(("Webhook", "Endpoint…", "Format", "Of changes by", "Authentication"), rows))
    for key, problem in status["problems"].items():
        body.append(f'<p class="note">{escape(key)} can\'t be used: {escape(problem)}</p>\n')
    body.append(f'<div class="facts">{status["waiting"]} waiting, {status["failed"]} failed')
    if status["failed"]:
        body.append(_button(f"/-local/webhooks/retry?{query}", token, "try again"))
    body.append("</div>\n")
    if status["deliveries"]:
        listed = [
            (
                escape(one["state"]),
                escape(one["webhook"]),
                escape(one["docid"]),
                escape(f"{one['status']} by {one['source']}"),
                str(one["attempts"]),
                escape(one["problem"]),
                escape(one["created"][:16].replace("T", " ")),
            )
            for one in status["deliveries"]
        ]
        body.append(
            _table(("State", "Webhook", "Document…", "What", "Attempts#", "Problem…", "Since (UTC)"), listed)
        )
    return _page("Webhooks", crumbs, body)
