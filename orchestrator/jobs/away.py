"""What is raised while Postgres is away, by whoever talks to it. All else is a bug."""

from __future__ import annotations

import psycopg
import sqlalchemy.exc

AWAY = (
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    OSError,
)
