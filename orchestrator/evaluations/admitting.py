"""Which prompts a new expert is admitted by, and from graded answers to the decision on it.

The decision itself is :mod:`router.evidence.admission`.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import fmean
from typing import NamedTuple, TypeVar

import numpy as np

from orchestrator.conductor.evaluation.graders import grader_of
from orchestrator.conductor.evaluation.graders.choice import options_of
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.evaluations.equivalence import comes_to
from orchestrator.evaluations.evaluation import Evaluation, Graded
from orchestrator.evaluations.prompts import judged
from router.evidence.admission import (
    Admission,
    Rule,
    admission,
    floored,
    power,
    shots_needed,
)
from router.evidence.means import Floats

T = TypeVar("T")
_MOST = 0.99


@dataclass(frozen=True, slots=True)
class Shots:
    """The prompts that decide.

    Args:
        tasks: In the order of the file.
        guesses: Chance of a blind guess on each, shape (n,).
        needed: How many it takes to keep what the rule promises.
    """

    tasks: list[GradedTask]
    guesses: Floats
    needed: int


def shots_of(tasks: Sequence[GradedTask], rule: Rule, count: int | None = None) -> Shots:
    """Draw the prompts that decide, as many as the rule needs, or as there are.

    What a guess is worth is that on the prompts drawn: on those of the whole file another answer may be
    the commonest.

    Args:
        tasks: All that there are, each with a grader.
        rule: When an expert is admitted.
        count: So many; ``None``: as many as are needed.

    Raises:
        ValueError: If no number of them would do.
    """
    keys = {task.id: _key(task) for task in tasks}
    order = _order(tasks, keys)
    drawn = shots_needed(fmean(key.at_random for key in keys.values()), rule)
    while True:
        found = order[: drawn if count is None else count]
        guesses = _chances([keys[task.id] for task in found])
        if power(floored(guesses, rule.floor), rule.margin, rule.level) >= rule.power:
            needed = len(found)
            break
        if count is not None or len(found) == len(tasks):
            needed = max(shots_needed(float(guesses.mean()), rule), len(found) + 1)
            break
        drawn += 1
    ids = {task.id for task in found}
    chosen = [task for task in tasks if task.id in ids]
    return Shots(chosen, _chances([keys[task.id] for task in chosen]), needed)


def balanced(tasks: Sequence[GradedTask], count: int) -> list[GradedTask]:
    """Draw prompts evenly over categories and, within each, over right answers.

    So no answer is right more often than it has to be, and a blind guess is worth as little as can be.

    Args:
        tasks: All of them.
        count: How many; all where there are not more. A larger count adds prompts to those of a smaller.
    """
    order = _order(tasks, {task.id: _key(task) for task in tasks})
    chosen = {task.id for task in order[:count]}
    return [task for task in tasks if task.id in chosen]


def chances(tasks: Sequence[GradedTask]) -> Floats:
    """Return how often a blind guess is right on each prompt, shape (n,).

    One over the number of options, or how often the commonest right answer of all prompts with the same
    grader comes, if that is more: who always says the same must not be admitted either. No blind guess is
    right more often on the whole, so the test holds for whichever.

    Args:
        tasks: Prompts that are graded, all of them: the commonest right answer is theirs.
    """
    return _chances([_key(task) for task in tasks])


def decided(evaluation: Evaluation, guesses: Floats, rule: Rule) -> Admission | None:
    """Decide on the one expert of an evaluation; ``None`` where no answer could be graded.

    Args:
        evaluation: Of one expert. Answers that are missing or not gradeable here are left out.
        guesses: Chance of a blind guess on each of its prompts.
        rule: When it is admitted.
    """
    (expert,) = evaluation.plan.experts
    rights: list[bool] = []
    kept: list[float] = []
    repeats: list[tuple[str, ...]] = []
    for task, guess in zip(evaluation.plan.tasks, guesses, strict=True):
        answers = evaluation.answers[task.id, expert.id]
        first = answers[0].grade
        if first is not None and first.right is not None:
            rights.append(first.right)
            kept.append(float(guess))
        repeats.append(said_of(task, answers))
    if not rights:
        return None
    return admission(np.array(rights), np.array(kept), rule, repeats=tuple(repeats))


def said_of(task: GradedTask, answers: Sequence[Graded]) -> tuple[str, ...]:
    """Return what each answer to a prompt comes to; nothing where only a judge can tell them apart."""
    if judged(task):
        return ()
    return tuple(
        comes_to(each.answer.text, task, each.grade) for each in answers if each.answer is not None
    )


class _Key(NamedTuple):
    """What of a prompt a blind guess depends on."""

    grader: str
    target: str
    """What the right answer comes to; empty where there is none."""
    at_random: float
    """How often any of the options is right, taken at random; 0 where there are none."""


def _key(task: GradedTask) -> _Key:
    name = grader_of(task)
    at_random = 1.0 / max(len(options_of(task)), 2) if name == "choice" else 0.0
    return _Key(name, comes_to(task.target, task) if task.target.strip() else "", at_random)


def _chances(keys: Sequence[_Key]) -> Floats:
    sizes = Counter(key.grader for key in keys)
    commonest: dict[str, float] = defaultdict(float)
    for (name, _), count in Counter((key.grader, key.target) for key in keys if key.target).items():
        commonest[name] = max(commonest[name], count / sizes[name])
    best = [max(key.at_random, commonest[key.grader]) for key in keys]
    return np.minimum(np.array(best, dtype=np.float64), _MOST)


def _order(tasks: Sequence[GradedTask], keys: Mapping[str, _Key]) -> list[GradedTask]:
    """Return prompts in the order in which they are drawn: categories in turn, in each the right answers."""
    groups: dict[str, dict[str, list[GradedTask]]] = defaultdict(lambda: defaultdict(list))
    for task in tasks:
        groups[task.category][keys[task.id].target].append(task)
    rng = random.Random(0)  # noqa: S311 - no secret
    categories = []
    for by_target in groups.values():
        several = list(by_target.values())
        for group in several:
            rng.shuffle(group)
        rng.shuffle(several)
        categories.append(_in_turn(several))
    return _in_turn(categories)


def _in_turn(groups: Sequence[Sequence[T]]) -> list[T]:
    return [each for turn in zip_longest(*groups) for each in turn if each is not None]
