"""What pyproject.toml declares."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def declared() -> dict[str, Any]:
    """Its table ``[project]``."""
    page = Path(__file__).parents[1] / "pyproject.toml"
    project: dict[str, Any] = tomllib.loads(page.read_text(encoding="utf-8"))["project"]
    return project
