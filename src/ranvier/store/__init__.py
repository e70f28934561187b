"""State that many workers share: circuits, gates, counters, on a Valkey server or in memory."""
