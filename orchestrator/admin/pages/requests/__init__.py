"""Requests: the log, and why each went where it went."""
