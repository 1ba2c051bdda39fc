"""Write ``docs/commands.md`` from the commands themselves: ``python docs/make_commands.py``."""

from __future__ import annotations

import html
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from typer.main import get_command

from spacy_tagtog.cli import app

WIDTH = 110
SHARED = "Which tagtog a command talks to"
# What the examples of a command need that no reader wants to see; docs/run_blocks.py runs it before them.
BEFORE = {
    "fetch": "spacy-tagtog demo && spacy-tagtog folders --add pool/batch-2 --add pool/drafts --add pool/old",
    "convert": r"""
        printf '{"id": 1, "text": "Ada saw Vega", "label": [[0, 3, "Person"]]}\n' > export.jsonl
        printf '{"e_1": "Star"}' > legend.json
        python - <<'X'
        import spacy
        from spacy.tokens import DocBin, Span
        doc = spacy.blank("en")("Vega is a star")
        doc.set_ents([Span(doc, 0, 1, label="Star")])
        DocBin(docs=[doc]).to_disk("stock.spacy")
        X
        """,
    "validate": """
        export TAGTOG_PROJECT=stargazing
        spacy-tagtog export my-download.zip && spacy-tagtog import my-download.zip --project proteins
        """,
    "upload": """
        python docs/people.py pdf papers/one.pdf && echo "Ada saw Vega." > notes.md
        spacy-tagtog train corpus/train.spacy corpus/dev.spacy
        """,
    "push": """
        rm -r assets/new && spacy-tagtog fetch assets/new --query "anncomplete:false"
        spacy-tagtog annotate training/model-best assets/new annotated && cp -r annotated preannotated
        spacy-tagtog rank assets/new --pipeline training/model-best --output ranking.json
        """,
    "annotate": "rm -r annotated",
    "changes": """
        python docs/people.py confirm stargazing 30 && spacy-tagtog fetch reviewed
        for who in ada bob; do
          spacy-tagtog user add $who --project stargazing --role reviewer
          python docs/people.py confirm stargazing 40 --member $who --query "*"
        done
        spacy-tagtog export my-download.zip --force
        """,
    "loop": "python docs/people.py keep stargazing 36 12",
    "members": "spacy-tagtog members --remove ada --remove bob",
    "settings": r"printf 'id\tname\nHGNC:11998\tTP53\n' > genes.tsv",
    "project": "spacy-tagtog project delete genes --force",
}
# An option of a connection, which many commands have: it is described once.
OPTION = re.compile(r"^\* `(?:-\w, )?(--[\w-]+)(?: <[^>]*(?:\[[^\]]*\])?>)?`: .*$", re.MULTILINE)


def fenced(match: re.Match[str]) -> str:
    """Examples as a block to copy from."""
    lines = "\n".join(line.strip() for line in match[2].strip("\n").splitlines())
    return f"\n{match[1]}\n\n```bash\n{lines}\n```\n"


def wrapped(page: str) -> str:
    """Paragraphs and list items at the width of the docs; code as it is."""
    lines = []
    code = False
    for line in page.splitlines():
        code ^= line.startswith("```")
        if code or len(line) <= WIDTH:
            lines.append(line)
            continue
        indent = "  " if line.startswith("* ") else ""
        lines += textwrap.wrap(
            line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    return "\n".join(lines)


def groups() -> dict[str, dict[str, str]]:
    """Group → command → its line in the list, in the order of ``--help``."""
    found: dict[str, dict[str, str]] = {}
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        found.setdefault(command.rich_help_panel, {})[name] = command.short_help
    return found


def anchor(title: str) -> str:
    """The address of a heading within its page."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def with_shared_options(sections: dict[str, str]) -> tuple[dict[str, str], str]:
    """The sections with the options of a connection named only, and those options' own section."""
    names = ("--domain", "--owner", "--project", "--ca-file", "--database", "--threads", "--rate")
    descriptions = {match[1]: match[0] for match in OPTION.finditer(sections["fetch"]) if match[1] in names}
    link = f"[{SHARED[0].lower()}{SHARED[1:]}](#{anchor(SHARED)})"

    def short(section: str) -> str:
        own = [name for name, text in descriptions.items() if text in section]
        if len(own) < 4:
            return section
        for name in own:
            section = section.replace(f"{descriptions[name]}\n", "")
        listed = ", ".join(f"`{name}`" for name in own)
        return section.replace("* `--help`: Show", f"* {listed}: {link}.\n* `--help`: Show")

    shared = f"## {SHARED}\n\nMany commands have these options.\n\n" + "\n".join(descriptions.values())
    return {name: short(text) for name, text in sections.items()}, shared


def main() -> None:
    """Run typer's own generator and make its output good markdown."""
    page = Path(__file__).with_name("commands.md")
    typer_docs = ["-m", "typer", "spacy_tagtog.cli", "utils", "docs"]
    made = subprocess.run(
        [sys.executable, *typer_docs, "--name", "spacy-tagtog", "--title", "Commands"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    text = html.unescape(re.sub(r"\n(Examples?:)\n((?:  .*\n)+)", fenced, made))
    text = re.sub(r" +\n", "\n", re.sub(r"\n{3,}", "\n\n", text)).strip() + "\n"
    head, *pieces = re.split(r"^## `spacy-tagtog ([\w-]+)`\n", text, flags=re.MULTILINE)
    sections = dict(zip(pieces[::2], pieces[1::2], strict=True))
    sections, shared = with_shared_options(sections)
    out = [head.partition("**Commands**")[0].rstrip()]
    for group, commands in groups().items():
        rows = [
            f"| [`{name}`](#{anchor(f'spacy-tagtog {name}')}) | {said} |" for name, said in commands.items()
        ]
        out.append("\n".join([f"| {group} | |", "|---|---|", *rows]))
    out.append(shared)
    for group, commands in groups().items():
        out.append(f"## {group}")
        for name in commands:
            section = re.sub(r"^### ", "#### ", sections[name], flags=re.MULTILINE)
            if name in BEFORE:
                hidden = textwrap.dedent(BEFORE[name]).strip()
                section = section.replace("```bash", f"<!-- run\n{hidden}\n-->\n\n```bash", 1)
            out.append(f"### `spacy-tagtog {name}`\n{section}".strip())
    page.write_text(wrapped("\n\n".join(out)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
