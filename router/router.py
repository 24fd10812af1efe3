"""The two-step router: which kind of request, then which expert for that kind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from router.choosing import MAX_VIEWS as MAX_VIEWS
from router.choosing import Choice, Options, Ranking, choose, explore
from router.classifier import Evidence, Settings, fit, fit_calibrated, training_rows
from router.decision import Candidate, RouteRequest, RoutingDecision, UnknownPolicy
from router.embedding import Embedder, FloatArray, StaticEmbedder
from router.expected import QualityModel, mixed, predicted
from router.exploration import MAX_EXPLORATION
from router.lazy import LazyDict, LazyTuple
from router.mapping import POLICIES, Floats, Policy
from router.memory import EpisodicMemory
from router.pool import CandidatePool, Screen, build_pool
from router.reasons import no_eligible, reason
from router.taxonomy import Category, Taxonomy, starter_taxonomy
from router.uncertainty import Gate, GateSettings, fit_gate

EXCERPT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Calibration:
    """What holding prompts out shows of a router, and its version names unchangeably.

    Args:
        temperature: Of the classifier.
        strange: Of the gate.
    """

    temperature: float
    strange: float


CALIBRATIONS: Mapping[str, Calibration] = MappingProxyType(
    {"starter-1-c2fe475c": Calibration(temperature=0.0906928698, strange=0.2217860520)}
)
"""Of the starter router as shipped, so that it is ready sooner; a test finds them anew."""


class CategoryClassifier(Protocol):
    """p(category | text)."""

    def __call__(self, text: str, vector: FloatArray) -> Evidence:
        """Classify one text with the embedder's vector of it, shape (d,)."""
        ...


class KnownGate(Protocol):
    """Tells when not to trust the classifier."""

    def uncertainty(self, probabilities: Floats, nearest: float) -> float:
        """Return 0 (sure) to 1 (knows nothing)."""
        ...

    def limit(self, top: int) -> float:
        """Return the uncertainty above which a request most like category ``top`` is ``general``."""
        ...

    def unsure(self, uncertainty: float, top: int) -> bool:
        """Tell whether a request most like category ``top`` is to be treated as ``general``."""
        ...


@dataclass(frozen=True, slots=True)
class Classification:
    """Step one: what kind of request it is."""

    probabilities: Floats
    """In the order of the taxonomy, shape (C,)."""
    uncertainty: float
    top: int
    """Index of the most probable category."""
    category: int
    """Index of the category whose mapping is used: ``general`` where unsure."""


