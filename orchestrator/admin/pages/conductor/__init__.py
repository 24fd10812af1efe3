"""Conductor: strategies as pictures, which requests get which, runs, and what they have taught."""
