"""A local tagtog: the parts of tagtog's HTTP API that a client needs, on a SQLite file.

A client that was written for tagtog works with it unchanged. For tests, demonstrations and work without a network; it has no editor.
"""

from spacy_tagtog.server.app import make_app
from spacy_tagtog.server.run import LocalTagtog, Tls, local_tagtog, serve
from spacy_tagtog.server.settings import settings_from_legend
from spacy_tagtog.server.store import Store

__all__ = ["LocalTagtog", "Store", "Tls", "local_tagtog", "make_app", "serve", "settings_from_legend"]
