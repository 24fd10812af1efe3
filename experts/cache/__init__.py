"""Answers kept for the next time: the same request, one under way at the same moment, one like it.

Nothing here knows tenants' settings or HTTP: ``orchestrator/caching`` does.
"""
