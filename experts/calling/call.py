"""One call made well: the request prepared, somebody found who answers it, within the time there is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from experts.calling.alarm import Alarm
from experts.calling.attempts import NOT_AFFORDED, Attempt
from experts.calling.budget import RetryBudget
from experts.calling.content import is_hollow
from experts.calling.course import Course, Place
from experts.calling.health import ExpertHealth
from experts.calling.ongoing import Ongoing
from experts.calling.options import CallOptions, CallRules, Permit
from experts.calling.prepare import Prepared, prepare
from experts.calling.racing import Race, raced
from experts.calling.registry import ProviderRegistry
from experts.calling.secrets import SecretResolver, resolved
from experts.calling.stream import ExpertStream
from experts.calling.trip import Answer, Kind, Trip
from experts.catalogue.expert import Expert
from experts.counting.habits import Habits
from experts.errors import ExpertAnswerInvalid, ExpertError, ExpertFailed
from experts.providers.protocol import ExpertCall

__all__ = ["Answer", "CallOptions", "CallRules", "ExpertCaller", "ExpertStream"]

T = TypeVar("T", Answer, ExpertStream)
Experts = Expert | Sequence[Expert]
"""Who may answer: one, or several of which the first that can does, best first."""


class ExpertCaller:
    """Calls experts through their providers, and others where one fails.

    What has not been passed on yet can still be answered by another: an answer that is not whole, a
    stream whose first real piece has not come.

    Args:
        providers: The providers by name; closed with the caller.
        resolve_secret: Finds keys; see :data:`SecretResolver`.
        health: Knows endpoints, and is told how calls end.
        rules: How calls are made.
        chance: Returns a random number from 0 to 1.
    """

    def __init__(
        self,
        providers: ProviderRegistry,
        resolve_secret: SecretResolver,
        health: ExpertHealth | None = None,
        rules: CallRules | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.health = ExpertHealth() if health is None else health
        self.habits = Habits()
        """How experts count, learned by whoever settles what calls cost."""
        self._rules = rules or CallRules()
        self._providers = providers
        self._resolve_secret = resolve_secret
        self._chance = chance
        self._hedges = RetryBudget(ratio=self._rules.hedge_ratio, refill=0.0)

    async def complete(
        self, experts: Experts, fields: Mapping[str, Any], options: CallOptions | None = None
    ) -> Answer:
        """Return the whole answer to a request.

        Args:
            experts: The expert, or all that may answer, best first.
            fields: The caller's request by field; values are plain or ``msgspec.Raw``.
            options: Deadlines and names.

        Raises:
            ExpertError: Of the kind that names whom to blame (:mod:`experts.errors`), with all that
                was tried.
        """
        trip = self._trip(experts, fields, options)
        fair = self._rules.fair_timeout
        kind = Kind(self._whole, Answer.discard, trip.whole_by, fair, "its answer")
        return await self._answered(trip, kind)

    async def stream(
        self, experts: Experts, fields: Mapping[str, Any], options: CallOptions | None = None
    ) -> ExpertStream:
        """Return the answer as a stream whose first real piece has already come.

        Args:
            experts: The expert, or all that may answer, best first.
            fields: The caller's request by field; values are plain or ``msgspec.Raw``.
            options: Deadlines and names.

        Raises:
            ExpertError: Where nobody has begun to answer. Errors after that come while the stream
                is iterated: nobody else can take over what has been passed on.
        """
        trip = self._trip(experts, fields, options)
        rules, discard = self._rules, ExpertStream.discard
        fair, idle = rules.fair_first_token, rules.idle_timeout
        kind = Kind(self._begun, discard, trip.first_by, fair, "the first token", idle)
        return await self._answered(trip, kind)

    def once(self) -> ExpertCaller:
        """Return a caller that asks one endpoint once, and whose calls nobody's health depends on.

        It has the same providers, so it is not closed.
        """
        rules = replace(self._rules, attempts=1, retries=0, hedge=False)
        return ExpertCaller(self._providers, self._resolve_secret, None, rules, self._chance)

    async def aclose(self) -> None:
        """Close the providers."""
        await self._providers.aclose()

    def _trip(
        self, experts: Experts, fields: Mapping[str, Any], options: CallOptions | None
    ) -> Trip:
        several = (experts,) if isinstance(experts, Expert) else experts
        course = Course(several, self.health, self._rules, self._chance)
        return Trip(course, fields, options or CallOptions(), self.health.clock())

    async def _answered(self, trip: Trip, kind: Kind[T]) -> T:
        """Return the answer of whoever gives one.

        Raises:
            ExpertError: The one that tells most, once nobody is left or the time is over.
        """
        try:
            return await self._travel(trip, kind, trip.course.first())
        except ExpertError as error:
            verdict = trip.course.verdict(error)
            verdict.attempts = trip.options.attempts
            if verdict is error:
                raise
            raise verdict from error

    async def _travel(self, trip: Trip, kind: Kind[T], place: Place, *, hedge: bool = False) -> T:
        """Ask one after the other until somebody answers.

        Raises:
            ExpertError: The last failure.
        """
        failure: ExpertError | None = None
        while True:
            if place.replica.breaker.opened_at is not None:
                place = await self._permitted(trip.course, place)
            if trip.options.permit is not None and not trip.course.begins:
                place = await self._affordable(trip, trip.options.permit, place, failure)
            try:
                return await self._asked(trip, kind, place, hedge=hedge)
            except ExpertError as error:
                failure = error
                following = trip.course.after(place, error, kind.by - self.health.clock())
                if following is None:
                    raise
            place = following
            if place.wait:
                await asyncio.sleep(place.wait)

    async def _affordable(
        self, trip: Trip, permit: Permit, place: Place, failure: ExpertError | None
    ) -> Place:
        """Return where to go: an expert that may not be asked is passed by, and that is noted.

        Raises:
            ExpertError: What went wrong before, where nobody else is left.
        """
        while not await permit(place.expert):
            began = self.health.clock() - trip.began
            skipped = Attempt(
                place.expert, place.replica.name, began, outcome="skipped", error=NOT_AFFORDED
            )
            trip.options.attempts.append(skipped)
            other = trip.course.without(place)
            if other is None:
                message = f"expert '{place.expert.id}' costs more than may be spent"
                raise failure or ExpertFailed(message, expert=place.expert.id)
            place = other
        return place

    async def _permitted(self, course: Course, place: Place) -> Place:
        """Return where to go, now that the place is half open: only one at a time may try that."""
        while place.replica.breaker.admits(self.health.clock()):
            if await self.health.may_try(place.replica):
                break
            other = course.instead(place)
            if other is None:
                break  # to ask there all the same is better than to refuse
            place = other
        return place

    def _asked(
        self, trip: Trip, kind: Kind[T], place: Place, *, hedge: bool
    ) -> Coroutine[Any, Any, T]:
        """Ask at a place, and from then on at another one beside it, if it takes long.

        A call that takes long is not cut off for another: it may be nearly done, and is paid for
        anyway. The other is asked beside it, and the first answer counts.
        """
        # The first attempt begins with the request, and has all of its time.
        now = trip.began if trip.course.asked == 1 else self.health.clock()
        left = max(round(kind.by - now, 3), 0.0)
        more = trip.course.more(place)
        alone = left * self._rules.share if more else left
        ongoing = self._ongoing(trip, place, now, fair=alone >= kind.fair, hedge=hedge)
        if not more:
            alarm = Alarm(place.expert.id, kind.awaited, left, kind.idle)
            return kind.ask(trip, place, ongoing, left, alarm)

        def late() -> Coroutine[Any, Any, T] | None:
            ongoing.late = True
            other = trip.course.beside(place)
            return None if other is None else self._travel(trip, kind, other)

        race = Race(late)
        alarm = Alarm(place.expert.id, kind.awaited, left, kind.idle, alone, race.join)
        asked = raced(kind.ask(trip, place, ongoing, left, alarm), race, kind.dispose)
        return self._hedged(asked, trip, kind, place) if self._rules.hedge else asked

    def _hedged(
        self, asked: Coroutine[Any, Any, T], trip: Trip, kind: Kind[T], place: Place
    ) -> Coroutine[Any, Any, T]:
        """Ask somebody else too if this one takes longer than 95 of 100 answers do."""
        self._hedges.called()
        usual = place.replica.durations.p95
        if usual is None:
            return asked

        def beside() -> Coroutine[Any, Any, T] | None:
            if not trip.course.more(place) or not self._hedges.take(self.health.clock()):
                return None
            other = trip.course.beside(place)
            return None if other is None else self._travel(trip, kind, other, hedge=True)

        return raced(asked, Race(beside).join_after(usual), kind.dispose)

    async def _whole(
        self, trip: Trip, place: Place, ongoing: Ongoing, left: float, alarm: Alarm
    ) -> Answer:
        expert, options = place.expert, trip.options
        try:
            with ongoing:
                prepared = prepare(expert, trip.fields, stream=False)
                call = self._call(place, prepared, options, left, ongoing)
                provider = self._providers.get(expert.provider)
                answer = await alarm.wait_for(lambda: provider.complete(call))
                if is_hollow(answer.body):
                    message = f"expert '{expert.id}' answered with nothing in it"
                    raise ExpertAnswerInvalid(message, expert=expert.id)
                ongoing.begun()
                ongoing.succeeded(answer.usage)
        finally:
            alarm.cancel()
        return Answer(answer.body, answer.usage, expert, ongoing.attempt, options.attempts)

    async def _begun(
        self, trip: Trip, place: Place, ongoing: Ongoing, left: float, alarm: Alarm
    ) -> ExpertStream:
        expert, options = place.expert, trip.options
        whole = max(round(left + trip.whole_by - trip.first_by, 3), 0.0)
        try:
            with ongoing:
                prepared = prepare(expert, trip.fields, stream=True)
                call = self._call(place, prepared, options, whole, ongoing)
                stream = ExpertStream(
                    expert,
                    ongoing,
                    self._providers.get(expert.provider).stream(call),
                    alarm,
                    whole,
                    usage_wanted=prepared.usage_wanted,
                    attempts=options.attempts,
                )
                await stream.begin()
                ongoing.fair = whole >= self._rules.fair_timeout
        except BaseException:
            alarm.cancel()
            raise
        return stream

    def _ongoing(self, trip: Trip, place: Place, now: float, *, fair: bool, hedge: bool) -> Ongoing:
        expert, began = place.expert, now - trip.began
        habit = self.habits.of(expert)
        attempt = Attempt(expert, place.replica.name, began, hedge, habit=habit)
        trip.options.attempts.append(attempt)
        return Ongoing(
            attempt,
            place.replica,
            self.health,
            self._rules,
            origin=trip.options.origin,
            fair=fair,
        )

    def _call(
        self,
        place: Place,
        prepared: Prepared,
        options: CallOptions,
        timeout: float,
        ongoing: Ongoing,
    ) -> ExpertCall:
        endpoint, carried = place.replica.endpoint, ongoing.trace_headers
        return ExpertCall(
            expert=place.expert,
            body=prepared.body,
            url=endpoint.url,
            api_key=resolved(self._resolve_secret, endpoint.api_key, place.expert.id),
            headers={**endpoint.headers, **carried} if carried else endpoint.headers,
            timeout=timeout,
            request_id=options.request_id,
            category=options.category,
            likely=options.likely,
        )
