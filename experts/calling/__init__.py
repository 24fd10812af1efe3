"""One call made well: the request prepared, the endpoint and key chosen, the provider called."""