@dataclass(frozen=True, slots=True)
class Router:
    """Text in, decision out. Immutable, free of I/O, the same answer for the same question.

    Args:
        version: Names everything a decision depends on but request and candidates.
        embedder: Turns the routing text into a vector.
        taxonomy: The categories.
        classifier: p(category | text).
        gate: Tells when not to trust it.
        policies: The trade-offs a request may ask for, by name.
        quality: What a prompt's answers can be expected to be worth, where that was learnt.
            Experts it does not know keep the prior, on its scale.
        exploration: Share of requests given to one of the next best experts, to learn of them.
        planned: Scores of the experts of ``quality`` that mappings are solved on, shape (C, E):
            with caution, and ties settled; by default those of ``quality``.

    Raises:
        ValueError: Where the share is not within 0 and ``MAX_EXPLORATION``.
    """

    version: str
    embedder: Embedder
    taxonomy: Taxonomy
    classifier: CategoryClassifier
    gate: KnownGate
    policies: dict[str, Policy]
    quality: QualityModel | None = None
    exploration: float = 0.0
    planned: Floats | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.exploration <= MAX_EXPLORATION:
            raise ValueError(f"exploration is a share from 0 to {MAX_EXPLORATION}")

    def pool(self, candidates: Iterable[Candidate]) -> CandidatePool:
        """Prepare a snapshot of the catalogue; do it once per change, not per request.

        Where a policy's budget cannot be kept, its mapping keeps to the nearest one that can, and
        ``pool.infeasible`` says so.

        Raises:
            ValueError: Where an id is there twice.
            SolverTimedOut: Where no mapping within a policy's budget was found in time.
        """
        return build_pool(
            candidates, self.taxonomy, tuple(self.policies.values()), self.quality, self.planned
        )

    def classify(self, text: str) -> Classification:
        """Work out what kind of request a routing text is."""
        return self._classified(text, self.embedder.embed([text])[0])

    def decide(
        self, request: RouteRequest, pool: CandidatePool, memory: EpisodicMemory | None = None
    ) -> RoutingDecision:
        """Choose an expert for a request.

        Hard constraints come first: availability, health, allow-list, capabilities, accepted input,
        context window, and the request's own limits on cost and latency. Then the policy: the
        expert mapped to the category leads or, where each prompt is weighed by itself, the one with
        the best expected quality less weighted cost; the rest follow in that order.

        Args:
            request: What is to be routed.
            pool: The candidates, from :meth:`pool` of this router.
            memory: Outcomes of past requests; they correct what is expected of each expert.

        Returns:
            The decision. ``ranked`` holds every eligible expert; ``candidates`` describes all of
            a small catalogue, and of a large one the first 20 ranked and the first 20 excluded.

        Raises:
            UnknownPolicy: Where the router has no policy of that name.
            NoEligibleExpert: Where no candidate can serve the request.
        """
        policy = self._policy(request.policy)
        usd = pool.costs_usd(request.prompt_tokens)
        screen = pool.screen(request, usd)
        if not len(screen.eligible):
            average = pool.scores.mean(axis=0)
            raise no_eligible(request, Options(pool, screen, average, usd, pool.tie_break))
        vector = self.embedder.embed([request.text])[0]
        kind = self._classified(request.text, vector)
        expected = self._expected(request.text, vector, kind.probabilities, pool)
        options = _options(request, pool, policy, screen, expected, usd)
        remembered = None
        if memory is not None:
            expected = memory.corrected(expected, vector, pool.positions)
            before, options = options, _options(request, pool, policy, screen, expected, usd)
            best = options.best()
            remembered = best if best != before.best() else None
        choice = choose(
            request,
            options,
            policy,
            category=kind.category,
            unsure=kind.category != kind.top,
            probabilities=kind.probabilities,
            per_prompt=self.per_prompt(policy),
            remembered=remembered,
        )
        return self._decision(request, options, policy, kind, choice)

    def _policy(self, name: str) -> Policy:
        policy = self.policies.get(name)
        if policy is None:
            known = ", ".join(self.policies)
            raise UnknownPolicy(f"There is no policy {name!r}; there are: {known}.")
        return policy

    def per_prompt(self, policy: Policy) -> bool:
        """Tell whether a policy weighs each prompt by itself, beside its category's mapping."""
        return policy.price is not None or (self.quality is not None and policy.budget is None)

    def _classified(self, text: str, vector: FloatArray) -> Classification:
        if vector.any():
            evidence = self.classifier(text, vector)
            probabilities = evidence.probabilities
            uncertainty = self.gate.uncertainty(probabilities, float(evidence.nearest))
        else:  # there is nothing to go by
            probabilities = np.full(len(self.taxonomy.ids), 1.0 / len(self.taxonomy.ids))
            uncertainty = 1.0
        top = int(probabilities.argmax())
        unsure = self.gate.unsure(uncertainty, top)
        category = self.taxonomy.general if unsure else top
        return Classification(probabilities, uncertainty, top, category)

    def _expected(
        self, text: str, vector: FloatArray, probabilities: Floats, pool: CandidatePool
    ) -> Floats:
        """Return the quality to be expected of each candidate on this prompt, shape (E,)."""
        quality = mixed(probabilities, pool.scores)
        if self.quality is None or pool.known is None or not vector.any():
            return quality
        return predicted(quality, pool.known, self.quality(text, vector, probabilities))

    def _decision(
        self,
        request: RouteRequest,
        options: Options,
        policy: Policy,
        kind: Classification,
        choice: Choice,
    ) -> RoutingDecision:
        ranking = Ranking(options, choice.expert)
        if choice.rule not in {"only_candidate", "specialist_input", "quality_floor"}:
            other = explore(request, ranking, self.exploration, self.version)
            if other is not None:
                choice, ranking = Choice(other, "exploration"), Ranking(options, other)
        ids, probabilities = self.taxonomy.ids, kind.probabilities
        return RoutingDecision(
            category=ids[kind.category],
            probabilities=LazyDict(lambda: _ranked_probabilities(ids, probabilities)),
            uncertainty=kind.uncertainty,
            uncertainty_limit=self.gate.limit(kind.top),
            expert=options.pool.ids[choice.expert],
            ranked=LazyTuple(ranking.ids),
            candidates=LazyTuple(ranking.views),
            policy=policy.name,
            rule=choice.rule,
            reason=reason(
                request,
                options,
                choice,
                policy,
                top=ids[kind.top],
                probability=float(probabilities[kind.top]),
                category=kind.category,
            ),
            router_version=self.version,
            text_excerpt=request.text[:EXCERPT_CHARACTERS],
        )


