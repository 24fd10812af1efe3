"""How each expert counts, learned from answers whose tokens it has counted: in memory, of a bounded size.

The expert is what counts, not its endpoint: tokenizer and template are the model's, and before a call it is not
known at which endpoint it will be. Every process learns by itself.

Answers are looked at in full for as long as there is something to learn, and then one in 32: the first
sixty, and sixty more whenever what comes is not what was expected, as after a change of tokenizer.
"""

from __future__ import annotations

from collections import OrderedDict

from experts.catalogue.expert import Expert
from experts.counting.fit import Belief, Fit
from experts.counting.measure import FIRST_TOKENS, MESSAGE_TOKENS, Measure
from experts.providers.protocol import Usage

CLOSELY = 60
ONE_IN = 32
_MOST_EXPERTS = 4096

_PROMPT = Belief((FIRST_TOKENS, MESSAGE_TOKENS, 1.0, 1.0), (20.0, 3.0, 0.5, 0.5))
"""Of a conversation, of a message, and factors of its text and of the description of tools."""
_ANSWER = Belief((1.0,), (0.5,))
"""A factor of the text. What ends an answer is a token or two, which one that breaks off has not."""
_FORESEEN = Belief((0.0, 1.0), (20.0, 0.5))
"""Of a conversation, and a factor of what was estimated before the call."""


class Habit:
    """How one expert counts."""

    __slots__ = ("_answer", "_closely", "_foreseen", "_prompt", "_skip")

    def __init__(self) -> None:
        self._prompt = Fit.of(_PROMPT)
        self._answer = Fit.of(_ANSWER)
        self._foreseen = Fit.of(_FORESEEN)
        self._closely = CLOSELY
        self._skip = 0

    def prompt_tokens(self, measure: Measure) -> int:
        """Return the tokens it is expected to count for what it read; zero where it read nothing."""
        expected = round(self._prompt.estimate(_features(measure)))
        return max(expected, bool(measure.messages)) + measure.other

    def answer_tokens(self, measure: Measure) -> int:
        """Return the tokens it is expected to count for what it wrote; zero where it wrote nothing."""
        return max(round(self._answer.estimate((measure.written,))), bool(measure.written))

    def foreseen_tokens(self, estimate: int) -> int:
        """Return the tokens of a prompt that it is expected to count.

        Args:
            estimate: What was estimated without knowing who is asked, the expert's system prompt included.
        """
        return round(self._foreseen.estimate((1, estimate)))

    @property
    def curious(self) -> bool:
        """Whether the next answer that it counts is to be learned from."""
        return self._skip <= 0

    def take(self) -> bool:
        """Tell whether an answer that is here is to be learned from; it counts as looked at then."""
        if self._skip > 0:
            self._skip -= 1
            return False
        self._closely = max(self._closely - 1, 0)
        self._skip = 0 if self._closely else ONE_IN - 1
        return True

    def read(self, measure: Measure, usage: Usage) -> None:
        """Learn from what it counted for a prompt of nothing but text."""
        self._prompt = self._learned(self._prompt, _features(measure), usage.prompt_tokens)

    def wrote(self, measure: Measure, usage: Usage) -> None:
        """Learn from what it counted for an answer.

        Tokens of reasoning that are counted apart are mostly not shown: such an answer says nothing of the text.
        """
        if measure.written and not usage.reasoning_tokens:
            self._answer = self._learned(self._answer, (measure.written,), usage.completion_tokens)

    def foresaw(self, estimate: int, usage: Usage) -> None:
        """Learn from what it counted for a prompt of nothing but text; see :meth:`foreseen_tokens`."""
        self._foreseen = self._learned(self._foreseen, (1, estimate), usage.prompt_tokens)

    def _learned(self, fit: Fit, features: tuple[int, ...], real: int) -> Fit:
        learned = fit.learned(features, real)
        if learned.surprised and not learned.waiting:
            self._closely, self._skip = CLOSELY, 0
        return learned


def _features(measure: Measure) -> tuple[int, ...]:
    return (int(measure.messages > 0), measure.messages, measure.text, measure.tools)


class Habits:
    """The habits of all experts that were called of late; those that were not for longest go first."""

    def __init__(self, most: int = _MOST_EXPERTS) -> None:
        self._most = most
        self._found: OrderedDict[tuple[str, str], Habit] = OrderedDict()

    def of(self, expert: Expert) -> Habit:
        """Return the habit of an expert; another model under its name has one of its own."""
        key = (expert.id, expert.model)
        habit = self._found.get(key)
        if habit is None:
            habit = self._found[key] = Habit()
            if len(self._found) > self._most:
                self._found.popitem(last=False)
        else:
            self._found.move_to_end(key)
        return habit
