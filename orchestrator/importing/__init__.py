"""Configurations of other gateways, turned into ours. Pure: text in, a plan out."""
