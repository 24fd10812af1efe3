"""Experts: the catalogue as a list, and one expert with everything about it."""
