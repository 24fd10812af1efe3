"""What a router says of the prompts of a data set, as arrays that can be judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from router.choosing import MAX_VIEWS
from router.decision import RouteRequest, RoutingDecision
from router.evaluation.metrics import Floats, Ints
from router.text import routing_text

_FIRST = routing_text("Good morning.")
Pool = TypeVar("Pool", contravariant=True)


class Classified(Protocol):
    """Step one of a decision."""

    @property
    def probabilities(self) -> Floats:
        """Over the categories, (C,)."""
        ...

    @property
    def uncertainty(self) -> float:
        """0 (sure) to 1 (knows nothing)."""
        ...

    @property
    def category(self) -> int:
        """Index of the category whose mapping is used."""
        ...


class Categories(Protocol):
    """The taxonomy, as far as it is needed here."""

    @property
    def ids(self) -> tuple[str, ...]:
        """In the order of the probabilities."""
        ...


class Deciding(Protocol[Pool]):
    """A router, as far as it is needed here; :class:`router.Router` is one."""

    @property
    def policies(self) -> Mapping[str, object]:
        """The trade-offs a request may ask for, by name."""
        ...

    @property
    def taxonomy(self) -> Categories:
        """The categories."""
        ...

    def classify(self, text: str) -> Classified:
        """Work out what kind of request a text is."""
        ...

    def decide(self, request: RouteRequest, pool: Pool) -> RoutingDecision:
        """Choose an expert."""
        ...


@dataclass(frozen=True, slots=True)
class Predictions:
    """What is judged. Only the choices are needed; what else is given is judged as well.

    Args:
        choices: The index of the chosen expert for each prompt, (n,), by policy.
        quality: Expected quality of each expert for each prompt, (n, E); NaN where not said.
        categories: Ids of the router's categories, C of them.
        probabilities: Of the categories, (n, C).
        uncertainty: (n,).
        seconds: How long decisions took, one of each prompt or more, (k,).
        processor_seconds: The same in time of the processor, which other programs do not stretch.

    Raises:
        ValueError: Where the parts do not fit together.
    """

    choices: Mapping[str, Ints]
    quality: Floats | None = None
    categories: tuple[str, ...] = ()
    probabilities: Floats | None = None
    uncertainty: Floats | None = None
    seconds: Floats | None = field(default=None, repr=False)
    processor_seconds: Floats | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        lengths = {f"choices[{name}]": len(each) for name, each in self.choices.items()}
        for name in ("quality", "probabilities", "uncertainty"):
            value = getattr(self, name)
            if value is not None:
                lengths[name] = len(value)
        if len(set(lengths.values())) > 1:
            raise ValueError(f"predictions: not equally many prompts: {lengths}")
        if self.probabilities is not None and self.probabilities.shape[1:] != (
            len(self.categories),
        ):
            raise ValueError(
                f"predictions: {self.probabilities.shape} probabilities for "
                f"{len(self.categories)} categories"
            )


def observe(
    router: Deciding[Pool],
    pool: Pool,
    prompts: Sequence[str],
    experts: Sequence[str],
    *,
    policies: Sequence[str] | None = None,
    progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Predictions:
    """Ask a router about every prompt, as the service would.

    Of the decisions on one prompt the first is timed, under each policy in turn: those after it
    find much of the prompt still in the processor's caches (or remembered, see
    :func:`router.evaluation.remembering`).

    Args:
        router: The router.
        pool: Its candidates; those it chooses must be among ``experts``.
        prompts: One user turn each.
        experts: Ids, in the order of the columns of the scores.
        policies: Which to ask; all by default.
        progress: Wraps the prompts, to show how far it is.

    Raises:
        ValueError: Where an expert is chosen that there are no scores of.
    """
    index = {expert: number for number, expert in enumerate(experts)}
    names = tuple(router.policies) if policies is None else tuple(policies)
    choices = {name: np.zeros(len(prompts), dtype=np.intp) for name in names}
    quality = np.full((len(prompts), len(experts)), np.nan)
    probabilities = np.zeros((len(prompts), len(router.taxonomy.ids)))
    uncertainty = np.zeros(len(prompts))
    times: list[tuple[float, float]] = []
    if names and prompts:
        router.decide(_FIRST.request(names[0]), pool)  # loads what is loaded on first use
    for row, prompt in enumerate(progress(prompts)):
        text = routing_text(prompt)
        for turn in range(len(names)):
            name = names[(row + turn) % len(names)]
            request = text.request(name)
            started, worked = time.perf_counter(), time.thread_time()
            decision = router.decide(request, pool)
            if turn == 0:
                times.append((time.perf_counter() - started, time.thread_time() - worked))
            if decision.expert not in index:
                raise ValueError(f"there are no scores of {decision.expert!r}, which was chosen")
            choices[name][row] = index[decision.expert]
            if turn == 0 or len(experts) > MAX_VIEWS:
                _look_up(decision, index, quality[row])
        kind = router.classify(text.text)
        probabilities[row], uncertainty[row] = kind.probabilities, kind.uncertainty
    return Predictions(
        choices=choices,
        quality=quality if names else None,
        categories=router.taxonomy.ids,
        probabilities=probabilities,
        uncertainty=uncertainty,
        seconds=np.array([wall for wall, _ in times]) if times else None,
        processor_seconds=np.array([worked for _, worked in times]) if times else None,
    )


def _look_up(decision: RoutingDecision, index: Mapping[str, int], quality: Floats) -> None:
    """Note the expected quality of the experts that a decision describes."""
    for view in decision.candidates:
        if view.id in index:
            quality[index[view.id]] = view.quality
