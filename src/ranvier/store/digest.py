"""Computes the digests that stand for tenants and keys in a store."""

from __future__ import annotations

from hashlib import blake2b


def digest(name: str, key: bytes) -> str:
    """32 hexadecimal digits, from which `name` cannot be guessed without `key` (at most 64 bytes)."""
    return blake2b(name.encode("utf-8", "surrogatepass"), key=key, digest_size=16).hexdigest()
