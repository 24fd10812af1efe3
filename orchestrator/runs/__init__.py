"""Runs in the background: stored step by step, resumed by any worker, watched and steered over HTTP."""
