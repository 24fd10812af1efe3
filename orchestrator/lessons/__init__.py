"""Lessons that runs have taught, stored for tenants that let their content be stored."""
