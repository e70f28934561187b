"""State that many workers share: circuits, gates and counters, on a Valkey server or in memory."""

from ranvier.store.memory import MemoryStore
from ranvier.store.protocol import Store

__all__ = ["MemoryStore", "Store"]
