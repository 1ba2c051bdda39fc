"""Writes docs/openapi.json: the description of the local tagtog's calls.

python docs/make_openapi.py
"""

import json
from pathlib import Path

from spacy_tagtog.server.api.openapi import openapi_document

if __name__ == "__main__":
    text = json.dumps(openapi_document(), indent=1, ensure_ascii=False)
    Path(__file__).with_name("openapi.json").write_text(text + "\n", encoding="utf-8")
