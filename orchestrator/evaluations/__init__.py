"""Collecting evidence about experts: prompts asked, answers kept and graded, scores and a report."""
