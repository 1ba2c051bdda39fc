"""Talk to tagtog: search, download, upload; keep a folder in step with a project."""

from spacy_tagtog.client.api import ImportedItem, SearchHit, TagtogClient
from spacy_tagtog.client.fetch import MANIFEST_NAME, FetchReport, fetch
from spacy_tagtog.client.push import PushReport, push

__all__ = ["MANIFEST_NAME", "FetchReport", "ImportedItem", "PushReport", "SearchHit", "TagtogClient", "fetch", "push"]
