"""Keyed hashes of mail addresses and keys, which replace them where they must not be stored."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from acra_express_async.db.session.pool import Connection


@dataclass(frozen=True, slots=True)
class AddressHash:
    """HMAC-SHA256 under a key that the migration created; it leaves the database only into memory."""

    key: bytes = field(repr=False)

    def digest(self, address: str) -> bytes:
        """The hash of the lower-cased, trimmed address."""
        return hmac.new(self.key, address.strip().lower().encode("utf-8", "replace"), hashlib.sha256).digest()

    def text(self, address: str) -> str:
        """The hash in hex, for JSON and for the opt-out list."""
        return self.digest(address).hex()

    def key_print(self, key: str) -> str:
        """The fingerprint of a provider's key, in hex, by which two processes tell whether they have the same one."""
        return hmac.new(self.key, b"provider key\0" + key.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


async def load_address_hash(connection: Connection) -> AddressHash:
    """Read the key; once a process, at start."""
    return AddressHash(bytes(await connection.fetchval("SELECT key FROM acra_express.hash_key")))
