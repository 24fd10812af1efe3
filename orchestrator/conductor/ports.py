"""What a run needs of the world: experts, an interpreter, and a ledger of what is done.

A strategy sees these alone, and neither HTTP nor a database. The service's own are in
:mod:`orchestrator.conductor.experts`; the ledger in memory is :class:`MemoryLedger`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from orchestrator.conductor.values import Ask, Lesson, Outcome, Said, Step, Task

if TYPE_CHECKING:
    from orchestrator.conductor.run import Run

Tell = Callable[[str], None]
"""Is told each piece of an answer as it comes."""
Lost = Callable[[Said], None]
"""Is told what was paid for a question that is not answered: tokens and money, without a text."""


class Experts(Protocol):
    """Everyone who can be asked."""

    def known(self, name: str) -> bool:
        """Tell whether there is an expert of that id that may be asked."""
        ...

    def choose(self, ask: Ask, task: Task) -> str:
        """Return the id of the expert a call goes to: the one it names, or the router's choice.

        Raises:
            NoExpert: If there is no such expert, or none that can.
        """
        ...

    def ranked(self, task: Task, *, policy: str | None = None) -> tuple[tuple[str, float], ...]:
        """Return who could answer the task itself, best first, with their expected quality (0..1).

        Raises:
            NoExpert: If none can.
        """
        ...

    def can(self, expert: str, capability: str) -> bool:
        """Tell whether an expert has a capability (``tools``, ``json``, ``vision``)."""
        ...

    def window(self, expert: str) -> int:
        """Return the tokens of prompt and answer together that an expert takes."""
        ...

    def price(self, expert: str) -> tuple[float, float]:
        """Return the US dollars an expert costs for a token read, and for one written."""
        ...

    def size(self, expert: str) -> float:
        """Return the billions of parameters that work on each token: what an answer costs."""
        ...

    async def ask(self, expert: str, ask: Ask, task: Task, tell: Tell, lost: Lost) -> Said:
        """Ask an expert.

        Args:
            expert: Its id.
            ask: The question.
            task: What it is asked for.
            tell: Is told the answer.
            lost: Is told what was paid where there is none, also where this is cancelled.

        Raises:
            ExpertError: If it fails.
        """
        ...


class Interpreter(Protocol):
    """Runs code that a model wrote, where it can do no harm."""

    async def run(self, code: str) -> str:
        """Return what it printed or came to, or why it stopped; never raises for the code's sake."""
        ...


class Ledger(Protocol):
    """Remembers finished steps, so that a run that is resumed pays for none of them twice."""

    async def find(self, key: str) -> Step | None:
        """Return the finished step of that key, if there is one."""
        ...

    async def given_up(self, key: str) -> Step | None:
        """Return the step of that key with what it has cost, if it began before and never ended."""
        ...

    async def begun(self, step: Step) -> None:
        """Note a step that begins."""
        ...

    async def left(self, step: Step) -> None:
        """Note what a step has cost that is given up, and may be begun again."""
        ...

    async def finished(self, step: Step) -> None:
        """Note a step that has ended."""
        ...


class Lessons(Protocol):
    """What earlier runs have taught. Neither method fails because the store is away."""

    async def find(self, task: Task, most: int) -> tuple[Lesson, ...]:
        """Return lessons of the task's tenant and category from tasks like it, the likest first."""
        ...

    async def keep(self, task: Task, lesson: Lesson) -> None:
        """Keep a lesson for the task's tenant, where it may be kept."""
        ...


class NoLessons:
    """Remembers nothing."""

    async def find(self, task: Task, most: int) -> tuple[Lesson, ...]:
        """Return none."""
        del task, most
        return ()

    async def keep(self, task: Task, lesson: Lesson) -> None:
        """Forget it."""


class Strategies(Protocol):
    """Ways in which a part of a task may be worked on."""

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called."""
        ...

    async def work(self, name: str, run: Run) -> Outcome:
        """Have one of them work on the task of a run that is a level below another.

        Raises:
            NothingAnswered: If every expert failed.
        """
        ...


class NoStrategies:
    """There are none."""

    names: tuple[str, ...] = ()

    async def work(self, name: str, run: Run) -> Outcome:
        """Refuse.

        Raises:
            KeyError: Always.
        """
        del run
        raise KeyError(name)


Gate = Callable[[Step], Awaitable[None]]
"""Is asked before a step begins; raises where it has to wait for somebody to allow it."""


async def open_gate(step: Step) -> None:
    """Let every step begin."""
    del step


class NoExpert(Exception):
    """There is nobody who could be asked; says why."""


class MemoryLedger:
    """Remembers as long as the process lives."""

    def __init__(self) -> None:
        self._finished: dict[str, Step] = {}

    @property
    def steps(self) -> Iterable[Step]:
        """All that have finished."""
        return self._finished.values()

    async def find(self, key: str) -> Step | None:
        """Return the finished step of that key, if there is one."""
        return self._finished.get(key)

    async def given_up(self, key: str) -> Step | None:
        """Return nothing: what is given up here is not begun again."""
        del key
        return None

    async def begun(self, step: Step) -> None:
        """Nothing to note: what was begun dies with the process."""

    async def left(self, step: Step) -> None:
        """Nothing to note either."""

    async def finished(self, step: Step) -> None:
        """Note a step that has ended."""
        self._finished[step.key] = step
