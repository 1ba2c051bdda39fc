"""What several rooms know of tagtog: roles, the form of user names, how many calls it takes at once.

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

DEFAULT_THREADS: Final = 12
"""The number of concurrent calls to a tagtog where several documents are fetched or pushed."""
MAX_THREADS: Final = 64
"""At most this many concurrent calls."""
