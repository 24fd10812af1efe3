"""Teaches reliability models on recorded answers to questions of choice."""
