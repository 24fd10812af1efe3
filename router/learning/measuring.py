"""How good a router learned in this way is, on prompts that were not learned from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from router.assembly import router_of
from router.data import Dataset, DatasetInvalid
from router.embedding import Embedder
from router.embedding.remembered import RememberedEmbedder
from router.learning.learn import embed, has_scores, learn
from router.learning.plan import Plan
from router.mapping import InfeasibleBudget
from router.progress import Progress, silent
from router.text import routing_text

if TYPE_CHECKING:
    from router.evaluation import Predictions, Prices

Ints = npt.NDArray[np.intp]

FEW_PROMPTS = 1500
"""Up to so many, five folds take little time, and fewer held out would say little."""
FEWEST_PROMPTS = 20
_PARTS = 5


class NotMeasured(Exception):
    """A part of the data is not enough to learn from; says why."""


def usual_folds(prompts: int) -> int:
    """Return how many parts are held out in turn, where nobody says how many."""
    if prompts < FEWEST_PROMPTS:
        return 0
    return _PARTS if prompts <= FEW_PROMPTS else 1


def measured(
    data: Dataset,
    embedder: Embedder,
    plan: Plan,
    *,
    folds: int,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Evaluate what is learned from a part of the data on the rest of it.

    Args:
        data: As for :func:`router.learning.learn`.
        embedder: Likewise.
        plan: Likewise.
        folds: Parts held out in turn, each judged by what the others teach; 1 holds out one fifth.
        progress: Shows how far it is.

    Returns:
        The report of :func:`router.evaluation.evaluate`, with ``held_out``: how it came about.

    Raises:
        NotMeasured: If the parts are not enough to learn from.
        ValueError: With less than one fold.
    """
    from router.evaluation import evaluate

    if folds < 1:
        raise ValueError("at least one part is held out")
    known = remembered(data, embedder, progress)
    own = replace(plan, stored=0)
    found, rows = [], []
    parts = list(_parts(data.categories, folds, plan.seed))
    for number, hidden in enumerate(parts, start=1):
        shown = np.setdiff1d(np.arange(len(data)), hidden)
        inner = _named(progress, number, len(parts))
        found.append(_said(data.rows(shown), data.rows(hidden), known, own, inner))
        rows.append(hidden)
    tested = data.rows(np.concatenate(rows))
    said = _joined(found, keep=plan.discover is None)
    [report] = [
        evaluate(tested, said, _prices(tested, plan), seed=plan.seed)
        for _ in progress("evaluating", (None,), 1)
    ]
    how = "one fifth of the prompts held out" if folds == 1 else f"{folds}-fold cross-validation"
    return {**report, "held_out": {"how": how, "folds": folds, "n": len(tested), "of": len(data)}}


def remembered(data: Dataset, embedder: Embedder, progress: Progress = silent) -> Embedder:
    """Return the embedder with the data's prompts embedded, once for all that is learned of them."""
    if isinstance(embedder, RememberedEmbedder):
        return embedder
    return RememberedEmbedder(embedder, data.prompts, embed(data.prompts, embedder, progress))


def _said(
    shown: Dataset, hidden: Dataset, embedder: Embedder, plan: Plan, progress: Progress
) -> Predictions:
    """Learn from some prompts, and let what was learned decide others."""
    from router.evaluation import observe, remembering

    try:
        artifact = learn(shown, embedder, plan, progress)
    except (DatasetInvalid, InfeasibleBudget) as error:
        raise NotMeasured(str(error)) from error
    head = embedder
    if plan.contrastive:
        from router.embedding.contrastive import ContrastiveEmbedder

        matrix = artifact.tensors["embedder/matrix"]
        head = ContrastiveEmbedder.load(embedder, {"matrix": matrix})
    router = remembering(router_of(artifact, head))
    experts = hidden.experts or ("expert",)
    said = observe(
        router,
        router.pool([plan.price_of(expert).candidate(expert) for expert in experts]),
        hidden.prompts,
        experts,
        progress=lambda prompts: progress("deciding", prompts, len(prompts)),
    )
    return said if has_scores(shown) else replace(said, choices={}, quality=None)


def _parts(labels: Sequence[str | None], folds: int, seed: int) -> Iterator[Ints]:
    """Yield the rows held out together; every category is spread evenly."""
    count = max(folds, _PARTS) if folds == 1 else folds
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort([labels[row] or "" for row in order.tolist()], kind="stable")]
    for part in range(count if folds > 1 else 1):
        yield np.sort(order[part::count])


def _joined(found: Sequence[Predictions], *, keep: bool) -> Predictions:
    """Put the predictions of the parts one after the other.

    Args:
        found: Of each part.
        keep: Whether the categories of the parts are the same ones.
    """
    from router.evaluation import Predictions

    names = list(dict.fromkeys(name for each in found for name in each.categories))
    scored = all(each.quality is not None for each in found)
    return Predictions(
        choices={
            policy: np.concatenate([each.choices[policy] for each in found])
            for policy in found[0].choices
        },
        quality=np.concatenate([_given(each.quality) for each in found]) if scored else None,
        categories=tuple(names) if keep else (),
        probabilities=np.concatenate([_spread(each, names) for each in found]) if keep else None,
        uncertainty=np.concatenate([_given(each.uncertainty) for each in found]),
        seconds=np.concatenate([_given(each.seconds) for each in found]),
    )


def _given(array: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64]:
    return np.zeros(0) if array is None else array


def _spread(said: Predictions, names: list[str]) -> npt.NDArray[np.float64]:
    """Return the probabilities in the order of all names."""
    given = _given(said.probabilities)
    spread = np.zeros((len(given), len(names)))
    spread[:, [names.index(name) for name in said.categories]] = given
    return spread


def _prices(data: Dataset, plan: Plan) -> Prices:
    from router.evaluation import Prices

    prices = [plan.price_of(expert) for expert in data.experts]
    billions = [price.active_parameters for price in prices]
    size = np.array([np.nan if value is None else value for value in billions])
    if any(price.per_token is None for price in prices) or not prices:
        return Prices(active_parameters=size)
    tokens = [routing_text(prompt).prompt_tokens for prompt in data.prompts]
    usd = np.array([[price.money(count) for price in prices] for count in tokens])
    return Prices(usd=usd.astype(np.float64), active_parameters=size)


def _named(progress: Progress, number: int, count: int) -> Progress:
    """Say which part is worked on."""
    prefix = f"held-out part {number} of {count}: " if count > 1 else "held-out part: "
    return lambda task, parts, total: progress(prefix + task, parts, total)
