"""Talk to tagtog: search, download, upload; keep a folder in step with a project."""

from spacy_tagtog.client._retry import Clock, Retries
from spacy_tagtog.client.api import Agreement, ImportedItem, Member, SearchHit, TagtogClient
from spacy_tagtog.client.credentials import Credentials, find_credentials
from spacy_tagtog.client.delete import DeleteReport, delete
from spacy_tagtog.client.fetch import ALL_MEMBERS, MANIFEST_NAME, FetchReport, fetch
from spacy_tagtog.client.push import PushReport, push
from spacy_tagtog.client.snapshot import snapshot
from spacy_tagtog.client.upload import UploadReport, upload

__all__ = [
    "ALL_MEMBERS",
    "MANIFEST_NAME",
    "Agreement",
    "Clock",
    "Credentials",
    "DeleteReport",
    "FetchReport",
    "ImportedItem",
    "Member",
    "PushReport",
    "Retries",
    "SearchHit",
    "TagtogClient",
    "UploadReport",
    "delete",
    "fetch",
    "find_credentials",
    "push",
    "snapshot",
    "upload",
]
