"""Which experts there are: entries, their history in Postgres, and what a change changes."""
