"""Asks one expert after another until the answer is good enough: FrugalGPT (arXiv 2305.05176).

Whether it is, says the reliability model where it has been taught on recorded answers, else a check
of the answer by somebody that did not give it.
"""

from __future__ import annotations

from orchestrator.conductor.nodes.convene import heard_of, question
from orchestrator.conductor.nodes.team import attempted, cheap, strong
from orchestrator.conductor.nodes.verify import verified
from orchestrator.conductor.nodes.weighing import PRICES, panel_of, prior_of
from orchestrator.conductor.panel import choose
from orchestrator.conductor.run import Run
from orchestrator.conductor.state import State, with_draft

WEIGH, CLIMB = "weigh", "climb"
_REFUSED, _UNCHECKED = 0.3, 0.5


async def begin(state: State, run: Run) -> State:
    """See whether answers can be weighed: a question with options, and a model that was taught."""
    del state
    prior = prior_of(run) if run.reliability is not None else []
    return {"plan": WEIGH if prior else CLIMB, "prior": prior, "heard": [], "round": 0}


async def weigh(state: State, run: Run) -> State:
    """Ask the expert whose answer is worth its price; ``agreed`` once there is none."""
    answers = state["heard"]
    panel = panel_of(run, answers, state["prior"])
    price = PRICES.get(run.task.policy, PRICES["balanced"])
    chosen = choose(panel.belief, panel.model.rules(panel.costs, price)).expert
    if chosen is None:
        return {"agreed": True}
    ask = question(run, f"cascade.{len(answers) + 1}", panel.experts[chosen])
    said = heard_of(ask, await run.ask(ask))
    return {
        "heard": [*answers, said],
        "drafts": with_draft(state, said["text"], said["expert"], _UNCHECKED),
    }


async def climb(state: State, run: Run) -> State:
    """Ask the cheap expert and have its answer checked; then, where it is refused, the strong one."""
    number = state["round"] + 1
    first = cheap(run)
    expert = first if number == 1 else strong(run, but=first)
    step = await attempted(run, f"cascade.{number}", expert)
    said = step.output.strip() if step.status == "ok" else ""
    changed: State = {"round": number}
    if not said:
        return changed
    if number > 1:
        return {**changed, "answer": said}
    right, reason = await verified(run, said, key="cascade.check", not_by=frozenset({expert}))
    if right:
        return {**changed, "answer": said, "verified": True}
    weight = _UNCHECKED if right is None else _REFUSED
    return {**changed, "drafts": with_draft(state, said, expert, weight), "objection": reason}
