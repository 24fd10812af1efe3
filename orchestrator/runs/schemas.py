"""Runs as they are asked for and shown."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from orchestrator.conductor.grounds import (
    MAX_CHECKS,
    MAX_FACTS,
    MAX_PASSAGES,
    Grounds,
    checked_grounds,
    with_format,
    written,
)
from orchestrator.conductor.values import StepKind, storable
from orchestrator.runs.events import shown_step
from orchestrator.runs.record import RunRequest, Status, request_of

RUN_ID = re.compile(r"run_[0-9a-f]{32}")
_LARGEST = 2**31 - 1


def _storable(value: Any) -> Any:
    if storable(value) != value:
        raise ValueError("holds a character that cannot be stored")
    return value


Text = Annotated[str, AfterValidator(_storable)]
Named = Annotated[Text, Field(min_length=1)]
Fields = Annotated[dict[str, Any], AfterValidator(_storable)]
StepKey = Annotated[Text, Field(min_length=1, max_length=200)]
Metadata = Annotated[
    dict[
        Annotated[Text, Field(min_length=1, max_length=64)],
        Annotated[Text, Field(max_length=512)],
    ],
    Field(max_length=16),
]
Kinds = Annotated[list[StepKind], Field(max_length=len(get_args(StepKind)))]


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LimitsWanted(_Wanted):
    """What a run may use, at most what the service's settings say; they hold where nothing is said."""

    rounds: int | None = Field(default=None, ge=1)
    calls: int | None = Field(default=None, ge=1)
    depth: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    usd: float | None = Field(default=None, gt=0)
    seconds: float | None = Field(default=None, gt=0)

    def chosen(self) -> dict[str, Any]:
        """Return those that are said."""
        return self.model_dump(exclude_none=True)


class ParametersWanted(_Wanted):
    """Sampling parameters that the experts' calls inherit."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = Field(default=None, ge=0, le=_LARGEST)

    def chosen(self) -> dict[str, Any]:
        """Return those that are said."""
        return self.model_dump(exclude_none=True)


class MessageWanted(BaseModel):
    """One message, in OpenAI's form."""

    model_config = ConfigDict(extra="allow")

    role: Text
    content: Any = None

    @model_validator(mode="after")
    def _can_be_stored(self) -> Self:
        _storable(self.model_dump())
        return self


