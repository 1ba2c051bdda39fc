"""Talk to tagtog: search, download, upload; keep a folder in step with a project."""

from spacy_tagtog.client._retry import Retries
from spacy_tagtog.client.api import TagtogClient
from spacy_tagtog.client.credentials import find_credentials
from spacy_tagtog.client.delete import DeleteReport, delete
from spacy_tagtog.client.fetch import ALL_MEMBERS, FetchReport, fetch
from spacy_tagtog.client.models import ImportedItem, Member, ReportedAgreement, SearchHit
from spacy_tagtog.client.push import PushReport, push
from spacy_tagtog.client.snapshot import snapshot
from spacy_tagtog.client.upload import UploadReport, upload

__all__ = [
    "ALL_MEMBERS",
    "DeleteReport",
    "FetchReport",
    "ImportedItem",
    "Member",
    "PushReport",
    "ReportedAgreement",
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
