"""A conversation stays with its expert while that is reasonable, and says why when it moves.

A change of expert in the middle costs the vendor's cache of the prompt, and the manner of speaking.
What is remembered is the expert's id under a hash of the tenant and the conversation: its name
(``x-coe-session``) or, without one, how it begins. This process remembers the latest; behind it
Redis remembers for all, and is asked only for a conversation that has begun elsewhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from experts.calling.attempts import Attempt
from orchestrator.catalogue.service import Catalogue
from router import RoutingDecision

MARGIN = 0.1
"""Expected quality (0 to 1) that another expert must have more for a conversation to move."""
SESSION_SECONDS = 86_400
"""How long Redis remembers a conversation after its latest answer."""
_MAX_SESSIONS = 20_000
_MAX_UNWRITTEN = 5_000
_WRITE_SECONDS = 0.2
_RECALL_SECONDS = 0.25
_LOOKED_AT = 8_192
_KEY_BYTES = 16
_REDIS_PREFIX = b"coe:session:"
_CANNOT = frozenset(
    {"disabled", "not_allowed", "context_window", "capability", "input", "max_cost"}
)
"""What rules an expert out even where a tool waits for it."""

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class Conversation(msgspec.Struct, frozen=True):
    """What a request belongs to.

    Args:
        key: Names it, the tenant included; holds nothing of what was said.
        goes_on: Whether it may have been answered before.
        awaits_tool: Whether the expert waits for what a tool has said.
    """

    key: bytes
    goes_on: bool
    awaits_tool: bool


class Stay(msgspec.Struct, frozen=True):
    """Who answers a conversation, in view of who did before.

    Args:
        before: Who did.
        expert: Who does.
        moved: Why that is another, if it is.
    """

    before: str
    expert: str
    moved: str | None = None

    def reason(self, answered: str, attempts: Sequence[Attempt]) -> str | None:
        """Return why the conversation has moved to who answered at last, if it has.

        Args:
            answered: Id of the expert that did.
            attempts: All that was tried.
        """
        if answered == self.before or self.moved is not None:
            return None if answered == self.before else self.moved
        errors = [one.error for one in attempts if one.expert.id == self.before and one.error]
        return errors[-1] if errors else "unhealthy"


def conversation_of(
    messages: Sequence[Any], *, tenant: str, policy: str, session: str | None
) -> Conversation:
    """Return which conversation a request belongs to.

    Args:
        messages: The decoded messages.
        tenant: Whose it is; the same words of two tenants are two conversations.
        policy: The policy asked for.
        session: What the caller calls it, if it does.
    """
    digest = hashlib.blake2b(digest_size=_KEY_BYTES)
    for part in (tenant, policy):
        digest.update(part.encode("utf-8", "replace") + b"\0")
    roles = [message["role"] for message in messages]
    if session is not None:
        digest.update(b"name\0" + session.encode("utf-8", "replace"))
    else:
        first = roles.index("user") + 1 if "user" in roles else 1
        digest.update(b"text\0")
        for message in messages[:first]:
            digest.update(_said(message))
    goes_on = session is not None or "assistant" in roles
    return Conversation(digest.digest(), goes_on, bool(roles) and roles[-1] == "tool")


def stay(
    before: str, decision: RoutingDecision, conversation: Conversation, catalogue: Catalogue
) -> Stay:
    """Decide who answers a conversation that an expert has answered before.

    Args:
        before: That expert.
        decision: What the router says of the request by itself.
        conversation: The conversation.
        catalogue: The experts in force.
    """
    chosen = decision.expert
    if before == chosen:
        return Stay(before, before)
    if before not in catalogue.experts:
        return Stay(before, chosen, "retired")
    views = {view.id: view for view in decision.candidates}
    excluded = views[before].excluded if before in views else None
    eligible = before in decision.ranked
    if conversation.awaits_tool and excluded not in _CANNOT and (eligible or excluded):
        return Stay(before, before)
    if not eligible:
        return Stay(before, chosen, excluded or "not_eligible")
    known = before in views and chosen in views
    if known and views[chosen].quality - views[before].quality >= MARGIN:
        return Stay(before, chosen, "better_expert")
    return Stay(before, before)


def _said(message: Mapping[str, Any]) -> bytes:
    content = message.get("content")
    text = content if isinstance(content, str) else None
    said = _encode(content) if text is None else text[:_LOOKED_AT].encode("utf-8", "replace")
    role = str(message["role"]).encode("utf-8", "replace")
    return role + b"\0" + len(said).to_bytes(8) + said


class Sessions:
    """Remembers who answers which conversation.

    Args:
        redis: Where it is remembered for all processes; away, each goes by its own memory.
        capacity: Conversations this process remembers.
    """

    def __init__(self, redis: Redis, capacity: int = _MAX_SESSIONS) -> None:
        self._redis = redis
        self._capacity = capacity
        self._experts: OrderedDict[bytes, str] = OrderedDict()
        self._unwritten: dict[bytes, str] = {}
        self._something = asyncio.Event()

    async def recall(self, conversation: Conversation) -> str | None:
        """Return who answered a conversation last, if that is known."""
        if not conversation.goes_on:
            return None
        known = self._experts.get(conversation.key)
        if known is not None:
            return known
        try:
            async with asyncio.timeout(_RECALL_SECONDS):
                stored = await self._redis.get(_REDIS_PREFIX + conversation.key)
        except (RedisError, TimeoutError, OSError) as error:
            log.debug("a conversation is not recalled: %r", error)
            return None
        expert = stored.decode("utf-8", "replace") if isinstance(stored, bytes) else None
        if expert is not None:
            self._remember(conversation.key, expert)
        return expert

    def keep(self, conversation: Conversation, expert: str) -> None:
        """Remember who has answered; written down for the other processes in a moment."""
        self._remember(conversation.key, expert)
        if len(self._unwritten) < _MAX_UNWRITTEN:
            self._unwritten[conversation.key] = expert
            self._something.set()

    async def run(self) -> None:
        """Write down what is new, many at once, until cancelled."""
        while True:
            await self._something.wait()
            await asyncio.sleep(_WRITE_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write down what is new; what Redis does not take is known to this process alone."""
        self._something.clear()
        unwritten, self._unwritten = self._unwritten, {}
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for key, expert in unwritten.items():
                    pipe.set(_REDIS_PREFIX + key, expert, ex=SESSION_SECONDS)
                await pipe.execute()
        except (RedisError, OSError) as error:
            log.warning(
                "%d conversations are known to this replica only: %s", len(unwritten), error
            )

    def _remember(self, key: bytes, expert: str) -> None:
        self._experts[key] = expert
        self._experts.move_to_end(key)
        if len(self._experts) > self._capacity:
            self._experts.popitem(last=False)