def starter_router(embedder: Embedder | None = None) -> Router:
    """Build the router that ships with the package, in a fraction of a second.

    Args:
        embedder: Turns texts into vectors; the static one by default.
    """
    return build_router(
        starter_taxonomy(),
        embedder or StaticEmbedder(),
        name="starter-1",
        calibrations=CALIBRATIONS,
    )


def build_router(
    taxonomy: Taxonomy,
    embedder: Embedder,
    *,
    name: str,
    policies: Sequence[Policy] = POLICIES,
    settings: Settings | None = None,
    gate_settings: GateSettings | None = None,
    calibrations: Mapping[str, Calibration] = MappingProxyType({}),
) -> Router:
    """Learn a router from what a taxonomy says of its categories.

    Args:
        taxonomy: The categories.
        embedder: Turns texts into vectors.
        name: First part of the version; a hash of all that decisions depend on follows.
        policies: The trade-offs requests may ask for.
        settings: How the classifier is learnt.
        gate_settings: How unsure is too unsure.
        calibrations: What holding prompts out has shown before, by the router's version; a router
            of another version holds them out itself.
    """
    settings = settings or Settings()
    gate_settings = gate_settings or GateSettings()
    content = {
        "embedder": embedder.id,
        "categories": [_told(category) for category in taxonomy.categories],
        "classifier": asdict(settings),
        "gate": asdict(gate_settings),
        "policies": [_content(policy) for policy in policies],
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    version = f"{name}-{digest}"
    rows = training_rows(taxonomy, embedder, settings)
    known = calibrations.get(version)
    if known is None:
        classifier, held_out = fit(rows, len(taxonomy.ids), settings)
        gate = fit_gate(held_out.nearest, gate_settings)
    else:
        classifier = fit_calibrated(rows, len(taxonomy.ids), settings, known.temperature)
        gate = Gate(gate_settings, known.strange)
    by_name = {policy.name: policy for policy in policies}
    return Router(version, embedder, taxonomy, classifier, gate, by_name)


def _told(category: Category) -> dict[str, Any]:
    """Return what a category says of itself; which embedder it would like decides nothing here."""
    return {key: value for key, value in asdict(category).items() if key != "embedder"}


def _content(policy: Policy) -> dict[str, Any]:
    """Return what of a policy decisions depend on, for the version."""
    content = {key: value for key, value in asdict(policy).items() if value is not None}
    if policy.price is None:
        content.pop("cost")  # it is what the price would be paid in
    return content


def _options(
    request: RouteRequest,
    pool: CandidatePool,
    policy: Policy,
    screen: Screen,
    quality: Floats,
    usd: Floats,
) -> Options:
    loss = pool.tie_break - quality
    if policy.weight:
        loss += policy.weight * pool.cost(policy, usd)
    return Options(pool, screen, quality, usd, loss, request.quality_floor)


def _ranked_probabilities(ids: tuple[str, ...], probabilities: Floats) -> dict[str, float]:
    ranking = np.argsort(-probabilities, kind="stable")
    names = map(ids.__getitem__, ranking.tolist())
    return dict(zip(names, probabilities[ranking].tolist(), strict=True))
