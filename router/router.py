"""The two-step router: which kind of request, then which expert for that kind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from router.classifier import Classifier, Settings, fit, training_rows
from router.decision import (
    Candidate,
    CandidateView,
    Exclusion,
    NoEligibleExpert,
    RouteRequest,
    RoutingDecision,
    Rule,
    UnknownPolicy,
)
from router.embedding import Embedder, StaticEmbedder
from router.mapping import POLICIES, Floats, Policy, costs_usd, effort
from router.pool import EXCLUSIONS, CandidatePool, build_pool
from router.taxonomy import GENERAL, Taxonomy, starter_taxonomy
from router.uncertainty import Gate, GateSettings, fit_gate

MAX_VIEWS = 20
"""A decision describes at most this many ranked and this many excluded experts."""
EXCERPT_CHARACTERS = 200
MAX_MIXED = 16
"""Expected quality is averaged over at most this many categories, the most probable ones."""
_PLAUSIBLE = 0.02  # bare numbers are hard to classify; that they can be executed is certain


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
    """

    version: str
    embedder: Embedder
    taxonomy: Taxonomy
    classifier: Classifier
    gate: Gate
    policies: dict[str, Policy]

    def pool(self, candidates: Iterable[Candidate]) -> CandidatePool:
        """Prepare a snapshot of the catalogue; do it once per change, not per request.

        Raises:
            ValueError: Where an id is there twice.
        """
        return build_pool(candidates, self.taxonomy, tuple(self.policies.values()))

    def classify(self, text: str) -> Classification:
        """Work out what kind of request a routing text is."""
        vector = self.embedder.embed([text])[0]
        if vector.any():
            evidence = self.classifier(text, vector)
            probabilities = evidence.probabilities
            uncertainty = self.gate.uncertainty(probabilities, float(evidence.nearest))
        else:  # there is nothing to go by
            probabilities = np.full(len(self.taxonomy.ids), 1.0 / len(self.taxonomy.ids))
            uncertainty = 1.0
        top = int(probabilities.argmax())
        unsure = uncertainty > self.gate.settings.threshold
        category = self.taxonomy.ids.index(GENERAL) if unsure else top
        return Classification(probabilities, uncertainty, top, category)

    def decide(self, request: RouteRequest, pool: CandidatePool) -> RoutingDecision:
        """Choose an expert for a request.

        Hard constraints come first: availability, capabilities, accepted input, context window.
        Then the policy: the expert mapped to the category leads, and the rest follow by expected
        quality less weighted cost, where the quality is averaged over the categories by their
        probabilities.

        Args:
            request: What is to be routed.
            pool: The candidates, from :meth:`pool` of this router.

        Returns:
            The decision. ``ranked`` holds every eligible expert; ``candidates`` describes all of
            a small catalogue, and of a large one the first 20 ranked and the first 20 excluded.

        Raises:
            UnknownPolicy: Where the router has no policy of that name.
            NoEligibleExpert: Where no candidate can serve the request.
        """
        policy = self.policies.get(request.policy)
        if policy is None:
            known = ", ".join(self.policies)
            raise UnknownPolicy(f"There is no policy {request.policy!r}; there are: {known}.")
        codes = pool.exclusions(request)
        eligible = np.flatnonzero(codes == 0)
        usd = costs_usd(pool.price_in, pool.price_out, request.prompt_tokens)
        if not len(eligible):
            raise _no_eligible(request, pool, codes, usd)
        kind = self.classify(request.text)
        ranking = np.argsort(-kind.probabilities, kind="stable")
        quality = _expected_quality(kind.probabilities, ranking, pool.scores)
        loss = pool.tie_break - quality
        if policy.cost_weight:
            loss += policy.cost_weight * effort(usd, pool.size)
        order = eligible[np.argsort(loss[eligible])]
        first, rule = _choose(request, pool, policy, kind, codes, order)
        if order[0] != first:
            order = np.concatenate(([first], order[order != first]))
        views = _views(pool, quality, usd, order, codes)
        ids = self.taxonomy.ids
        return RoutingDecision(
            category=ids[kind.category],
            probabilities=_ranked_probabilities(ids, kind.probabilities, ranking),
            uncertainty=kind.uncertainty,
            expert=views[0].id,
            ranked=tuple(pool.ids[order].tolist()),
            candidates=views,
            policy=policy.name,
            rule=rule,
            reason=_reason(rule, ids[kind.top], kind, policy, views[0], request),
            router_version=self.version,
            text_excerpt=request.text[:EXCERPT_CHARACTERS],
        )


def starter_router(embedder: Embedder | None = None) -> Router:
    """Build the router that ships with the package, in a fraction of a second.

    Args:
        embedder: Turns texts into vectors; the static one by default.
    """
    return build_router(starter_taxonomy(), embedder or StaticEmbedder(), name="starter-1")


