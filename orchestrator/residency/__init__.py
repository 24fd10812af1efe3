"""Local models in memory: which are, and reports of simulations."""
