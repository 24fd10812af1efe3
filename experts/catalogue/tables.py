"""The catalogue's tables (Postgres). Their history is in ``migrations/``."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

_id = String(64, collation="C")  # bytewise, so that pages are ordered alike everywhere
_moment = DateTime(timezone=True)

experts = Table(
    "experts",
    metadata,
    Column("id", _id, primary_key=True),
    Column("head_version", Integer, nullable=False),
    Column("created_at", _moment, nullable=False, server_default=func.now()),
    Column("updated_at", _moment, nullable=False, server_default=func.now()),
    Column("retired_at", _moment),
    Column("retired_by", String(200)),  # the last one who did, also when it has come back
    # Checked at commit: expert and first version point at each other.
    ForeignKeyConstraint(
        ["id", "head_version"],
        ["expert_versions.expert_id", "expert_versions.version"],
        name="experts_head_fkey",
        deferrable=True,
        initially="DEFERRED",
        use_alter=True,
    ),
)
"""One row an expert; the head is a pointer into ``expert_versions``."""

expert_versions = Table(
    "expert_versions",
    metadata,
    Column("expert_id", _id, ForeignKey("experts.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("spec", JSONB, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("created_at", _moment, nullable=False, server_default=func.now()),
    Column("created_by", String(200), nullable=False),
    Column("comment", String(1000), nullable=False, server_default=text("''")),
    CheckConstraint("version >= 1", name="expert_versions_version_check"),
)
"""What every expert was at any time. A trigger refuses UPDATE and DELETE."""

catalogue_state = Table(
    "catalogue_state",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="catalogue_state_id_check"),
)
"""One row. Its revision grows with every change, and its lock makes writers take turns."""

secrets = Table(
    "secrets",
    metadata,
    Column("name", _id, primary_key=True),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("updated_at", _moment, nullable=False, server_default=func.now()),
    Column("updated_by", String(200), nullable=False),
)
"""Secrets by name, encrypted by the service before they get here."""
