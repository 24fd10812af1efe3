"""The values that strategies, nodes and their callers pass to each other. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from orchestrator.conductor.checks import NO_CHECKS, Checks

StepKind = Literal[
    "plan",
    "expert",
    "python",
    "verify",
    "vote",
    "aggregate",
    "guide",
    "correct",
    "decompose",
    "walk",
    "strategy",
    "lessons",
    "rank",
    "answer",
]
StepStatus = Literal["waiting", "running", "ok", "failed"]
"""``waiting``: for somebody to allow it."""
Message = dict[str, Any]
"""One message in OpenAI's wire format."""
Triple = tuple[str, str, str]
"""A fact: subject, relation, object."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be answered.

    Args:
        messages: The conversation, as the client sent it.
        text: What of it is looked at for routing (:func:`router.routing_text`).
        policy: The trade-off that experts are chosen under.
        category: Id of its category, where the router has said it.
        uncertainty: The router's about it, 0 to 1.
        tenant: Whose it is.
        facts: That come with it, to be walked over.
        parameters: Sampling parameters of the request that calls inherit (``temperature``, ``seed``).
        checks: By programs, that an answer has to pass wherever it is checked.
        context: Passages that lead ``messages``, for those who are not told these.
    """

    messages: tuple[Message, ...]
    text: str
    policy: str = "balanced"
    category: str | None = None
    uncertainty: float = 0.0
    tenant: str = ""
    facts: tuple[Triple, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    checks: Checks = NO_CHECKS
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """One call of an expert.

    Args:
        key: Names the call within the run, the same whenever the run is repeated.
        kind: What the call is for.
        messages: All that the expert gets to see.
        title: What a person sees of it while it runs.
        expert: Id of the expert; ``None``: the router chooses by ``skill``, or by the messages.
        skill: What the expert should be good at, in words.
        not_by: Experts that shall not answer it, where others can.
        parameters: Further fields of the request (``tools``, ``max_tokens``, ``response_format``).
        concluding: Whether it may use what limits keep for the last word.
    """

    key: str
    kind: StepKind
    messages: tuple[Message, ...]
    title: str = ""
    expert: str | None = None
    skill: str = ""
    not_by: frozenset[str] = frozenset()
    parameters: dict[str, Any] = field(default_factory=dict)
    concluding: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What an expert answered, and what it cost.

    Args:
        expert: Its id.
        text: The content.
        tool_calls: In OpenAI's wire format.
        prompt_tokens: Read.
        completion_tokens: Written.
        usd: US dollars.
        cached_tokens: Of the prompt: found in the vendor's cache.
        cache_write_tokens: Of the prompt: put into the vendor's cache.
        reasoning_tokens: Of the answer: spent on reasoning.
        tokens_estimated: Whether the tokens were counted by us.
        version: Of the expert's entry, that it was priced by.
    """

    expert: str
    text: str
    tool_calls: tuple[dict[str, Any], ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    tokens_estimated: bool = False
    version: int | None = None

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run, as it is shown and stored.

    Args:
        key: Names it within the run; see :class:`Ask`.
        number: Its place in the order of beginnings, from 1.
        kind: What it is for.
        title: For people.
        status: How it stands.
        expert: Who does it; empty for code and votes.
        input: The instruction, the code, or what was voted on.
        output: What came of it, or why it failed.
        prompt_tokens: Read.
        completion_tokens: Written.
        usd: US dollars.
        cached_tokens: Of the prompt: found in the vendor's cache.
        cache_write_tokens: Of the prompt: put into the vendor's cache.
        reasoning_tokens: Of the answer: spent on reasoning.
        tokens_estimated: Whether the tokens were counted by us.
        expert_version: Of the expert's entry, that it was priced by.
        started_at: Seconds since 1970.
        seconds: It took.
        reused_from: Key of the identical step whose result this is; nothing was paid for it again.
        fingerprint: The same for identical steps, so that a run that is resumed knows them.
    """

    key: str
    number: int
    kind: StepKind
    title: str
    status: StepStatus
    expert: str = ""
    input: str = ""
    output: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    started_at: float = 0.0
    seconds: float = 0.0
    reused_from: str = ""
    fingerprint: str = ""
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    tokens_estimated: bool = False
    expert_version: int | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a run has taught, for those that come after it.

    Args:
        task: What was asked.
        answer: That a check held to be right.
        warning: What a check had against an answer before it; empty where the first one stood.
    """

    task: str
    answer: str
    warning: str = ""


def storable(value: Any) -> Any:
    """Return JSON data without what no database holds, and JSON itself hardly: experts write anything."""
    if isinstance(value, str):
        return value.replace("\x00", " ").encode(errors="replace").decode()
    if isinstance(value, dict):
        return {storable(str(key)): storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [storable(each) for each in value]
    return value


@dataclass(frozen=True, slots=True)
class Amendment:
    """What is to be different about a step when a run is replayed.

    Args:
        instruction: In place of the last message, or of the code; ``None``: as it is.
        expert: Id of who does it; ``None``: as it is.
    """

    instruction: str | None = None
    expert: str | None = None

    def ask(self, ask: Ask) -> Ask:
        """Return the call as it is to be made."""
        messages = ask.messages
        if self.instruction is not None:
            last = {**(messages[-1] if messages else {"role": "user"}), "content": self.instruction}
            messages = (*messages[:-1], last)
        return replace(ask, messages=messages, expert=self.expert or ask.expert)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to.

    Args:
        text: The answer; never empty.
        strategy: Who found it.
        stopped: The limit that was reached, where one was.
        verified: Whether a check held it to be right; ``None`` where nothing was checked.
        steps: All steps, by number.
        usd: US dollars of them all.
        tokens: Read and written by them all.
        calls: Of experts.
        seconds: The run took.
    """

    text: str
    strategy: str
    stopped: str | None
    verified: bool | None
    steps: tuple[Step, ...]
    usd: float
    tokens: int
    calls: int
    seconds: float
