"""What is to be seen in an answer, whatever it is worth: see :mod:`router.evidence.behaviour`."""

from __future__ import annotations

import re

from orchestrator.conductor.evaluation.final import final_answer
from orchestrator.conductor.evaluation.graders import generic, grader_of
from orchestrator.conductor.evaluation.graders.choice import chosen, options_of
from orchestrator.conductor.evaluation.graders.numeric import number_in
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.evaluations.evaluation import Evaluation
from orchestrator.evaluations.prompts import judged
from orchestrator.evaluations.records import Answer
from router.evidence.behaviour import Observed, Source, is_refusal


def observed(evaluation: Evaluation) -> list[Observed]:
    """Return what is to be seen in all answers of an evaluation."""
    tasks = {task.id: task for task in evaluation.plan.tasks}
    return [
        observation(tasks[prompt], each.answer)
        for (prompt, _), several in evaluation.answers.items()
        for each in several
        if each.answer is not None
    ]


def observation(task: GradedTask, answer: Answer) -> Observed:
    """Return what is to be seen in one answer.

    Args:
        task: The prompt. Its form is a ``schema``, options, a number, and ``max_words``; the texts
            ``context_answer`` and ``memory_answer`` say what comes from its ``context``, and what is
            commonly held.
        answer: To it.
    """
    return Observed(
        refused=is_refusal(answer.text),
        formed=formed(task, answer.text),
        source=source(task, answer.text),
        tokens=answer.written,
    )


def formed(task: GradedTask, text: str) -> bool | None:
    """Tell whether an answer keeps to the form that was asked for; ``None`` where none was."""
    checks: list[bool] = []
    final = final_answer(text)
    if task.fields.get("schema") is not None:
        asked = GradedTask(task.id, task.category, task.prompt, fields=task.fields)
        checks.append(bool(generic.schema(final, asked).right))
    elif not judged(task):
        name = grader_of(task)
        if name == "choice":
            checks.append(chosen(final, options_of(task)) is not None)
        elif name == "numeric":
            checks.append(number_in(final) is not None)
    words = task.fields.get("max_words")
    if isinstance(words, int) and not isinstance(words, bool):
        checks.append(len(text.split()) <= words)
    return all(checks) if checks else None


def source(task: GradedTask, text: str) -> Source | None:
    """Tell where an answer comes from; ``None`` where the prompt does not set the two against each other."""
    given, held = (task.fields.get(name) for name in ("context_answer", "memory_answer"))
    if not isinstance(given, str) or not isinstance(held, str):
        return None
    final = final_answer(text)
    from_context, from_memory = _says(final, given), _says(final, held)
    if from_context == from_memory:
        return "neither"
    return "context" if from_context else "memory"


def _says(text: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words.strip())}(?!\w)", text, re.IGNORECASE) is not None
