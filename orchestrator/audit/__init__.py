"""Who changed what: an append-only log whose entries are chained by hashes."""
