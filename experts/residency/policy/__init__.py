"""Decisions about memory as pure functions of values; simulator and service use the same ones."""
