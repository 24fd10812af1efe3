"""All that the scripted upstream can do wrong, by the name of a model."""

from __future__ import annotations

from tests.faults.broken_answers import ANSWERS
from tests.faults.broken_wire import WIRE
from tests.faults.exchange import Table

BEHAVIOURS: Table = {**WIRE, **ANSWERS}
