"""Builds the service from its settings and takes it down again: the one place that wires."""

from orchestrator.bootstrap.opening import open_services
from orchestrator.bootstrap.parts import run_limits
from orchestrator.bootstrap.services import Services, readiness, readiness_status

__all__ = ["Services", "open_services", "readiness", "readiness_status", "run_limits"]
