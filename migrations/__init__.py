"""The schema's history (Alembic). Applied at start, under an advisory lock."""
