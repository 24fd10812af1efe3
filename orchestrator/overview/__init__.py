"""What operators look at first: figures over a range of time, experts as they are now, what needs attention."""
