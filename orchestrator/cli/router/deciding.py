"""What routers in artefacts say of the prompts of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli import output
from orchestrator.cli.router.embedders import resolver

if TYPE_CHECKING:
    from router import CandidatePool, Router
    from router.data import Dataset
    from router.evaluation import Attack, Predictions, Prices
    from router.learning import Progress
    from router.prices import Price

STAND_IN = "expert"
"""Who is chosen where neither data nor router know an expert, so that deciding can be timed."""
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """A router out of an artefact.

    Args:
        router: It asks its models once for one text, however many policies decide.
        experts: Whom it has learned of.
        prices: What its artefact says they cost.
    """

    router: Router
    experts: tuple[str, ...]
    prices: dict[str, Price]


def judged(directory: Path) -> Judged:
    """Read a router.

    Raises:
        ArtifactInvalid: If the artefact cannot be used.
    """
    from orchestrator.routers.building import build_from
    from router.artifact import ArtifactInvalid, load
    from router.data import DatasetInvalid
    from router.evaluation import remembering
    from router.prices import prices_from

    artifact = load(directory)
    try:
        prices = prices_from(artifact.manifest.get("prices", {}), "its prices")
    except DatasetInvalid as error:
        raise ArtifactInvalid(str(error)) from error
    router = remembering(build_from(artifact, resolver()))
    return Judged(router, tuple(map(str, artifact.manifest["experts"])), prices)


def experts_asked(dataset: Dataset, routers: Sequence[Judged]) -> tuple[str, ...]:
    """Return among whom the routers are to choose: the data's experts, else their own."""
    known = [name for each in routers for name in each.experts]
    return dataset.experts or tuple(dict.fromkeys(known)) or (STAND_IN,)


def costs(
    experts: Sequence[str], routers: Sequence[Judged], stated: dict[str, Price]
) -> dict[str, Price]:
    """Put together what is known of the experts' costs, and say what was read from names.

    What is stated goes before what an artefact holds, and that before what a name tells.
    """
    from router.evaluation.sizes import billions_in_name
    from router.prices import Price

    found: dict[str, Price] = {}
    for each in routers:
        found |= each.prices
    found |= {name: _over(price, found.get(name)) for name, price in stated.items()}
    guessed = []
    for name in experts:
        price = found.setdefault(name, Price())
        told = billions_in_name(name) if price.active_parameters is None else None
        if told is not None:
            found[name] = replace(price, active_parameters=told)
            guessed.append(f"{name} {told:g}")
    if guessed:
        output.remark(
            f"Billions of active parameters read from names: {', '.join(guessed)}. "
            "State others with --active-parameters or --prices."
        )
    return found


def _over(price: Price, below: Price | None) -> Price:
    """Return a price, with what it leaves open taken from another."""
    from dataclasses import asdict

    if below is None:
        return price
    known = {name: value for name, value in asdict(price).items() if value is not None}
    return replace(below, **known)


def pool_of(router: Router, experts: Sequence[str], prices: dict[str, Price]) -> CandidatePool:
    """Return the experts as the router's candidates."""
    return router.pool([prices[name].candidate(name) for name in experts])


def prices_of(dataset: Dataset, prices: dict[str, Price]) -> Prices:
    """Return what the experts of a data set cost, as far as it is known.

    A request's dollars follow the length of its prompt, and a typical answer.
    """
    import numpy as np

    from router.evaluation import Prices
    from router.text import routing_text

    def numbers(values: list[float | None]) -> Any:
        return np.array([np.nan if value is None else value for value in values])

    own = [prices[name] for name in dataset.experts]
    size = numbers([price.active_parameters for price in own])
    if all(price.per_token is None for price in own):
        return Prices(active_parameters=size)
    tokens = [routing_text(prompt).prompt_tokens for prompt in dataset.prompts]
    usd = np.array([numbers([price.money(count) for price in own]) for count in tokens])
    return Prices(usd=usd, active_parameters=size)


def observed(
    router: Router, pool: CandidatePool, dataset: Dataset, progress: Progress
) -> Predictions:
    """Let the router decide each prompt under each of its policies.

    Where the data has no scores, choices cannot be judged: what is left is the categories.
    """
    from router.evaluation import observe

    experts = [candidate.id for candidate in pool.candidates]
    said = observe(
        router,
        pool,
        dataset.prompts,
        experts,
        progress=lambda prompts: progress("deciding", prompts, len(prompts)),
    )
    return said if dataset.experts else replace(said, choices={}, quality=None)


def say_strangers(dataset: Dataset, routers: Sequence[Judged]) -> None:
    """Say which experts are known to one side alone."""
    for each in routers:
        if not dataset.experts or not each.experts:
            continue
        new = [name for name in dataset.experts if name not in each.experts]
        gone = [name for name in each.experts if name not in dataset.experts]
        if new:
            output.remark(f"{each.router.version} has learned nothing of {_listed(new)}.")
        if gone:
            output.remark(
                f"{each.router.version} also knows {_listed(gone)}, which the data has no scores "
                "of: not among the candidates here."
            )


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def challenged(
    router: Router,
    pool: CandidatePool,
    dataset: Dataset,
    said: Predictions,
    prices: Prices,
    most: int,
    seed: int,
    progress: Progress,
) -> tuple[dict[str, Any], Attack | None]:
    """Perturb a sample of the prompts, and try to force the expensive expert.

    Args:
        router: The router.
        pool: Its candidates.
        dataset: The prompts.
        said: What the router said of them.
        prices: What the experts cost.
        most: Prompts in the sample.
        seed: Of the sample and all that is drawn.
        progress: Shows how far it is.
    """
    from router.evaluation import challenge, sample, steadiness, target

    texts = sample(dataset.prompts, most, seed=seed)
    policies = list(router.policies) if pool.candidates[0].id != STAND_IN else []
    steady = steadiness(
        router,
        pool,
        texts,
        policies=policies,
        seed=seed,
        progress=lambda parts: progress("perturbing", parts, len(parts)),
    )
    aim = target(dataset, said, prices)
    if aim is None:
        return steady, None
    policy, expensive = aim
    [fooled] = [
        challenge(router, pool, texts, expensive, policy=policy, seed=seed)
        for _ in progress("attacking", [None], 1)
    ]
    return steady, fooled
