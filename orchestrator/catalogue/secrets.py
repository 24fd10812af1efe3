"""Secrets of experts: encrypted in the registry, in clear only in memory."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from experts.catalogue import repository
from experts.catalogue.expert import SecretRef
from experts.catalogue.tables import secrets as table
from experts.errors import ExpertMisconfigured
from orchestrator.kit.logs import hide

SETTING = "COE_SECRET_KEY"
KEY_FILE = "secret-key"
"""Of the data directory: holds the key where the setting does not."""
TOPIC = "catalogue"
MAX_VALUE = 8192
_NOT_FOR_EXPERTS = frozenset({SETTING, "DATABASE_URL", "REDIS_URL"})

log = logging.getLogger(__name__)


class SecretKeyInvalid(Exception):
    """The encryption key is not one; the message names the setting."""


class SecretUnavailable(ExpertMisconfigured):
    """A secret that an expert refers to cannot be had: not there, or not readable."""


class SecretUnknown(Exception):
    """There is no stored secret of this name."""


@dataclass(frozen=True, slots=True)
class SecretRecord:
    """What may be seen of a secret."""

    name: str
    updated_at: datetime


def cipher_of(keys: Sequence[str]) -> MultiFernet:
    """Return the cipher: the first key encrypts, every key decrypts.

    Args:
        keys: Fernet keys, 32 bytes in URL-safe base64
            (https://github.com/fernet/spec/blob/master/Spec.md).

    Raises:
        SecretKeyInvalid: If there is none or one is malformed.
    """
    try:
        ciphers = [Fernet(key.encode()) for key in keys]
    except ValueError as error:
        raise SecretKeyInvalid(
            f"{SETTING} is not a key: it takes 32 bytes in URL-safe base64, as Fernet's "
            "generate_key() makes them; several separated by commas, the newest first."
        ) from error
    if not ciphers:
        raise SecretKeyInvalid(f"{SETTING} holds no key.")
    return MultiFernet(ciphers)


def split_keys(setting: str) -> list[str]:
    """Return the keys that a setting's value holds, separated by commas."""
    return [key.strip() for key in setting.split(",") if key.strip()]


def generate_key() -> str:
    """Return a new encryption key."""
    return Fernet.generate_key().decode()


class SecretStore:
    """Keeps secrets and resolves references to them.

    Args:
        engine: Where the ciphertexts are kept.
        keys: Encryption keys, the newest first; see :func:`cipher_of`.
        environment: Environment variables that references by ``env`` are looked up in.
        announce: Tells the other replicas of a change; must not raise.
        hidden: Environment variables that no expert may have, such as the service's own
            credentials: an entry could send them to a server of its author's.
        changed: Called with the names of secrets that are new or have another value; must not raise.

    Raises:
        SecretKeyInvalid: If a key is malformed.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        keys: Sequence[str],
        environment: Mapping[str, str],
        announce: Callable[[str], Awaitable[None]],
        *,
        hidden: Collection[str] = _NOT_FOR_EXPERTS,
        changed: Callable[[frozenset[str]], None] | None = None,
    ) -> None:
        hide(*keys)
        self._engine = engine
        self._cipher = cipher_of(keys)
        self._first = cipher_of(keys[:1])
        self.several_keys = len(keys) > 1
        """Whether there may be something to rotate."""
        self._environment = environment
        self._announce = announce
        self._hidden = frozenset(hidden)
        self._changed_values = changed
        self._values: Mapping[str, str] = {}
        self._unreadable: frozenset[str] = frozenset()

    @property
    def unreadable(self) -> frozenset[str]:
        """Names of stored secrets that the key in use does not decrypt."""
        return self._unreadable

    def resolve(self, reference: SecretRef) -> str:
        """Return the secret a reference stands for, from memory.

        Raises:
            SecretUnavailable: If it is not there or cannot be decrypted; says which and what to do.
        """
        if reference.env is not None:
            return self._from_environment(reference.env)
        name = reference.stored or ""
        if name in self._unreadable:
            raise SecretUnavailable(
                f"The stored secret {name!r} cannot be decrypted: {SETTING} is not the key it was "
                f"encrypted with. Add the former key to {SETTING}, or store the secret anew."
            )
        if name not in self._values:
            raise SecretUnavailable(
                f"There is no stored secret {name!r}. Set it with 'coe secrets set {name}'."
            )
        return self._values[name]

    async def load(self, connection: AsyncConnection) -> None:
        """Read and decrypt all secrets. One that cannot be decrypted fails when it is used."""
        values: dict[str, str] = {}
        unreadable: set[str] = set()
        for name, ciphertext in await connection.execute(
            sa.select(table.c.name, table.c.ciphertext)
        ):
            try:
                values[name] = self._decrypt(name, ciphertext)
            except InvalidToken:
                unreadable.add(name)
        if unreadable - self._unreadable:
            log.error(
                "%d stored secret(s) cannot be decrypted with %s: %s",
                len(unreadable),
                SETTING,
                ", ".join(sorted(unreadable)),
            )
        hide(*values.values())
        before = self._values
        self._values, self._unreadable = values, frozenset(unreadable)
        renewed = frozenset(name for name in values if values[name] != before.get(name))
        if renewed and self._changed_values is not None:
            self._changed_values(renewed)

    async def page(self, *, limit: int, after: str = "") -> list[SecretRecord]:
        """Return up to ``limit`` secrets with names after ``after``; never their values."""
        statement = sa.select(table.c.name, table.c.updated_at).where(table.c.name > after)
        async with self._engine.connect() as connection:
            rows = await connection.execute(statement.order_by(table.c.name).limit(limit))
            return [SecretRecord(row.name, row.updated_at) for row in rows]

    async def put(self, name: str, value: str, *, by: str) -> None:
        """Store a secret, replacing an older one of that name.

        Args:
            name: As :class:`~experts.catalogue.expert.SecretRef` takes it.
            value: Printable ASCII, up to ``MAX_VALUE`` characters: it has to fit in a header.
            by: Who does it.

        Raises:
            ValueError: If name or value are not as described; does not quote the value.
        """
        _check(name, value)
        statement = insert(table).values(
            name=name, ciphertext=self._encrypt(name, value), updated_by=by
        )
        statement = statement.on_conflict_do_update(
            index_elements=[table.c.name],
            set_={
                "ciphertext": statement.excluded.ciphertext,
                "updated_at": sa.func.now(),
                "updated_by": statement.excluded.updated_by,
            },
        )
        async with self._engine.begin() as connection:
            await repository.lock(connection)
            await connection.execute(statement)
            await repository.bump(connection)
        await self._changed()

    async def delete(self, name: str) -> None:
        """Forget a secret.

        Raises:
            SecretUnknown: If there is none of that name.
        """
        async with self._engine.begin() as connection:
            await repository.lock(connection)
            gone = await connection.execute(sa.delete(table).where(table.c.name == name))
            if not gone.rowcount:
                raise SecretUnknown(f"There is no stored secret {name!r}.")
            await repository.bump(connection)
        await self._changed()

    async def rotate(self) -> int:
        """Encrypt anew what another key than the first has encrypted; return how much it was.

        Afterwards the other keys are needed no more, unless :attr:`unreadable` names a secret.
        """
        count = 0
        async with self._engine.begin() as connection:
            await repository.lock(connection)
            rows = await connection.execute(sa.select(table.c.name, table.c.ciphertext))
            for name, ciphertext in rows.all():
                renewed = self.renewed(ciphertext)
                if renewed is None:
                    continue
                count += 1
                await connection.execute(
                    sa.update(table).where(table.c.name == name).values(ciphertext=renewed)
                )
        return count

    def renewed(self, ciphertext: bytes) -> bytes | None:
        """Return a ciphertext made anew with the first key.

        ``None`` where there is nothing to do: it is the first key's already, or no key reads it.
        """
        try:
            self._first.decrypt(ciphertext)
        except InvalidToken:
            try:
                return self._cipher.rotate(ciphertext)
            except InvalidToken:
                return None
        return None

    def seal(self, name: str, value: str) -> bytes:
        """Encrypt a secret that is kept elsewhere, under a name it is then asked for by."""
        return self._encrypt(name, value)

    def unseal(self, name: str, ciphertext: bytes) -> str:
        """Decrypt what :meth:`seal` made.

        Raises:
            InvalidToken: If the key is another, or the name.
        """
        return self._decrypt(name, ciphertext)

    def _from_environment(self, name: str) -> str:
        if name.upper() in self._hidden:  # settings are read in any case
            raise SecretUnavailable(f"The environment variable {name} is not for experts.")
        value = self._environment.get(name)
        if not value:
            raise SecretUnavailable(f"The environment variable {name} is not set.")
        hide(value)
        return value

    def _encrypt(self, name: str, value: str) -> bytes:
        # The name is inside, so that swapping two ciphertexts in the table is noticed.
        return self._cipher.encrypt(json.dumps([name, value]).encode())

    def _decrypt(self, name: str, ciphertext: bytes) -> str:
        owner, value = json.loads(self._cipher.decrypt(ciphertext))
        if owner != name:
            raise InvalidToken
        return str(value)

    async def _changed(self) -> None:
        async with self._engine.connect() as connection:
            await self.load(connection)
        await self._announce(TOPIC)


def _check(name: str, value: str) -> None:
    SecretRef(stored=name)
    if not 0 < len(value) <= MAX_VALUE:
        raise ValueError(f"a secret has 1 to {MAX_VALUE} characters")
    if not (value.isascii() and value.isprintable()):
        raise ValueError("a secret holds printable ASCII only: it has to fit in a header")
