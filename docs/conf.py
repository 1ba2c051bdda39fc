"""The documentation as a site: ``python -m sphinx -W -n -b html docs build/site``.

The pages are the Markdown files that GitHub shows. The notebook is run while the site is built. An error in
it stops the build, as does a link that leads nowhere.
"""

from __future__ import annotations

import os
import re
from typing import Any

os.environ["ANSI_COLORS_DISABLED"] = "1"  # for the notebook
project = "spacy-tagtog"
author = "the spacy-tagtog team"
extensions = ["myst_nb"]
exclude_patterns = ["make_*.py", "_build"]
html_theme = "furo"
html_title = "spacy-tagtog"
html_copy_source = False
html_show_sphinx = False
# No file from elsewhere: furo brings its own style sheets and scripts.
html_theme_options = {"sidebar_hide_name": False}
# Links to headings as GitHub makes them.
myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]
nb_execution_mode = os.environ.get("SPACY_TAGTOG_NOTEBOOKS", "force")
nb_execution_timeout = 600
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_merge_streams = True
# Lexers that Pygments has under other names, or only in part.
suppress_warnings = ["misc.highlighting_failure"]


def add_contents(_: Any, name: str, source: list[str]) -> None:
    """Make the table of contents of the lists that the first page has, heading by heading."""
    if name != "index":
        return
    for section in re.split(r"^## ", source[0], flags=re.MULTILINE)[1:]:
        pages = re.findall(r"^- \[[^\]]*\]\(([\w/-]+)\.\w+\)", section, re.MULTILINE)
        listed = "\n".join(pages)
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {section.splitlines()[0]}\n\n{listed}\n```\n"


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", add_contents)
