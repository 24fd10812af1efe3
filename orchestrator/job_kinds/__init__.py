"""Kinds of jobs that operators start: exports, trainings, evaluations. Batches have a room of their own."""
