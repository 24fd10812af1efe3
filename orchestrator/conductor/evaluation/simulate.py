"""Simulated experts: each right on each task with a known probability, the same whenever asked.

They implement :class:`orchestrator.conductor.ports.Experts`, so every strategy runs over them as it
is. What is drawn depends on the seed, the expert, the task, and on the call's own ``seed`` and
conversation: repeated samples are independent, repeated runs equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.conductor.ports import Lost, NoExpert, Tell
from orchestrator.conductor.values import Ask, Said, Task

_VERDICTS = (
    ("End with one line: VERDICT", "VERDICT: CORRECT", "VERDICT: WRONG"),
    ("End with one line: FIRST WRONG STEP", "FIRST WRONG STEP: NONE", "FIRST WRONG STEP: 1"),
)
"""What checks ask for, and how one says yes and no."""
_SPLITS = "failed a check. Write down the questions"
"""What is said to whoever names the parts of a task."""
_PART = "Part {number} of {prompt}"
_COMBINES = "These questions about it have been answered"
"""And to whoever puts the answers to them together."""
_WRONG = "wrong by chance, "
"""Begins every wrong answer, so that a simulated checker can tell it."""
_TOKENS_READ, _TOKENS_WRITTEN = 100, 50


@dataclass(frozen=True, slots=True)
class Simulated:
    """One simulated expert.

    Args:
        error: Probability of a wrong answer.
        errors: The same for single tasks, by prompt, where it differs.
        wrong: Wrong answers there are, equally likely.
        accepts_right: As a checker, the probability that it accepts a right answer.
        accepts_wrong: And a wrong one.
        usd: Of one call.
        fails: Probability that a call fails.
        parts: As the one that splits a task, the questions it names.
        part_error: Probability of a wrong answer to such a question. The task's answer, put together
            of theirs, is right where all of them are.
    """

    error: float
    errors: Mapping[str, float] = field(default_factory=dict)
    wrong: int = 1
    accepts_right: float = 1.0
    accepts_wrong: float = 0.0
    usd: float = 0.001
    fails: float = 0.0
    parts: int = 0
    part_error: float = 0.0


@dataclass(frozen=True, slots=True)
class SimulatedExperts:
    """Simulated experts as runs see them.

    Args:
        experts: By id. Where none is asked for, they are ranked by their errors; under the policy
            ``economy`` by price.
        targets: The right answer by prompt; a task's prompt is recognised within any message.
        seed: Same seed, same answers.
    """

    experts: Mapping[str, Simulated]
    targets: Mapping[str, str]
    seed: int = 0

    def known(self, name: str) -> bool:
        """Tell whether there is an expert of that id."""
        return name in self.experts

    def choose(self, ask: Ask, task: Task) -> str:
        """Return the expert that is named, or the best that is not excluded."""
        if ask.expert is not None:
            if not self.known(ask.expert):
                raise NoExpert(f"there is no expert '{ask.expert}'")
            return ask.expert
        ranked = [name for name, _ in self.ranked(task)]
        return next((name for name in ranked if name not in ask.not_by), ranked[0])

    def ranked(self, task: Task, *, policy: str | None = None) -> tuple[tuple[str, float], ...]:
        """Return everyone with the probability of a right answer, the best or the cheapest first."""
        chances = {
            name: 1.0 - expert.errors.get(task.text, expert.error)
            for name, expert in self.experts.items()
        }
        if (policy or task.policy) == "economy":
            order = sorted(chances, key=lambda name: (self.experts[name].usd, -chances[name]))
        else:
            order = sorted(chances, key=lambda name: (-chances[name], self.experts[name].usd))
        return tuple((name, chances[name]) for name in order)

    def can(self, expert: str, capability: str) -> bool:
        """Tell that it can do nothing special: everything is written as text."""
        del expert, capability
        return False

    def window(self, expert: str) -> int:
        """Return a window that nothing here fills."""
        del expert
        return 1_000_000

    def size(self, expert: str) -> float:
        """Return what a call costs, in thousandths of a dollar, as its billions of parameters."""
        return max(1000.0 * self.experts[expert].usd, 1e-6)

    def price(self, expert: str) -> tuple[float, float]:
        """Return dollars for a token read, and for one written: a call costs what was given."""
        each = self.experts[expert].usd / (_TOKENS_READ + _TOKENS_WRITTEN)
        return each, each

    async def ask(self, expert: str, ask: Ask, task: Task, tell: Tell, lost: Lost) -> Said:
        """Answer right or wrong by chance; where a verdict is asked for, give one."""
        del task, lost
        from experts.errors import ExpertUnreachable

        model = self.experts[expert]
        draws = _Draws(f"{self.seed}\n{expert}\n{ask.parameters.get('seed')}\n{ask.messages!r}")
        if draws.next() < model.fails:
            raise ExpertUnreachable(f"expert '{expert}' failed by chance", expert=expert)
        text = self._text(model, ask.messages, draws)
        tell(text)
        return Said(expert, text, (), _TOKENS_READ, _TOKENS_WRITTEN, model.usd)

    def _text(self, model: Simulated, messages: Sequence[dict[str, object]], draws: _Draws) -> str:
        conversation = "\n".join(str(message.get("content") or "") for message in messages)
        prompt = next((each for each in self.targets if each in conversation), None)
        if prompt is None:
            return "I was told of no task that I know."
        target = self.targets[prompt]
        for asked, yes, no in _VERDICTS:
            if asked in conversation:
                right = _WRONG not in conversation
                accepted = draws.next() < (model.accepts_right if right else model.accepts_wrong)
                return yes if accepted else no
        if model.parts and _SPLITS in conversation:
            named = (_PART.format(number=n, prompt=prompt) for n in range(1, model.parts + 1))
            return "\n".join(f"- {part}" for part in named)
        if draws.next() < _error(model, prompt, conversation):
            return answer_of(f"{_WRONG}{int(draws.next() * model.wrong)}")
        return answer_of(target)


def _error(model: Simulated, prompt: str, conversation: str) -> float:
    if _COMBINES in conversation:
        return float(_WRONG in conversation)
    if conversation.startswith(_PART.partition("{")[0]):
        return model.part_error
    return model.errors.get(prompt, model.error)


def answer_of(target: str) -> str:
    """Return how a simulated expert gives an answer."""
    return f"<answer>{target}</answer>"


class _Draws:
    """Numbers from 0 to 1 that depend on a text alone."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._count = 0

    def next(self) -> float:
        """Return the next number."""
        self._count += 1
        digest = hashlib.sha256(f"{self._count}\n{self._text}".encode("utf-8", "replace")).digest()
        return int.from_bytes(digest[:8]) / 2**64
