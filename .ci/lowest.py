"""Print pip constraints that pin what pyproject.toml names to the lowest versions that it allows.

    python .ci/lowest.py EXTRA…

With the package's own dependencies and those of the extras. They are read from pyproject.toml, so that what
is tested and what is declared can't differ. What a dependency needs by itself is pip's choice.
"""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def lowest(text: str) -> str:
    """A requirement with nothing but its lowest version."""
    requirement = Requirement(text)
    versions = [one.version for one in requirement.specifier if one.operator == ">="]
    if len(versions) != 1:
        sys.exit(f"pyproject.toml: {text}: one lower bound is needed")
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}=={versions[0]}{marker}"


def main() -> None:
    """Print them."""
    page = Path(__file__).parents[1] / "pyproject.toml"
    project = tomllib.loads(page.read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in sys.argv[1:]:
        wanted += project["optional-dependencies"][extra]
    print(*map(lowest, wanted), sep="\n")


if __name__ == "__main__":
    main()
