"""A local tagtog: the parts of tagtog's HTTP API that a client needs, on a SQLite file.

A client that was written for tagtog works with it unchanged. For tests, demonstrations and work without a
network; it has no editor.
"""

from spacy_tagtog.server.db.database import Database
from spacy_tagtog.server.db.projects import create_project
from spacy_tagtog.server.db.users import add_user
from spacy_tagtog.server.run import LocalTagtog, Tls, local_tagtog, serve
from spacy_tagtog.server.settings import settings_from_legend

__all__ = [
    "Database",
    "LocalTagtog",
    "Tls",
    "add_user",
    "create_project",
    "local_tagtog",
    "serve",
    "settings_from_legend",
]
