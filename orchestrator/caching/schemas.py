"""What tenants want of caches, and what is in them, as it is set and shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from experts.cache.store import Held, Kept, Which
from orchestrator.caching.book import ChoiceRecord
from orchestrator.caching.choice import Choice, Mode

Share = Annotated[float, Field(ge=0.001, le=0.2)]


class CacheWanted(BaseModel):
    """What a tenant is to have; what is left out is as usual."""

    model_config = ConfigDict(extra="forbid", strict=True)

    mode: Mode | None = Field(
        default=None,
        description="`off`; `asked`: requests that ask for it; `on`: all that do not refuse it.",
    )
    seconds: float | None = Field(
        default=None, gt=0, le=30 * 86_400, description="For which an answer is kept."
    )
    sampled: bool = Field(
        default=False,
        description="Keep answers unasked that might come out otherwise each time, too.",
    )
    similar: bool = Field(
        default=False, description="Whether the answer to a request that is only alike will do."
    )
    wrong: Share = Field(
        default=0.01, description="Share of wrong ones among those answers that is put up with."
    )

    def over(self, usual: Choice) -> Choice:
        """Return it with what is usual in place of what is left out."""
        return Choice(
            mode=self.mode or usual.mode,
            seconds=self.seconds or usual.seconds,
            sampled=self.sampled,
            similar=self.similar,
            wrong=self.wrong,
        )


class CacheChoice(BaseModel):
    """What a tenant has of caches, and what is kept for it."""

    tenant: str
    mode: Mode
    seconds: float
    sampled: bool
    similar: bool
    wrong: float
    usual: bool = Field(description="Whether the tenant has what is usual.")
    changed_at: datetime | None
    changed_by: str | None
    entries: int | None = Field(description="Answers that are kept; null where Redis is away.")
    bytes: int | None = Field(description="Of these, compressed; null where Redis is away.")

    @classmethod
    def of(cls, record: ChoiceRecord, held: Held | None) -> Self:
        """Return the view of what a tenant has said."""
        return cls._of(record.tenant, record.choice, record, held)

    @classmethod
    def usually(cls, tenant: str, choice: Choice, held: Held | None) -> Self:
        """Return the view of a tenant that has said nothing."""
        return cls._of(tenant, choice, None, held)

    @classmethod
    def _of(
        cls, tenant: str, choice: Choice, record: ChoiceRecord | None, held: Held | None
    ) -> Self:
        return cls(
            tenant=tenant,
            mode=choice.mode,
            seconds=choice.seconds,
            sampled=choice.sampled,
            similar=choice.similar,
            wrong=choice.wrong,
            usual=record is None,
            changed_at=None if record is None else record.changed_at,
            changed_by=None if record is None else record.changed_by,
            entries=None if held is None else held.entries,
            bytes=None if held is None else held.bytes,
        )


class CacheEntry(BaseModel):
    """An answer that is kept, without what it says."""

    key: str
    expert: str
    version: int = Field(description="Of the expert's entry in the catalogue.")
    category: str | None
    made_at: datetime
    seconds_left: float = Field(description="Until it goes.")
    bytes: int = Field(description="Compressed.")
    prompt_tokens: int
    completion_tokens: int
    comparisons: int | None = Field(
        description="How often it was held against an expert's answer to a request like it; "
        "null where it is given to no other request."
    )
    right: int | None = Field(description="How often it would have done.")

    @classmethod
    def of(cls, key: str, kept: Kept, seen: tuple[int, int] | None) -> Self:
        """Return the view of an entry.

        Args:
            key: Its name.
            kept: The entry.
            seen: How often it was compared, and was right.
        """
        entry = kept.entry
        return cls(
            key=key,
            expert=entry.expert,
            version=entry.version,
            category=entry.category,
            made_at=datetime.fromtimestamp(entry.made_at, UTC),
            seconds_left=kept.seconds_left,
            bytes=kept.bytes,
            prompt_tokens=entry.prompt_tokens,
            completion_tokens=entry.completion_tokens,
            comparisons=None if seen is None else seen[0],
            right=None if seen is None else seen[1],
        )


class CachePurge(BaseModel):
    """Which answers are to go: those for which all of this holds."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="As `x-coe-cache-key` says it."
    )
    expert: str | None = Field(default=None, max_length=64, description="Who gave them.")
    version: int | None = Field(default=None, ge=1, description="Of the expert's entry.")
    category: str | None = Field(default=None, max_length=64, description="Of their requests.")
    all: bool = Field(default=False, description="All of the tenant's, with nothing else given.")

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        given = any(one is not None for one in (self.key, self.expert, self.version, self.category))
        if given == self.all:
            raise ValueError("give what they have in common, or 'all'")
        return self

    def which(self) -> Which:
        """Return which entries these are."""
        key = None if self.key is None else bytes.fromhex(self.key)
        return Which(key, self.expert, self.version, self.category)


class CachePurged(BaseModel):
    """How many answers went."""

    tenant: str
    removed: int
