"""Which local models are in memory: tiers, look-ahead, grouping by model, and a simulator of it all."""
