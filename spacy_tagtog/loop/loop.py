"""A loop over one project: rounds, one at a time, and going back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spacy_tagtog._files import folder_lock, make_folder
from spacy_tagtog._progress import Progress, silent
from spacy_tagtog.errors import LoopError, OutputExistsError
from spacy_tagtog.loop.lineage import Lineage, read_record
from spacy_tagtog.loop.records import RECORD, RoundRecord, now
from spacy_tagtog.loop.round import Round
from spacy_tagtog.loop.settings import LoopSettings
from spacy_tagtog.steps.connection import ConnectionSettings


class Loop:
    """A loop over one project of tagtog: each round trains a model, and keeps it only where it proves itself.

    ::

        loop = Loop("loop/stargazing", project="stargazing")
        record = loop.round()
        print(record.said)

    Args:
        folder: Where everything is kept. One loop works in it at a time.
        settings: What to do.
        domain: See :func:`spacy_tagtog.steps.connect`; the same holds for all below.
        owner: See there.
        project: See there.
        ca_file: See there.
        database: See there.
    """

    def __init__(
        self,
        folder: Path | str,
        settings: LoopSettings | None = None,
        *,
        domain: str = "",
        owner: str = "",
        project: str = "",
        ca_file: str = "",
        database: Path | str = "",
    ) -> None:
        self.folder = Path(folder)
        self.settings = settings or LoopSettings()
        self.connection = ConnectionSettings.from_environment(
            domain=domain, owner=owner, project=project, ca_file=ca_file, database=database
        )
        self.lineage = Lineage(self.folder)

    @property
    def records(self) -> list[RoundRecord]:
        """All rounds, the earliest first; the last one may have died and be waiting to go on.

        Raises:
            LoopError: One can't be read.
        """
        found = sorted((self.folder / "rounds").glob("[0-9]*.json"), key=lambda path: int(path.stem))
        return [read_record(path, RECORD) for path in found]

    def round(self, *, progress: Progress = silent) -> RoundRecord:
        """Do one round, or finish the one that died.

        Where nothing is new since the last one, nothing is done, and no round is counted.

        Args:
            progress: Goes through the names of the steps that are to be done, each before it begins.

        Returns:
            What it did.

        Raises:
            LoopError: Another loop works in the folder, or there are too few confirmed documents.
            SpacyTagtogError: A step can't be done. What was done stays, the next call goes on.
        """
        make_folder(self.folder)
        with self._locked():
            running = Round(self.folder, self.settings, self.connection, self.records)
            for step in progress(running.steps()):
                running.do(step)
            return running.finish()

    def rollback(self, number: int | None = None) -> int:
        """Make an earlier model the current one again. What is pushed next comes from it.

        Args:
            number: Which one; ``None`` for the one that was current before.

        Returns:
            Its number.

        Raises:
            LoopError: There is none, its pipeline was removed, or a round is running.
        """
        if not self.folder.is_dir():
            raise LoopError(
                "there is no loop in this folder", place=self.folder, advice="begin one: spacy-tagtog loop"
            )
        with self._locked():
            return self.lineage.rollback(number, now())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with folder_lock(self.folder):
                yield
        except OutputExistsError as error:
            if error.place != self.folder:
                raise
            raise LoopError(
                "another loop works in this folder",
                place=self.folder,
                legal="one round at a time",
                advice="wait until it is done, or give this loop another folder",
            ) from error
