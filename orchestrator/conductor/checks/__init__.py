"""Checks of an answer by a program: they cost nothing, and what they refuse is wrong for certain."""

from orchestrator.conductor.checks.checks import NO_CHECKS, Checks

__all__ = ["NO_CHECKS", "Checks"]
