"""The catalogue as the service uses it: in memory for the hot path, over HTTP for operators."""
