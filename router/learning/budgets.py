"""Prices that keep to a budget, prompt by prompt."""

from __future__ import annotations

import numpy as np

from router.data import DatasetInvalid
from router.learning.plan import Plan
from router.mapping import Policy, price_for
from router.quality.model import FittedQuality


def budgeted(quality: FittedQuality, plan: Plan) -> tuple[Policy, ...]:
    """Return a policy for each budget, with the price that keeps to it on prompts like these.

    The price is set on what the model would say of each prompt had it not been shown its scores:
    that is how it will speak of new ones.

    Raises:
        DatasetInvalid: If an expert's active parameters are not known.
        InfeasibleBudget: If a budget cannot be kept.
    """
    if not plan.budgets:
        return ()
    billions = dict(plan.active_parameters)
    experts = quality.model.experts
    missing = [expert for expert in experts if expert not in billions]
    if missing:
        raise DatasetInvalid(
            f"a budget on active parameters needs those of {', '.join(missing[:5])}"
        )
    costs = np.array([billions[expert] for expert in experts])
    return tuple(
        Policy(
            name,
            f"The best answers at {limit:g} billion active parameters on average.",
            price=price_for(quality.held_out, costs, limit, name="active_parameters").price,
            cost="active_parameters",
        )
        for name, limit in plan.budgets
    )
