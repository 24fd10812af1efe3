"""Tables of files."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

files = sa.Table(
    "files",
    metadata,
    sa.Column("id", sa.Text(collation="C"), primary_key=True),
    sa.Column("tenant", sa.Text),
    sa.Column("key_id", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("purpose", sa.Text),
    sa.Column("bytes", sa.BigInteger),
    sa.Column("lines", sa.BigInteger),
    sa.Column("created_at", sa.DateTime(timezone=True)),
    sa.Column("expires_at", sa.DateTime(timezone=True)),
    sa.Column("complete", sa.Boolean),
    sa.Column("job_id", sa.Text(collation="C")),
)
"""A file is there once it is ``complete``. One with a ``job_id`` has no pieces: it is what the items of
that job say, put together when it is read."""

chunks = sa.Table(
    "file_chunks",
    metadata,
    sa.Column("file_id", sa.Text(collation="C"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("data", sa.LargeBinary),
)
