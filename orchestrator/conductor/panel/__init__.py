"""Whom to ask next, and when to stop: what each answer tells of which answer is right."""

from orchestrator.conductor.panel.belief import Belief, posterior
from orchestrator.conductor.panel.choosing import Choice, choose
from orchestrator.conductor.panel.reliability import Reliability, untaught

__all__ = ["Belief", "Choice", "Reliability", "choose", "posterior", "untaught"]
