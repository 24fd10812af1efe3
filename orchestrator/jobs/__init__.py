"""Jobs: work of many items that does not belong inside a request, with its truth in Postgres."""
