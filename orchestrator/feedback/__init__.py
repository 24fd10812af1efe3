"""What callers thought of answers, and the scores that come of it."""
