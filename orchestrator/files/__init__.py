"""Files that callers upload, in Postgres in pieces, so that every replica and worker has them."""
