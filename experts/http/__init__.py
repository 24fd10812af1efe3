"""Asks HTTP servers: the least that is needed for that, as every request for an answer goes this way."""
