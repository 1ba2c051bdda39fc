"""A local tagtog: the parts of tagtog's HTTP API that a client needs, on a SQLite file.

A client that was written for tagtog works with it unchanged. For tests, demonstrations and work without a network; it has no editor.
"""

from spacy_tagtog.server.api.app import make_app
from spacy_tagtog.server.db.settings import settings_from_legend
from spacy_tagtog.server.db.store import Store
from spacy_tagtog.server.run import LocalTagtog, Tls, local_tagtog, serve

__all__ = ["LocalTagtog", "Store", "Tls", "local_tagtog", "make_app", "serve", "settings_from_legend"]
