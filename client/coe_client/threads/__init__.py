"""The client for threads, group by group."""
