"""Webhooks as they are asked for and shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field


class WebhookWanted(BaseModel):
    """A webhook to be made."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=2000)


class WebhookView(BaseModel):
    """A webhook, without its secret."""

    id: str
    url: str
    created_at: datetime

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Return the view of a row."""
        return cls(id=row["id"], url=row["url"], created_at=row["created_at"])


class NewWebhook(WebhookView):
    """A webhook just made."""

    secret: str = Field(description="Checks the signatures. It is shown this once.")


class DeliveryView(BaseModel):
    """A message to a webhook."""

    id: str
    run_id: str
    type: str
    created_at: datetime
    attempts: int = Field(description="So far; counted anew after a redelivery.")
    next_at: datetime | None = Field(description="Of the next attempt; null: there is none.")
    delivered_at: datetime | None
    last_status: int | None = Field(description="HTTP status of the last answer.")
    last_problem: str | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Return the view of a row."""
        return cls(**{name: row[name] for name in cls.model_fields})
