"""Chooses the key of a call: the resolver, its cache, and key rotation."""
