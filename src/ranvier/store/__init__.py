"""State that many workers share: circuits, gates, spend limits, counters; on a Valkey server or in memory."""

from ranvier.store.errors import StoreError
from ranvier.store.memory import MemoryStore
from ranvier.store.protocol import Store
from ranvier.store.valkey.store import ValkeyStore

__all__ = ["MemoryStore", "Store", "StoreError", "ValkeyStore"]
