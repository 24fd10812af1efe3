"""Answers that are kept: which requests may have them, what a tenant wants, and who may look and purge."""
