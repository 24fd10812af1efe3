"""From graded answers to what :mod:`router.evidence.admission` decides on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from orchestrator.conductor.evaluation.final import final_answer
from orchestrator.conductor.evaluation.graders import grader_of
from orchestrator.conductor.evaluation.graders.choice import options_of
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.evaluations.evaluation import Evaluation
from router.evidence.admission import Admission, Rule, admission
from router.evidence.means import Floats

_MOST = 0.99


def chances(tasks: Sequence[GradedTask]) -> Floats:
    """Return how often a blind guess is right on each prompt, shape (n,).

    One over the number of options, or how often the commonest target of all prompts with the same grader
    comes, if it comes twice and that is more: who always says the same must not be admitted either.

    Args:
        tasks: Prompts that are graded, all of them: the commonest target is theirs.
    """
    graders = [grader_of(task) for task in tasks]
    targets = Counter((name, task.target) for name, task in zip(graders, tasks, strict=True))
    sizes = Counter(graders)
    commonest: dict[str, float] = {}
    for (name, _), count in targets.items():
        share = count / sizes[name] if count > 1 else 0.0
        commonest[name] = max(commonest.get(name, 0.0), share)
    guesses = [
        1.0 / max(len(options_of(task)), 2) if name == "choice" else 0.0
        for name, task in zip(graders, tasks, strict=True)
    ]
    best = [max(guess, commonest[name]) for guess, name in zip(guesses, graders, strict=True)]
    return np.minimum(np.array(best, dtype=np.float64), _MOST)


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
        said = [final_answer(each.answer.text) for each in answers if each.answer is not None]
        repeats.append(tuple(said))
    if not rights:
        return None
    return admission(np.array(rights), np.array(kept), rule, repeats=tuple(repeats))
