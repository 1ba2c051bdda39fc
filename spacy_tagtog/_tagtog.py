"""Words of tagtog that its clients and its server share: roles and the form of user names.

Facts: tagtog's documentation of collaboration (roles) and of the settings API (members).
"""

from __future__ import annotations

import re
from typing import Final, Literal

Role = Literal["reader", "curator", "supercurator", "reviewer", "admin"]
"""What a member of a project is."""
ROLES: Final[tuple[Role, ...]] = ("reader", "curator", "supercurator", "reviewer", "admin")
"""The roles, the one that may do least first."""

USER_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
"""The form of user names; match it against the whole name. ``master`` has it, too, and is no user."""
