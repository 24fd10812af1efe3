"""Batches: OpenAI's ``/v1/batches``, many requests in a file, answered within a time."""
