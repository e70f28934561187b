"""Shares circuits, gates, spend limits and counters among workers, by a Valkey server or in memory."""

from ranvier.store.errors import StoreError
from ranvier.store.memory import MemoryStore
from ranvier.store.protocol import Store
from ranvier.store.valkey.store import ValkeyStore

__all__ = ["MemoryStore", "Store", "StoreError", "ValkeyStore"]
