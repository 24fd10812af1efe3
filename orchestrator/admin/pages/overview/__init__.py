"""Overview: what happened, what it cost, and what needs somebody."""
