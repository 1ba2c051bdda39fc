"""One pipeline of components that were trained apart, each by its own config."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from spacy.language import Language
from spacy.util import load_config

from spacy_tagtog._files import atomic_folder
from spacy_tagtog.errors import PipelineError
from spacy_tagtog.pipeline.fingerprints import META_KEY
from spacy_tagtog.pipeline.loading import load_pipeline

_APART: Final = "trained_apart"


def trained_apart(nlp: Language) -> list[str]:
    """The components of a pipeline that were trained by configs of their own; none for any other pipeline."""
    return list(nlp.meta.get(META_KEY, {}).get(_APART, ()))


def assemble_pipelines(paths: Sequence[Path], output: Path) -> None:
    """Put the components of several pipelines into one, in their order.

    All must have the same tokenizer and the same language; each brings what it needs, such as its own
    ``tok2vec``. Whatever is at ``output`` is replaced.

    Args:
        paths: The folders of the pipelines.
        output: The folder of the new one.

    Raises:
        PipelineError: Two components have one name, or the new pipeline can't be loaded.
    """
    first, *others = paths
    with atomic_folder(output, replace_any=True) as folder:
        shutil.copytree(first, folder, dirs_exist_ok=True)
        config: Any = load_config(first / "config.cfg")
        meta: dict[str, Any] = json.loads((first / "meta.json").read_text(encoding="utf-8"))
        strings: set[str] = set(_strings(first))
        for path in others:
            more = load_config(path / "config.cfg")
            pipes = more["nlp"]["pipeline"]
            twice = [name for name in pipes if name in config["nlp"]["pipeline"]]
            if twice:
                raise PipelineError(
                    "two components have one name",
                    place=path,
                    value=", ".join(twice),
                    legal="names that no other config has",
                    advice="rename it in its config",
                )
            config["nlp"]["pipeline"] += pipes
            config["nlp"]["batch_size"] = min(config["nlp"]["batch_size"], more["nlp"]["batch_size"])
            config["components"].update(more["components"])
            for name in pipes:
                if (path / name).exists():
                    shutil.copytree(path / name, folder / name)
            strings |= set(_strings(path))
            own = json.loads((path / "meta.json").read_text(encoding="utf-8"))
            meta["performance"] = {**own.get("performance", {}), **meta.get("performance", {})}
        meta[META_KEY] = {**meta.get(META_KEY, {}), _APART: list(config["nlp"]["pipeline"])}
        config.to_disk(folder / "config.cfg")
        (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        (folder / "vocab" / "strings.json").write_text(
            json.dumps(sorted(strings), ensure_ascii=True), encoding="utf-8"
        )
        load_pipeline(folder).to_disk(folder)  # and the lists in its meta data are right


def _strings(path: Path) -> list[str]:
    found: list[str] = json.loads((path / "vocab" / "strings.json").read_text(encoding="utf-8"))
    return found