def build_router(
    taxonomy: Taxonomy,
    embedder: Embedder,
    *,
    name: str,
    policies: Sequence[Policy] = POLICIES,
    settings: Settings | None = None,
    gate_settings: GateSettings | None = None,
) -> Router:
    """Learn a router from what a taxonomy says of its categories.

    Args:
        taxonomy: The categories.
        embedder: Turns texts into vectors.
        name: First part of the version; a hash of all that decisions depend on follows.
        policies: The trade-offs requests may ask for.
        settings: How the classifier is learnt.
        gate_settings: How unsure is too unsure.
    """
    settings = settings or Settings()
    gate_settings = gate_settings or GateSettings()
    rows = training_rows(taxonomy, embedder, settings)
    classifier, held_out = fit(rows, len(taxonomy.ids), settings)
    gate = fit_gate(held_out.nearest, gate_settings)
    content = {
        "embedder": embedder.id,
        "categories": [asdict(category) for category in taxonomy.categories],
        "classifier": asdict(settings),
        "gate": asdict(gate_settings),
        "policies": [asdict(policy) for policy in policies],
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    by_name = {policy.name: policy for policy in policies}
    return Router(f"{name}-{digest}", embedder, taxonomy, classifier, gate, by_name)


def _ranked_probabilities(
    ids: tuple[str, ...], probabilities: Floats, ranking: npt.NDArray[np.intp]
) -> dict[str, float]:
    names = map(ids.__getitem__, ranking.tolist())
    return dict(zip(names, probabilities[ranking].tolist(), strict=True))


def _expected_quality(
    probabilities: Floats, ranking: npt.NDArray[np.intp], scores: Floats
) -> Floats:
    """Average the scores over the likely categories: sum of p(c) s(c, e), shape (E,)."""
    if len(ranking) <= MAX_MIXED:
        return probabilities @ scores
    likely = ranking[:MAX_MIXED]
    weights = probabilities[likely]
    quality: Floats = (weights / weights.sum()) @ scores[likely]
    return quality


def _choose(
    request: RouteRequest,
    pool: CandidatePool,
    policy: Policy,
    kind: Classification,
    codes: npt.NDArray[np.int8],
    order: npt.NDArray[np.intp],
) -> tuple[int, Rule]:
    """Pick the expert that leads, and say by which rule."""
    if len(order) == 1:
        return int(order[0]), "only_candidate"
    if pool.accepts and request.features:
        plausible = {kind.category, *np.flatnonzero(kind.probabilities >= _PLAUSIBLE).tolist()}
        fields = {pool.category_ids[index] for index in plausible}
        for index in order[pool.restricted[order]].tolist():
            if pool.candidates[index].tags & fields:
                return index, "specialist_input"
    mapped = int(pool.mappings[policy.name][kind.category])
    if codes[mapped]:
        return int(order[0]), "no_mapped_candidate"
    return mapped, "category" if kind.category == kind.top else "uncertain"


def _views(
    pool: CandidatePool,
    quality: Floats,
    usd: Floats,
    order: npt.NDArray[np.intp],
    codes: npt.NDArray[np.int8],
) -> tuple[CandidateView, ...]:
    shown, count = order[:MAX_VIEWS], min(len(order), MAX_VIEWS)
    reasons: list[Exclusion | None] = [None] * count
    if len(order) < len(codes):
        excluded = np.flatnonzero(codes)[:MAX_VIEWS]
        shown = np.concatenate((shown, excluded))
        reasons += [EXCLUSIONS[code - 1] for code in codes[excluded].tolist()]
    columns = (pool.ids[shown].tolist(), quality[shown].tolist(), usd[shown].tolist(), reasons)
    return tuple(map(CandidateView, *columns))


def _reason(
    rule: Rule,
    top: str,
    kind: Classification,
    policy: Policy,
    chosen: CandidateView,
    request: RouteRequest,
) -> str:
    probability = float(kind.probabilities[kind.top])
    numbers = f"(expected quality {chosen.quality:.2f}, {_money(chosen.cost)})"
    if rule == "only_candidate":
        return f"Most like {top} ({probability:.2f}); only {chosen.id} can serve it {numbers}."
    if rule == "specialist_input":
        features = ", ".join(sorted(request.features))
        return (
            f"Most like {top} ({probability:.2f}) and {features}; "
            f"{chosen.id} is made for that {numbers}."
        )
    if rule == "uncertain":
        return (
            f"Unsure: most like {top}, but only {probability:.2f}. "
            f"Treated as {GENERAL}; {policy.name} picks {chosen.id} {numbers}."
        )
    if rule == "no_mapped_candidate":
        return (
            f"Most like {top} ({probability:.2f}); its usual expert cannot serve this request, "
            f"so {policy.name} picks the best of the rest, {chosen.id} {numbers}."
        )
    return f"Most like {top} ({probability:.2f}); {policy.name} picks {chosen.id} {numbers}."


def _money(usd: float) -> str:
    return "free" if usd <= 0 else f"${usd:.2g}" if usd < 0.01 else f"${usd:.2f}"


def _no_eligible(
    request: RouteRequest, pool: CandidatePool, codes: npt.NDArray[np.int8], usd: Floats
) -> NoEligibleExpert:
    if not len(pool.ids):
        return NoEligibleExpert("There are no experts to choose from.", ())
    quality = pool.scores.mean(axis=0)
    views = tuple(
        CandidateView(pool.ids[i], float(quality[i]), float(usd[i]), EXCLUSIONS[codes[i] - 1])
        for i in range(len(codes))
    )
    needs = ", ".join(sorted(request.needs))
    causes = {
        "disabled": "not available",
        "capability": f"cannot do what is needed ({needs})",
        "input": "takes only other input",
        "context_window": f"context window too small for about {request.prompt_tokens} tokens",
    }
    said = []
    for exclusion in EXCLUSIONS:
        names = [view.id for view in views if view.excluded == exclusion]
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            said.append(f"{causes[exclusion]}: {', '.join(names[:5])}{more}")
    return NoEligibleExpert(f"No expert can serve this request. {'; '.join(said)}.", views)
