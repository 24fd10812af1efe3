"""What each request cost: recorded before it counts as done, kept in Postgres."""
