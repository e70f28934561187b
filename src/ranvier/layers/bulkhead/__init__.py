"""The bulkhead: the layer, and the fair queue for its places."""
