"""Replays traces over a modelled memory with the very scheduler that the service uses."""
