"""All that a request says: the conversation, and what comes beside it for a strategy."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.guardrails.values import Messages
from orchestrator.kit.errors import ApiError


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says.

    Args:
        messages: The conversation.
        context: Passages.
        facts: Subject, relation, object.
    """

    messages: Messages
    context: tuple[str, ...] = ()
    facts: tuple[tuple[str, str, str], ...] = ()

    @property
    def judged(self) -> Messages:
        """The conversation and, behind it, each passage and the facts as messages of their own."""
        return [*self.messages, *({"role": "user", "content": text} for text in self._beside)]

    def told_as(self, messages: Messages) -> Asked:
        """Return what is asked when :attr:`judged` reads like this; facts that changed are left out.

        Raises:
            ApiError: 503 if a passage has gone, so that nobody knows which.
        """
        beside = self._beside
        cut = len(messages) - len(beside)
        told = [message.get("content") for message in messages[max(cut, 0) :]]
        if cut < 1 or not all(isinstance(text, str) for text in told):
            raise ApiError(
                503,
                "guardrail_unavailable",
                "The request could not be redacted: a guardrail left out what came beside it.",
            )
        texts = tuple(map(str, told))
        context = texts[: len(self.context)]
        return Asked(messages[:cut], context, self.facts if texts[-1:] == beside[-1:] else ())

    @property
    def _beside(self) -> tuple[str, ...]:
        facts = ("\n".join(map(" ".join, self.facts)),) if self.facts else ()
        return (*self.context, *facts)
