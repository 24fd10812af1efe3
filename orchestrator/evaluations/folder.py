"""The directory an evaluation is kept in, so that it goes on where it stopped."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.evaluations.records import ANSWERS, VERDICTS, Answer, Verdict
from orchestrator.kit.line_file import LineFile, OutputInvalid

ANSWERS_FILE, VERDICTS_FILE = "answers.jsonl", "verdicts.jsonl"
_LOCK_FILE = ".lock"


@dataclass(frozen=True, slots=True)
class Folder:
    """Answers and verdicts so far, and where further ones go.

    Args:
        answers: The file of answers.
        verdicts: The file of verdicts.
    """

    answers: LineFile[Answer]
    verdicts: LineFile[Verdict]

    @property
    def done(self) -> dict[str, Answer | Verdict]:
        """What was asked and answered, by the key of its question; failures are asked again."""
        return {record.key: record for record in self._found() if not record.error}

    @property
    def spent(self) -> int:
        """Billionths of a US dollar that everything has cost, failures included."""
        return sum(record.nanos for record in self._found())

    def _found(self) -> Iterator[Answer | Verdict]:
        yield from self.answers.found
        yield from self.verdicts.found

    def keep(self, record: Answer | Verdict) -> None:
        """Write a record."""
        if isinstance(record, Answer):
            self.answers.add(record)
        else:
            self.verdicts.add(record)


@contextmanager
def open_folder(path: Path) -> Iterator[Folder]:
    """Open a directory, which is made if it is not there.

    Raises:
        OutputInvalid: If it cannot be used, or another process uses it.
    """
    with ExitStack() as stack:
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((path / _LOCK_FILE).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputInvalid(f"{path}: another evaluation is writing there") from error
        except OSError as error:
            raise OutputInvalid(f"{path}: {error.strerror}") from error
        answers = LineFile(path / ANSWERS_FILE, ANSWERS, Answer)
        stack.callback(answers.close)
        verdicts = LineFile(path / VERDICTS_FILE, VERDICTS, Verdict)
        stack.callback(verdicts.close)
        yield Folder(answers, verdicts)
