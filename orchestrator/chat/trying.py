"""An entry that is not saved, asked one question: what it answers, or what is in the way.

It goes the way of every chat request, with a catalogue that holds nothing else: under the same limits and
guardrails, to the same addresses, and what it costs is on record. The cache has no part in it, nobody answers in its
place, and what becomes of it changes nothing for the expert of that id that is in force.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from experts import errors
from experts.cache.controls import Controls
from experts.catalogue.expert import Expert
from orchestrator.catalogue.service import Catalogue, CatalogueService
from orchestrator.chat.guarding import guarded
from orchestrator.chat.pipeline import ChatPipeline
from orchestrator.chat.request import ChatRequest
from orchestrator.guardrails.service import Guardrails
from orchestrator.kit.errors import ApiError
from orchestrator.tenants.keys import Principal
from orchestrator.usage.journal import UsageJournal

API = "experts.try"
"""What usage records call it."""
MOST_SECONDS = 60.0
UNSAVED = 0
"""Version of an entry that is not saved."""
_ADVICE: tuple[tuple[type[errors.ExpertError], str], ...] = (
    (
        errors.ExpertMisconfigured,
        "Check its key, model and address: as they are, no call can succeed.",
    ),
    (
        errors.RequestRefused,
        "Its server refuses the request: check the model's name, the parameters and the address's path.",
    ),
    (
        errors.ExpertUnreachable,
        "Nothing answers at its address: check host, port and path, and whether its server runs.",
    ),
    (
        errors.ExpertOverloaded,
        "Its server has too much to do, or its account has reached a limit: try again later.",
    ),
    (
        errors.ExpertTimedOut,
        "It was too slow. A local model may have been loading: try again; else check its address.",
    ),
    (
        errors.ExpertAnswerInvalid,
        "What answers there does not speak this protocol: check the address, often it lacks '/v1'.",
    ),
    (errors.ExpertError, "Try again; if it fails again, ask whoever runs its server."),
)


@dataclass(frozen=True, slots=True)
class Alone:
    """A catalogue of one entry that is not saved."""

    current: Catalogue

    @classmethod
    def of(cls, expert: Expert) -> Alone:
        """Return the catalogue of an entry: enabled, and with nobody to answer in its place."""
        one = expert.model_copy(update={"enabled": True, "fallbacks": (), "aliases": ()})
        return cls(Catalogue(0, {one.id: one}, {one.id: UNSAVED}))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a trial.

    Args:
        seconds: It took.
        body: The answer, as chat gives it with an explanation; ``None``: there is none.
        error: Why there is none.
        advice: What to do about that.
    """

    seconds: float
    body: dict[str, Any] | None = None
    error: ApiError | None = None
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Trials:
    """Tries entries that are not saved.

    Args:
        pipeline: Answers chat requests.
        guardrails: Judge them.
        journal: Records them.
        catalogue: Says whether an entry could be saved.
    """

    pipeline: ChatPipeline
    guardrails: Guardrails
    journal: UsageJournal
    catalogue: CatalogueService
    seconds: float = field(default=MOST_SECONDS)

    def checked(self, expert: Expert) -> Expert:
        """Return an entry that could be saved.

        Raises:
            CatalogueInvalid: If it could not.
        """
        self.catalogue.check([expert])
        return expert

    async def ask(
        self, expert: Expert, message: str, max_tokens: int, principal: Principal, request: Request
    ) -> Outcome:
        """Ask an entry one question, once.

        Args:
            expert: The entry, as it came from :meth:`checked`.
            message: What it is asked.
            max_tokens: Of the answer.
            principal: Who pays.
            request: The HTTP request; whoever sent it may go away.

        Raises:
            ApiError: Where a limit or a guardrail is in the way, or the entry is not for chat.
        """
        if expert.embeds:
            raise ApiError(
                400,
                "invalid_request",
                "It turns texts into vectors and does not chat: save it, then ask POST /v1/embeddings.",
                param="capabilities",
            )
        within = min(self.seconds, self.pipeline.timeout)
        alone = replace(
            self.pipeline,
            catalogue=Alone.of(expert),
            caller=self.pipeline.caller.once(),
            timeout=within,
            first_token_timeout=within,
        )
        chat = guarded(alone, self.guardrails, self.journal)
        began = time.perf_counter()
        try:
            answer = await chat.answer(
                _question(expert, message, max_tokens), principal, request, request.state.request_id
            )
        except ApiError as error:
            if not isinstance(error.__cause__, errors.ExpertError):
                raise
            advice = advice_of(error.__cause__)
            return Outcome(time.perf_counter() - began, error=error, advice=advice)
        return Outcome(time.perf_counter() - began, _body(answer))


def advice_of(error: errors.ExpertError) -> str:
    """Return what to do about an expert's failure, in a sentence."""
    return next(text for kind, text in _ADVICE if isinstance(error, kind))


def _question(expert: Expert, message: str, max_tokens: int) -> ChatRequest:
    messages = [{"role": "user", "content": message}]
    fields = {"model": expert.id, "messages": messages, "max_tokens": max_tokens}
    return ChatRequest(
        fields={name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()},
        model=expert.id,
        messages=messages,
        stream=False,
        tools=None,
        response_format=None,
        explain=True,
        cache=Controls(read=False, write=False),
        api=API,
    )


def _body(answer: Any) -> dict[str, Any] | None:
    """Return an answer's body; ``None`` where nobody is there any more to get it."""
    if not isinstance(answer, Response) or not answer.body:
        return None
    found: dict[str, Any] = msgspec.json.decode(answer.body)
    return found
