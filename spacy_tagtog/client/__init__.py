"""Talk to tagtog: search, download, upload; keep a folder in step with a project."""

from spacy_tagtog.client._pace import Clock, Retries
from spacy_tagtog.client.api import Agreement, ImportedItem, Member, SearchHit, TagtogClient
from spacy_tagtog.client.credentials import Credentials, find_credentials
from spacy_tagtog.client.fetch import ALL_MEMBERS, MANIFEST_NAME, FetchReport, fetch
from spacy_tagtog.client.push import PushReport, push

__all__ = [
    "ALL_MEMBERS",
    "MANIFEST_NAME",
    "Agreement",
    "Clock",
    "Credentials",
    "FetchReport",
    "ImportedItem",
    "Member",
    "PushReport",
    "Retries",
    "SearchHit",
    "TagtogClient",
    "fetch",
    "find_credentials",
    "push",
]