class RunWanted(_Wanted):
    """A run to be started."""

    strategy: Text = Field(default="conductor", min_length=1, max_length=64)
    task: Annotated[Text, Field(min_length=1)] | None = Field(
        default=None, description="The task as text; or `messages`."
    )
    messages: Annotated[list[MessageWanted], Field(min_length=1)] | None = None
    policy: Text | None = Field(default=None, max_length=64, description="Null: the default.")
    context: Annotated[list[Text], Field(max_length=MAX_PASSAGES)] = Field(
        default=[], description="Passages, the most trusted first."
    )
    facts: Annotated[list[tuple[Named, Named, Named]], Field(max_length=MAX_FACTS)] = Field(
        default=[], description="Facts as subject, relation, object."
    )
    checks: Annotated[list[Fields], Field(max_length=MAX_CHECKS)] = Field(
        default=[], description="That the answer has to pass: `regex`, `schema`, and others."
    )
    response_format: Fields | None = Field(
        default=None, description="With a `json_schema`, that is one of the checks."
    )
    limits: LimitsWanted = LimitsWanted()
    parameters: ParametersWanted = ParametersWanted()
    approval: Kinds = Field(
        default=[], description="Kinds of steps that wait until somebody allows them."
    )
    metadata: Metadata = Field(default={}, description="For you; the service does not read it.")
    webhook: Text | None = Field(default=None, max_length=64, description="Id of a webhook.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if (self.task is None) == (self.messages is None):
            raise ValueError("give either 'task' or 'messages'")
        return self

    def grounds(self) -> Grounds:
        """Return what the run is to work with, as a chat request would bring it.

        Raises:
            ApiError: 400, naming the entry that is not what it has to be.
        """
        given = {"context": self.context, "facts": self.facts, "checks": self.checks}
        found = checked_grounds({**given, "limits": self.limits.chosen()}, place="")
        return replace(found, checks=with_format(found.checks, self.response_format))

    def request(
        self, policy: str, limits: dict[str, Any], experts: frozenset[str] | None
    ) -> RunRequest:
        """Return what is to be stored of it.

        Args:
            policy: Where the caller names none.
            limits: All of them.
            experts: Those that the caller's key allows.

        Raises:
            ApiError: 400, naming the entry that is not what it has to be.
        """
        grounds = self.grounds()
        messages = (
            [{"role": "user", "content": self.task}]
            if self.messages is None
            else [message.model_dump(exclude_unset=True) for message in self.messages]
        )
        return RunRequest(
            messages=tuple(messages),
            policy=self.policy or policy,
            context=grounds.context,
            facts=grounds.facts,
            checks=grounds.checks,
            limits=limits,
            parameters=self.parameters.chosen(),
            approval=tuple(dict.fromkeys(self.approval)),
            experts=None if experts is None else tuple(sorted(experts)),
        )


class ReplayChanges(_Wanted):
    """What is to be different in the new run."""

    instruction: Text | None = Field(
        default=None, description="Of the step: in place of the last message, or the code."
    )
    expert: Text | None = Field(default=None, max_length=64, description="Who does the step.")
    output: Text | None = Field(
        default=None, description="What the step is to have come to; it is not done then."
    )
    policy: Text | None = Field(default=None, max_length=64)
    limits: LimitsWanted | None = None
    approval: Kinds | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.output is not None and (self.instruction or self.expert):
            raise ValueError("a step whose output is given is not done: it needs no other change")
        return self


class ReplayWanted(_Wanted):
    """A run to be run again from one of its steps."""

    from_step: StepKey = Field(description="Key of the first step that is done anew.")
    changes: ReplayChanges = ReplayChanges()
    metadata: Metadata | None = Field(default=None, description="Null: as it was.")
    webhook: Text | None = Field(default=None, max_length=64, description="Null: as it was.")


class Decision(_Wanted):
    """Which waiting step is meant."""

    step: StepKey | None = Field(default=None, description="Null: the only one.")


class Refusal(Decision):
    """Which waiting step is not to be done, and why not."""

    reason: Annotated[Text, Field(max_length=2000)] = Field(
        default="", description="Is told to whoever wanted the step."
    )


class Spent(BaseModel):
    """What a run has used so far."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    usd: float
    seconds: float


class RunError(BaseModel):
    """Why a run failed."""

    code: str
    message: str


class StepView(BaseModel):
    """One step."""

    key: str
    number: int
    kind: str
    title: str
    status: Literal["waiting", "running", "ok", "failed"]
    expert: str
    input: str
    output: str
    tool_calls: list[dict[str, Any]]
    prompt_tokens: int
    completion_tokens: int
    usd: float
    started_at: float
    seconds: float
    reused_from: str = Field(description="Key of an identical step before, not done again.")
    inherited: bool = Field(description="Taken over from the run that is replayed.")

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Return the view of a row."""
        return cls(**shown_step(row), inherited=row["inherited"])


class RunView(BaseModel):
    """A run."""

    id: str
    status: Status
    strategy: str
    policy: str
    tenant: str
    request_id: str = Field(description="Of the request that started it, and of its usage record.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    answer: str | None
    stopped: str | None = Field(description="The limit that was reached, if one was.")
    verified: bool | None = Field(description="What a check found; null: nothing was checked.")
    error: RunError | None
    spent: Spent
    metadata: dict[str, str]
    webhook: str | None
    replay_of: str | None
    replay_from: str | None

    @classmethod
    def of(cls, row: dict[str, Any], spent: dict[str, Any]) -> Self:
        """Return the view of a row and what the run has used."""
        code = row["error_code"]
        shown = {name: row[name] for name in cls.model_fields if name in row}
        return cls(
            **shown,
            policy=row["request"]["policy"],
            error=None if code is None else RunError(code=code, message=row["error_message"]),
            spent=Spent(**spent, seconds=_seconds(row)),
        )


class RunDetail(RunView):
    """A run with its steps."""

    messages: list[dict[str, Any]]
    context: list[str]
    facts: list[tuple[str, str, str]]
    checks: list[dict[str, Any]]
    limits: dict[str, Any]
    approval: list[str]
    steps: list[StepView]

    @classmethod
    def whole(cls, row: dict[str, Any], spent: dict[str, Any], steps: list[dict[str, Any]]) -> Self:
        """Return the view of a row, what the run has used, and its steps."""
        view, asked = RunView.of(row, spent), request_of(row["request"])
        return cls(
            **view.model_dump(),
            messages=list(asked.messages),
            context=list(asked.context),
            facts=list(asked.facts),
            checks=written(asked.checks),
            limits=asked.limits,
            approval=list(asked.approval),
            steps=[StepView.of(step) for step in steps],
        )


def _seconds(row: dict[str, Any]) -> float:
    """Return how long a run took, or takes so far; waiting for people is not counted."""
    if row["started_at"] is None:
        return 0.0
    until = row["finished_at"] or row["waiting_since"] or datetime.now(row["started_at"].tzinfo)
    took: float = (until - row["started_at"]).total_seconds() - row["waited"]
    return max(round(took, 3), 0.0)
